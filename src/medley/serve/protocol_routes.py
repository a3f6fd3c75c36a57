"""The Open Inference Protocol, version 2: what KServe, Triton's clients and others speak.

Source: https://github.com/kserve/open-inference-protocol, with the binary extension of Triton.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from medley import __version__
from medley.serve.answers import json_cells
from medley.serve.body import parse_json, read_body
from medley.serve.loaded import Loaded
from medley.serve.model_request import ModelRequest
from medley.serve.refusal import Refusal
from medley.serve.rows import Options, Rows, checked_rows
from medley.serve.settings import Settings
from medley.serve.tensors import field_metadata, rows_of_tensors, target_metadata, tensors_of

router = APIRouter(prefix="/v2")
_HEADER = "inference-header-content-length"


@router.get("")
async def server() -> Response:
    """Name, version and extensions of the server."""
    return JSONResponse({"name": "medley", "version": __version__, "extensions": ["binary_tensor_data"]})


@router.get("/health/live")
async def live() -> Response:
    """Whether the server runs."""
    return JSONResponse({"live": True})


@router.get("/health/ready")
async def ready() -> Response:
    """Whether all models are loaded: they are before the server begins to listen."""
    return JSONResponse({"ready": True})


@router.get("/models/{name}")
@router.get("/models/{name}/versions/{version}")
async def metadata(request: Request, name: str, version: str | None = None) -> Response:
    """The tensors of a model."""
    loaded = _version(request, name, version)
    return JSONResponse(
        {
            "name": loaded.name,
            "versions": [loaded.version],
            "platform": f"medley_{loaded.engine}",
            "inputs": [field_metadata(field) for field in loaded.fields],
            "outputs": [tensor for target in loaded.targets for tensor in target_metadata(target)],
        }
    )


@router.get("/models/{name}/ready")
@router.get("/models/{name}/versions/{version}/ready")
async def model_ready(request: Request, name: str, version: str | None = None) -> Response:
    """Whether a model can be asked."""
    return JSONResponse({"name": _version(request, name, version).name, "ready": True})


@router.post("/models/{name}/infer")
@router.post("/models/{name}/versions/{version}/infer")
async def infer(request: Request, name: str, version: str | None = None) -> Response:
    """Predictions and probabilities as tensors, one per column of answers."""
    model_request = ModelRequest.of(request, name)
    loaded = _version(request, name, version)
    with model_request.model.batcher.arriving():
        content, rows = await _read(request, loaded, model_request.settings)
    predicted = await model_request.predicted(rows, Options(on_unreadable="raise"))
    columns = [(column, json_cells(cells)) for column, cells in predicted.columns]
    parameters = content.get("parameters")
    is_binary = bool(parameters.get("binary_data_output")) if isinstance(parameters, dict) else False
    requested = content.get("outputs") or None
    if requested is not None and not isinstance(requested, list):
        raise Refusal(400, "outputs must be a list of objects with names.")
    outputs, binary = tensors_of(columns, requested, binary=is_binary)
    answer: dict[str, Any] = {"model_name": loaded.name, "model_version": loaded.version, "outputs": outputs}
    if isinstance(content.get("id"), str):
        answer["id"] = content["id"]
    if not binary:
        return JSONResponse(answer)
    header = json.dumps(answer).encode()
    return Response(header + binary, media_type="application/octet-stream", headers={_HEADER: str(len(header))})


def _version(request: Request, name: str, version: str | None) -> Loaded:
    loaded: Loaded = request.app.state.served[name].loaded
    if version not in (None, loaded.version):
        raise Refusal(404, f"There is no version {version!r:.60} of {name!r}; the present one is {loaded.version!r}.")
    return loaded


async def _read(request: Request, loaded: Loaded, settings: Settings) -> tuple[dict[str, Any], Rows]:
    body = await read_body(request, settings.limits)
    length = request.headers.get(_HEADER)
    if length is not None and (not length.isdecimal() or int(length) > len(body)):
        raise Refusal(400, f"Inference-Header-Content-Length is {length!r:.40}, which is no part of the body.")
    size = len(body) if length is None else int(length)
    content = parse_json(body[:size], settings.limits.depth)
    rows = rows_of_tensors(content, body[size:], loaded.fields)
    return content, checked_rows(rows, loaded.fields, settings.limits)
