"""The description of the server in OpenAPI 3.1, with the columns, targets and examples of its own models."""

from __future__ import annotations

from typing import Any

from medley import __version__
from medley.serve.fields import Field, Target
from medley.serve.loaded import Loaded
from medley.serve.served import ServedModels
from medley.serve.settings import Settings

_NULL = {"type": "null"}
_ERRORS = {
    "400": "The body is not JSON, or is too deep.",
    "404": "There is no such model.",
    "408": "The request was not complete in time.",
    "413": "The request has too many rows or bytes.",
    "415": "The content type is not supported.",
    "422": "A row cannot be predicted; `errors` lists the cells.",
    "503": "Too many rows are waiting; try again after Retry-After seconds.",
    "504": "There is no result in time.",
}


def openapi(served: ServedModels, settings: Settings) -> dict[str, Any]:
    """The description, as JSON values."""
    paths: dict[str, Any] = {
        "/health": _get("Whether the server runs, and its models", {"type": "object"}),
        "/metrics": {"get": {"summary": "Metrics for Prometheus", "responses": {"200": _text("text/plain")}}},
        "/models": _get("All models with their columns and targets", {"type": "object"}),
        "/v2": _get("Name, version and extensions of the server", {"type": "object"}),
        "/v2/health/live": _get("Whether the server runs", {"type": "object"}),
        "/v2/health/ready": _get("Whether all models are loaded", {"type": "object"}),
    }
    for model in served:
        loaded: Loaded = model.loaded
        paths[f"/models/{model.name}"] = _get(f"{model.name}: its columns and targets", {"type": "object"})
        paths[f"/models/{model.name}/predict"] = {"post": _predict(loaded)}
        if loaded.view is not None:
            paths[f"/models/{model.name}/predict.csv"] = {"post": _predict_csv(loaded)}
        paths[f"/v2/models/{model.name}"] = _get(f"{model.name}: its tensors", {"type": "object"})
        paths[f"/v2/models/{model.name}/ready"] = _get(f"Whether {model.name} can be asked", {"type": "object"})
        paths[f"/v2/models/{model.name}/infer"] = {"post": _infer(loaded)}
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "medley", "version": __version__, "description": "Predictions of the models of this server."},
        "paths": paths,
        "components": {"schemas": {"Error": _error_schema()}},
    }
    if settings.api_key is not None:
        description["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        description["security"] = [{"key": []}]
        for path in paths.values():
            for operation in path.values():
                operation["responses"]["401"] = _error("The key is missing or wrong.")
    return description


def _predict(loaded: Loaded) -> dict[str, Any]:
    row = _row_schema(loaded)
    options = {
        "probabilities": {"type": "boolean", "default": True},
        "explain": {"type": "boolean", "default": False, "description": "How much each cell mattered."},
        "interval": {"type": ["number", "null"], "description": "A probability such as 0.9: adds intervals and sets."},
        "calibrated": {"type": "boolean", "default": True},
        "on_unreadable": {"enum": ["raise", "warn"], "default": "raise"},
    }
    columns = {"type": "object", "properties": {field.name: _list(_cell_schema(field)) for field in loaded.fields}}
    body = {
        "oneOf": [
            {
                "type": "object",
                "properties": {"rows": _list(row), **options},
                "required": ["rows"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"columns": columns, **options},
                "required": ["columns"],
                "additionalProperties": False,
            },
        ],
        "examples": [{"rows": [example_row(loaded)]}],
    }
    form = {
        "type": "object",
        "properties": {
            field.name: {"type": "string", "format": "binary"} if field.is_file else {"type": "string"}
            for field in loaded.fields
        },
    }
    answers = {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "string"},
            "answers": _list(
                {"type": "object", "properties": {str(target.name): _answer(target) for target in loaded.targets}}
            ),
            "warnings": _list({"type": "object"}),
            "influences": _list({"type": "object"}),
        },
        "required": ["model", "version", "answers", "warnings"],
    }
    return {
        "summary": f"Predict {', '.join(str(target.name) for target in loaded.targets)}",
        "operationId": f"predict_{loaded.name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body}, "multipart/form-data": {"schema": form}},
        },
        "responses": {"200": _json("Answers, in the order of the rows", answers), **_error_responses()},
    }


