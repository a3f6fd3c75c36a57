"""Saved models and the tables that they are to read, as several verbs open them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medley.errors import ArtifactError, ErrorCollector, MedleyError

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.predictor import Predictor
    from medley.tables.reading.read import Table


def load_any(folder: Path, device: str = "cpu") -> tuple[str, Model]:
    """A saved model, or the best of a search, and what it is.

    Raises:
        ArtifactError: the folder holds neither.
    """
    from medley.model.artifact import load
    from medley.model.saving import DESCRIPTION

    if (folder / DESCRIPTION).is_file():
        return f"{folder}: a saved model", load(folder, device)
    if not (folder / "project.json").is_file():
        why = " It is a file; a model is a folder." if folder.is_file() else ""
        raise ArtifactError(f"{folder} holds neither a saved model ({DESCRIPTION}) nor a search (project.json).{why}")
    from medley.search.store import Store

    store = Store(folder)
    best = store.best()
    if best is None:
        raise ArtifactError(f"{folder} holds a search of which no model was kept; see `medley trials {folder}`.")
    return f"{folder}: trial {best}, the best of {len(store.results())}", store.load(best, device)


def open_model(folder: Path, errors: ErrorCollector, device: str = "auto") -> Model | None:
    """A saved model, or the best of a search, that reads tables; None, with an error added, where there is none."""
    try:
        _, model = load_any(folder, device)
    except MedleyError as error:
        errors.collect(error)
        return None
    return model if _reads_tables(model, folder, errors, "md.load()") else None


def open_predictor(path: Path, errors: ErrorCollector, device: str = "auto") -> Predictor | None:
    """As `open_model`, or what `medley export` wrote, which needs no torch."""
    if path.suffix != ".onnx":
        return open_model(path, errors, device)
    from medley.runtime import load

    try:
        model = load(path, device)
    except MedleyError as error:
        errors.collect(error)
        return None
    return model if _reads_tables(model, path, errors, "medley.runtime.load()") else None


def _reads_tables(model: Predictor, path: Path, errors: ErrorCollector, way: str) -> bool:
    if model.table is None:
        inputs = ", ".join(model.input_names)
        errors.add(f"{path} was fitted to inputs ({inputs}) rather than to a table: use it from Python, {way}.")
    return model.table is not None


def read_rows(
    model: Predictor | None, table: str, root: str | None, errors: ErrorCollector, *, labelled: bool = False
) -> Table | None:
    """The rows of a table as a model reads them; None, with an error added, where that is impossible.

    Args:
        model: what `open_model` gave.
        table: the file.
        root: the folder that relative paths count from.
        errors: is added to.
        labelled: whether the targets' columns must be there too, one at least.
    """
    from medley.tables.reading.read import read

    try:
        if model is None or model.table is None:
            read(table, root)
            return None
        return model.table.read(table, root, labelled=labelled, empty=not labelled)
    except MedleyError as error:
        errors.collect(error)
        return None
