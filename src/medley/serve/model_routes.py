"""The routes of JSON: which models there are, and `POST /models/M/predict`."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from typing import Any

from fastapi import APIRouter, Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from medley.serve.answers import json_value
from medley.serve.body import parse_json, read_body
from medley.serve.fields import Field
from medley.serve.loaded import Loaded, Predicted
from medley.serve.model_request import ModelRequest
from medley.serve.refusal import CellError, Refusal
from medley.serve.rows import Options, Rows, rows_of_json
from medley.serve.settings import Settings

router = APIRouter()
_OPTIONS = tuple(option.name for option in dataclass_fields(Options))


@router.get("/models")
async def list_models(request: Request) -> Response:
    """All models with their columns and targets."""
    settings: Settings = request.app.state.settings
    models = [{**model.loaded.state(), **model.health()} for model in request.app.state.served]
    return JSONResponse({"models": models, "explained_rows": settings.explained_rows, "rows": settings.limits.rows})


@router.get("/models/{name}")
async def describe_model(request: Request, name: str) -> Response:
    """One model with its columns and targets."""
    model = request.app.state.served[name]
    return JSONResponse({**model.loaded.state(), **model.health()})


@router.post("/models/{name}/predict")
async def predict(request: Request, name: str) -> Response:
    """Answers to rows, as JSON or as a form with files."""
    model_request = ModelRequest.of(request, name)
    loaded, settings = model_request.loaded, model_request.settings
    with model_request.model.batcher.arriving():
        rows, options = await _read(request, loaded, settings)
    if options.explain and len(rows) > settings.explained_rows:
        message = f"At most {settings.explained_rows} rows of a request can be explained, got {len(rows):,}."
        raise Refusal(422, message)
    return JSONResponse(_content(loaded, await model_request.predicted(rows, options)))


def _content(loaded: Loaded, predicted: Predicted) -> dict[str, Any]:
    content: dict[str, Any] = {
        "model": loaded.name,
        "version": loaded.version,
        "answers": list(predicted.answers),
        "warnings": [{"row": cell.row, "column": cell.column, "message": cell.message} for cell in predicted.warnings],
    }
    if predicted.influences:
        content["influences"] = json_value(
            [
                {target: [influence.state() for influence in listed] for target, listed in row.items()}
                for row in predicted.influences
            ]
        )
    return content


async def _read(request: Request, loaded: Loaded, settings: Settings) -> tuple[Rows, Options]:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _read_form(request, loaded, settings)
    if kind != "application/json":
        raise Refusal(415, f"The body must be application/json or a form, got {kind!r:.60}.")
    body = await read_body(request, settings.limits)
    return rows_of_json(parse_json(body, settings.limits.depth), loaded.fields, settings.limits)


async def _read_form(request: Request, loaded: Loaded, settings: Settings) -> tuple[Rows, Options]:
    """One row from a form: a part per column, with files for images and recordings."""
    body = await read_body(request, settings.limits)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=200, max_fields=2_000, max_part_size=len(body) + 1)
    except (HTTPException, FormParserError) as error:
        raise Refusal(400, f"The form cannot be read: {getattr(error, 'detail', error)}.") from None
    cells: dict[str, Any] = {}
    errors: list[CellError] = []
    fields = {field.name: field for field in loaded.fields}
    parts: dict[str, list[Any]] = {}
    for part, value in form.multi_items():
        parts.setdefault(part, []).append(await value.read() if isinstance(value, UploadFile) else value)
    await form.close()
    options = {part: _option(parts.pop(part)[-1]) for part in _OPTIONS if part in parts and part not in fields}
    for part, values in parts.items():
        if part in fields:
            cells[part] = _cell_of_part(values, fields[part], errors)
    if errors:
        raise Refusal(422, f"{len(errors)} parts of the form cannot be used.", errors)
    missing = dict.fromkeys(fields)  # a form leaves out what is empty
    return rows_of_json({"rows": [{**missing, **cells}], **options}, loaded.fields, settings.limits)


def _option(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, number_of(value)) if isinstance(value, str) else value


def _cell_of_part(values: list[Any], field: Field, errors: list[CellError]) -> Any:
    if field.control == "images":
        return values
    if len(values) > 1:
        errors.append(CellError(0, field.name, f"The column takes one value, got {len(values)}."))
        return None
    value = values[0]
    if value == "" or value == b"":
        return None
    if isinstance(value, bytes) and not field.is_file:
        return value.decode("utf-8", "replace")
    return number_of(value) if field.control == "number" and isinstance(value, str) else value


def number_of(text: str) -> Any:
    """A number that is written plainly, as a number; other texts as they are: the model may read them.

    >>> number_of("3"), number_of("2.5"), number_of("12 kg")
    (3, 2.5, '12 kg')
    """
    try:
        number = float(text)
    except ValueError:
        return text
    if number != number or number in (float("inf"), float("-inf")) or "_" in text:
        return text
    return int(text) if text.strip().lstrip("+-").isdecimal() and len(text) < 16 else number
