"""Puts the parts of the server together: models, routes, limits, metrics, start and end."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from medley import __version__
from medley.serve import csv_routes, model_routes, page, protocol_routes
from medley.serve.interface import openapi
from medley.serve.metrics import CONTENT_TYPE, Metrics
from medley.serve.refusal import Refusal
from medley.serve.request_frame import RequestFrame
from medley.serve.served import Models, ServedModels
from medley.serve.settings import Settings


def application(models: Models, settings: Settings) -> FastAPI:
    """The server as an ASGI application.

    Args:
        models: as in `medley.serve.app`.
        settings: of the server.

    Raises:
        ConfigError: a model cannot be loaded; all errors are reported.
    """
    metrics = Metrics()
    exports = Path(settings.exports or _temporary_folder())
    served = ServedModels(models, settings, metrics, exports)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        served.start()
        yield
        await served.stop()
        if settings.exports is None:
            shutil.rmtree(exports, ignore_errors=True)

    app = FastAPI(title="medley", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.served, app.state.settings, app.state.metrics = served, settings, metrics
    for routes in (page, model_routes, csv_routes, protocol_routes):
        app.include_router(routes.router)

    @app.get("/health")
    async def health() -> Response:
        return JSONResponse({"status": "ok", "models": [model.name for model in served]})

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return refusal_response(refusal, request, metrics)

    @app.exception_handler(HTTPException)
    async def not_routed(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": str(error.detail), "errors": []}, error.status_code, error.headers)

    app.openapi = lambda: openapi(served, settings)
    app.add_middleware(RequestFrame, metrics=metrics, api_key=settings.api_key)
    return app


def _temporary_folder() -> str:
    """A folder that is removed when the process ends, unless a signal ends it: then the application removes it."""
    folder = tempfile.mkdtemp(prefix="medley-serve-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def refusal_response(refusal: Refusal, request: Request, metrics: Metrics) -> Response:
    """The answer to a request that is refused."""
    if refusal.status in (503, 504):
        metrics.refused.labels(getattr(request.state, "model", ""), str(refusal.status)).inc()
    headers: dict[str, Any] = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    return JSONResponse(refusal.content(), refusal.status, headers)