def _predict_csv(loaded: Loaded) -> dict[str, Any]:
    return {
        "summary": "Predict the rows of a CSV file",
        "operationId": f"predict_csv_{loaded.name}",
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}},
        "responses": {"200": _text("text/csv"), **_error_responses()},
    }


def _infer(loaded: Loaded) -> dict[str, Any]:
    tensor = {
        "type": "object",
        "properties": {
            "name": {"enum": [field.name for field in loaded.fields]},
            "datatype": {"type": "string"},
            "shape": _list({"type": "integer", "minimum": 0}),
            "data": {"type": "array"},
            "parameters": {"type": "object"},
        },
        "required": ["name", "datatype", "shape"],
    }
    body = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "inputs": _list(tensor),
            "outputs": _list({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}),
            "parameters": {"type": "object"},
        },
        "required": ["inputs"],
    }
    return {
        "summary": f"Predict with {loaded.name} by the Open Inference Protocol",
        "operationId": f"infer_{loaded.name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("Tensors of predictions", {"type": "object"}), **_error_responses()},
    }


def example_row(loaded: Loaded) -> dict[str, Any]:
    """A row of cells from the training table; null where the model keeps no example."""
    return {field.name: field.example for field in loaded.fields}


def _row_schema(loaded: Loaded) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _cell_schema(field) for field in loaded.fields},
        "examples": [example_row(loaded)],
    }


def _cell_schema(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": field.description}
    if field.control == "number":
        types: list[Any] = [{"type": "number"}]
        if field.unit or isinstance(field.example, str):
            types.append({"type": "string"})
        unit = f" In {field.unit}, unless another unit is written." if field.unit else ""
        limits = "" if field.low is None else f" {field.low:g} to {field.high:g} in the training table."
        schema["description"] += unit + limits
    elif field.control == "boolean":
        types = [{"type": "boolean"}]
    elif field.control == "choice":
        known = {"examples": list(field.choices)} if field.choices else {}
        types = [{"type": ["string", "number", "boolean"], **known}]
    elif field.control == "images":
        types = [_list(_file_schema("image/*"))]
    elif field.is_file:
        types = [_file_schema("audio/*" if field.control == "audio" else "image/*")]
    elif field.kind in ("table", "array"):
        cells = {"properties": {column.name: _cell_schema(column) for column in field.columns}} if field.columns else {}
        types = [{"type": "array"}, *([{"type": "object", **cells}] if field.kind == "table" else [])]
    elif field.control == "list":
        types = [_list({"type": "string" if field.kind == "set" else ["number", "array"]}), {"type": "string"}]
    else:
        types = [{"type": "string"}]
    types += [{"type": "array"}] if field.takes_arrays else []
    example = {} if field.example is None else {"examples": [field.example]}
    return {**schema, "anyOf": [*types, _NULL], **example}


def _file_schema(media_type: str) -> dict[str, Any]:
    return {"type": "string", "contentEncoding": "base64", "contentMediaType": media_type}


def _answer(target: Target) -> dict[str, Any]:
    properties: dict[str, Any] = {"prediction": {} if target.labels is None else {"examples": list(target.labels[:3])}}
    if target.labels is None:
        properties["interval"] = _list({"type": ["number", "null"]})
    else:
        properties["set"] = _list({})
        number = {"type": "number", "minimum": 0, "maximum": 1}
        properties["probabilities"] = {
            "type": "object",
            "properties": {str(label): number for label in target.labels[:100]},
        }
        if not target.is_set:
            properties["probability"] = number
    return {"type": "object", "properties": properties, "required": ["prediction"]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _text(media_type: str) -> dict[str, Any]:
    return {"description": "As text", "content": {media_type: {"schema": {"type": "string"}}}}


def _get(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": _json(summary, schema)}}}


def _error(description: str) -> dict[str, Any]:
    return _json(description, {"$ref": "#/components/schemas/Error"})


def _error_responses() -> dict[str, Any]:
    return {status: _error(description) for status, description in _ERRORS.items()}


def _error_schema() -> dict[str, Any]:
    cell = {
        "type": "object",
        "properties": {
            "row": {"type": ["integer", "null"]},
            "column": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["row", "column", "message"],
    }
    properties = {"error": {"type": "string"}, "errors": _list(cell)}
    return {"type": "object", "properties": properties, "required": ["error", "errors"]}
