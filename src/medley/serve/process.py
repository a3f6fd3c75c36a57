"""Running the server with uvicorn: in this process, or in several that share a port."""

from __future__ import annotations

import gc
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import ConfigError, ErrorCollector, MissingDependencyError
from medley.serve.engine import open_model
from medley.serve.logs import log_to_stderr
from medley.serve.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_VARIABLE = "MEDLEY_SERVE"
"""The environment variable by which a process hands models and settings to its workers."""


@dataclass(frozen=True)
class Listener:
    """Where a server listens, and with how many processes.

    Args:
        host: address; `"127.0.0.1"` is reached from this machine only.
        port: TCP port.
        workers: processes.
        certificate: file of a TLS certificate, or None for plain HTTP.
        certificate_key: file of its key.
        drain_seconds: time that requests are given to finish when the server is stopped.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    certificate: str | None = None
    certificate_key: str | None = None
    drain_seconds: int = 30


def run(models: Mapping[str, str], settings: Settings, listener: Listener) -> None:
    """Serves until the process is interrupted or terminated; requests that were taken are finished.

    Args:
        models: name -> path.
        settings: of the server.
        listener: address, port, processes, TLS.

    Raises:
        ConfigError: a model cannot be loaded; all errors are reported.
        MissingDependencyError: the packages of `medley[serve]` are not installed.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        message = "medley serve needs uvicorn."
        raise MissingDependencyError(message, package="uvicorn", extra="serve") from error
    log_to_stderr()
    options: dict[str, Any] = {
        "host": listener.host,
        "port": listener.port,
        "ssl_certfile": listener.certificate,
        "ssl_keyfile": listener.certificate_key,
        "timeout_graceful_shutdown": listener.drain_seconds,
        "log_config": None,
        "access_log": False,
        "server_header": False,
    }
    if listener.workers == 1:
        from medley.serve import app

        application = app(dict(models), settings)
        freeze()
        uvicorn.run(application, **options)
        return
    with tempfile.TemporaryDirectory(prefix="medley-serve-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(dir=folder)
        shared = replace(settings, exports=settings.exports or tempfile.mkdtemp(dir=folder))
        _prepare(models, shared)
        os.environ[_VARIABLE] = json.dumps({"models": dict(models), "settings": shared.state()})
        uvicorn.run("medley.serve.process:worker", factory=True, workers=listener.workers, **options)


def _prepare(models: Mapping[str, str], settings: Settings) -> None:
    """Exports saved models once, for all workers; what cannot be loaded is an error here, and not in each of them."""
    from medley.serve.served import named_sources

    errors = ErrorCollector()
    for source in named_sources(dict(models), errors).values():
        with errors.collecting():
            open_model(Path(str(source)), settings, Path(settings.exports or ""))
    errors.raise_if_any(ConfigError)


def worker() -> FastAPI:
    """The application of one of several processes."""
    from medley.serve import app

    content = json.loads(os.environ[_VARIABLE])
    log_to_stderr()
    application = app(content["models"], Settings.restore(content["settings"]))
    freeze()
    return application


def freeze() -> None:
    """Exempts what is loaded from garbage collection, which would otherwise stop requests for tens of milliseconds."""
    gc.collect()
    gc.freeze()
