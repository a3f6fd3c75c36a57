"""Opening a saved or exported model with the engine that serves it best."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from medley.errors import ArtifactError, ConfigError, MedleyError, MissingDependencyError
from medley.serve.logs import log
from medley.serve.settings import Settings
from medley.tables.predictor import Predictor

_DESCRIPTION = "model.json"


def description_of(path: Path) -> Path:
    """The file of a model that is written last, and names or identifies the others.

    >>> description_of(Path("pets-model")).name, description_of(Path("pets.onnx")).name
    ('model.json', 'pets.onnx.json')
    """
    return path.with_name(f"{path.name}.json") if path.suffix == ".onnx" else path / _DESCRIPTION


def fingerprint_of(path: Path) -> str:
    """A checksum that changes with the model.

    Raises:
        ArtifactError: there is no model.
    """
    description = description_of(path)
    try:
        return hashlib.sha256(description.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise ArtifactError(f"{path} holds no model: {description}: {error.strerror}.") from error


def open_model(path: Path, settings: Settings, exports: Path) -> tuple[Predictor, str]:
    """Opens a model.

    Args:
        path: a directory that `Model.save` wrote, or a file that `Model.export` wrote.
        settings: the engine, its device and threads.
        exports: folder for the exported network of a saved model.

    Returns:
        What predicts, and the engine: "onnx" or "torch".

    Raises:
        ArtifactError: there is no model, or a damaged one.
        ConfigError: the engine is `"onnx"` and the model cannot be exported.
        MissingDependencyError: a package that the engine needs is not installed.
    """
    if path.suffix == ".onnx":
        if settings.engine == "torch":
            raise ConfigError(f"{path} is an exported model, which torch cannot run; serve the model it was made of.")
        return _open_exported(path, settings), "onnx"
    if settings.engine == "torch" or (settings.engine == "auto" and not _can_export()):
        return _open_saved(path, settings), "torch"
    target = exports / f"{fingerprint_of(path)}.onnx"
    try:
        if not description_of(target).exists():
            _export(path, target, settings)
        return _open_exported(target, settings), "onnx"
    except MedleyError as error:
        if settings.engine == "onnx":
            raise
        model = _open_saved(path, settings)  # first: where the model itself is damaged, that is the error
        log("runs with torch", model=str(path), reason=str(error).partition("\n")[0])
        return model, "torch"


def _can_export() -> bool:
    return all(find_spec(package) is not None for package in ("onnxruntime", "onnx", "onnxscript"))


def _open_exported(path: Path, settings: Settings) -> Predictor:
    from medley.runtime import load

    return load(path, "cuda" if settings.device.startswith("cuda") else "cpu", settings.threads)


def _open_saved(path: Path, settings: Settings) -> Predictor:
    try:
        from medley.model.artifact import load
    except ModuleNotFoundError as error:
        package = error.name or "torch"
        message = f"{path} is a saved model, which needs {package}; serve what `medley export` wrote of it instead."
        raise MissingDependencyError(message, package=package) from error
    return load(path, settings.device)


def _export(path: Path, target: Path, settings: Settings) -> None:
    from filelock import FileLock

    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if description_of(target).exists():  # another process of this server was first
            return
        model = _open_saved(path, settings)
        export = getattr(model, "export")  # noqa: B009  (a `Model` has it; its class would import torch here)
        export(target)
