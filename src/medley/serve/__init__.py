"""A server for models of tables: JSON, the Open Inference Protocol and a page, without torch where a model exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.errors import MissingDependencyError, is_missing_part
from medley.serve.settings import Batching, Limits, Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from medley.serve.served import Models

__all__ = ["Batching", "Limits", "Settings", "app"]


def app(models: Models, settings: Settings | None = None) -> FastAPI:
    """The server as an ASGI application, for uvicorn, hypercorn, or a part of another application.

    Args:
        models: the path of a saved or exported model, a model, several paths, or a dict of such by name.
        settings: limits, batching, engine, key; the defaults suit a server of one machine.

    Raises:
        ConfigError: a model cannot be loaded, or a name cannot be part of an address; all errors are reported.
        MissingDependencyError: the packages of `medley[serve]` are not installed.
    """
    try:
        from medley.serve.application import application
    except ModuleNotFoundError as error:
        if is_missing_part(error):
            raise
        package = error.name or "fastapi"
        message = f"medley.serve needs {package}."
        raise MissingDependencyError(message, package=package, extra="serve") from error
    return application(models, settings or Settings())
