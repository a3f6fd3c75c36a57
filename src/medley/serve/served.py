"""The models of a server: each is loaded, batched, and loaded again when its files are replaced."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from medley.errors import ConfigError, ErrorCollector, MedleyError, did_you_mean
from medley.serve.batching import Batcher
from medley.serve.engine import description_of, fingerprint_of, open_model
from medley.serve.loaded import Loaded
from medley.serve.logs import log
from medley.serve.metrics import Metrics
from medley.serve.refusal import Refusal
from medley.serve.settings import Settings
from medley.tables.predictor import Predictor

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Models = str | Path | Predictor | Iterable[str | Path] | Mapping[str, str | Path | Predictor]


class ServedModel:
    """One model under its name.

    Args:
        name: in addresses.
        source: where it is saved; or the model itself, which is never loaded again.
        settings: of the server.
        metrics: of the server.
        exports: folder for exported networks.
    """

    def __init__(
        self, name: str, source: Path | Predictor, settings: Settings, metrics: Metrics, exports: Path
    ) -> None:
        self.name = name
        self.reload_error = ""
        self._path = source if isinstance(source, Path) else None
        self._settings = settings
        self._metrics = metrics
        self._exports = exports
        self._stamp = self._file_stamp()
        self.loaded = self._open(source)
        self.batcher = Batcher(settings.batching, self._observe)
        metrics.watch_queue(name, lambda: self.batcher.waiting_rows)

    def _open(self, source: Path | Predictor) -> Loaded:
        if isinstance(source, Path):
            predictor, engine = open_model(source, self._settings, self._exports)
            loaded = Loaded(self.name, predictor, engine, fingerprint_of(source))
        else:
            engine = "onnx" if hasattr(source, "session") else "torch"
            loaded = Loaded(self.name, source, engine, "memory")
        loaded.warm_up()
        log("loaded", model=self.name, engine=loaded.engine, version=loaded.version)
        return loaded

    def _observe(self, rows: int) -> None:
        self._metrics.batch_rows.labels(self.name).observe(rows)
        self._metrics.rows.labels(self.name).inc(rows)

    def _file_stamp(self) -> tuple[int, int, int] | None:
        """What changes when the model is replaced; None where there is no complete model."""
        if self._path is None:
            return None
        try:
            stat = description_of(self._path).stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    async def watch(self) -> None:
        """Loads the model again whenever its files are replaced, until it is cancelled."""
        while self._path is not None and self._settings.reload_seconds:
            await asyncio.sleep(self._settings.reload_seconds)
            stamp = self._file_stamp()
            if stamp is not None and stamp != self._stamp:
                self._stamp = stamp
                await self._reload(self._path)

    async def _reload(self, path: Path) -> None:
        """Puts the new version in the place of the old one, which stays where the new one cannot be loaded."""
        try:
            self.loaded = await asyncio.to_thread(self._open, path)
        except Exception as error:  # whatever is in the new files, the old model goes on answering
            self.reload_error = str(error)
            level = logging.WARNING if isinstance(error, MedleyError) else logging.ERROR
            log("reload failed", level=level, error=error, model=self.name)
            self._metrics.reloads.labels(self.name, "error").inc()
            return
        self.reload_error = ""
        self._metrics.reloads.labels(self.name, "ok").inc()

    def health(self) -> dict[str, Any]:
        """The state of the model as JSON."""
        state = {
            "version": self.loaded.version,
            "engine": self.loaded.engine,
            "waiting_rows": self.batcher.waiting_rows,
        }
        return {**state, "reload_error": self.reload_error} if self.reload_error else state


class ServedModels:
    """All models of a server.

    Args:
        models: a path, a model, several paths, or a dict of such by name.
        settings: of the server.
        metrics: of the server.
        exports: folder for exported networks.

    Raises:
        ConfigError: there are none, two have the same name, a name cannot be part of an address, or a model cannot be
            loaded; all errors are reported.
    """

    def __init__(self, models: Models, settings: Settings, metrics: Metrics, exports: Path) -> None:
        errors = ErrorCollector()
        self._models: dict[str, ServedModel] = {}
        for name, source in named_sources(models, errors).items():
            with errors.collecting():
                self._models[name] = ServedModel(name, source, settings, metrics, exports)
        errors.raise_if_any(ConfigError)
        self._tasks: list[asyncio.Task[None]] = []

    def __iter__(self) -> Any:
        return iter(self._models.values())

    def __getitem__(self, name: str) -> ServedModel:
        """The model of a name.

        Raises:
            Refusal: there is none.
        """
        if name not in self._models:
            raise Refusal(404, f"There is no model {name!r:.100}.{did_you_mean(name, self._models)}")
        return self._models[name]

    def start(self) -> None:
        """Begins to watch the files of the models."""
        self._tasks = [asyncio.create_task(model.watch()) for model in self]

    async def stop(self) -> None:
        """Ends watching, and finishes the requests that were taken."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(model.batcher.close() for model in self))


def named_sources(models: Models, errors: ErrorCollector) -> dict[str, Path | Predictor]:
    """Name -> path or model, from what a caller passes; errors are added.

    >>> list(named_sources(["models/pets", "models/houses.onnx"], ErrorCollector()))
    ['pets', 'houses']
    """
    if isinstance(models, Predictor):
        models = {"model": models}
    if isinstance(models, str | Path):
        models = [models]
    pairs: list[tuple[str, str | Path | Predictor]] = []
    if isinstance(models, Mapping):
        pairs = [(str(name), source) for name, source in models.items()]
    else:
        pairs = [(name_of_path(Path(path)), path) for path in models]
    sources: dict[str, Path | Predictor] = {}
    for name, source in pairs:
        if not _NAME.fullmatch(name):
            errors.add(
                f"{name!r} cannot be the name of a model: pass NAME=PATH, with letters, digits, '-', '_' or '.'."
            )
        elif name in sources:
            errors.add(f"Two models are called {name!r}: pass NAME=PATH.")
        sources[name] = source if isinstance(source, Predictor) else Path(source)
    if not pairs:
        errors.add("There is no model to serve: pass the path of one.")
    return {} if errors.errors else sources


def name_of_path(path: Path) -> str:
    """The name of a model that is served under no other.

    >>> name_of_path(Path("models/pets.onnx"))
    'pets'
    """
    return path.stem if path.suffix == ".onnx" else path.resolve().name
