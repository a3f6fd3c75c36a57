"""Loading of models and tables, shared by several commands."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.table_argument import table_of
from medley.errors import ArtifactError, DataError, ErrorCollector, MedleyError, is_missing_part, missing_package

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.predictor import Predictor
    from medley.tables.reading.read import Table


def load_any(folder: Path, device: str = "cpu") -> tuple[str, Model]:
    """Load a saved model, or the best model of a search; also return a title for it.

    Raises:
        ArtifactError: the folder contains neither.
    """
    try:
        from medley.model.artifact import load
        from medley.model.files import DESCRIPTION
    except ModuleNotFoundError as error:
        if is_missing_part(error):
            raise
        raise missing_package(error, "A model directory, unlike an exported model (.onnx),") from error

    if (folder / DESCRIPTION).is_file():
        return f"{folder}: a saved model", load(folder, device)
    if not (folder / "project.json").is_file():
        hint = " It is a file, not a model directory." if folder.is_file() else ""
        raise ArtifactError(
            f"{folder} contains neither a saved model ({DESCRIPTION}) nor a search (project.json).{hint}"
        )
    from medley.search.store import Store

    store = Store(folder)
    best = store.best()
    if best is None:
        raise ArtifactError(f"{folder} contains a search without a saved model; see `medley trials {folder}`.")
    return f"{folder}: trial {best}, the best of {len(store.results())}", store.load(best, device)


def open_model(folder: Path, errors: ErrorCollector, device: str = "auto") -> Model | None:
    """Load a model that reads tables; on failure an error is added and None returned."""
    try:
        _, model = load_any(folder, device)
    except MedleyError as error:
        errors.collect(error)
        return None
    return model if _reads_tables(model, folder, errors, "md.load()") else None


def open_predictor(path: Path, errors: ErrorCollector, device: str = "auto") -> Predictor | None:
    """Load a model as `open_model` does, or one written by `medley export`, which does not need torch."""
    if path.suffix != ".onnx":
        return open_model(path, errors, device)
    from medley.runtime import load

    try:
        model = load(path, device)
    except MedleyError as error:
        errors.collect(error)
        return None
    return model if _reads_tables(model, path, errors, "medley.runtime.load()") else None


def _reads_tables(model: Predictor, path: Path, errors: ErrorCollector, alternative: str) -> bool:
    if model.table is None:
        inputs = ", ".join(model.input_names)
        errors.add(
            f"{path} was fitted to inputs ({inputs}) rather than to a table: use it in Python, with {alternative}."
        )
    return model.table is not None


def open_model_and_rows(args: Namespace, errors: ErrorCollector, *, labelled: bool = False) -> tuple[Model, Table]:
    """Load a model and read a table for it.

    Args:
        args: of a command, with `model`, the arguments of `add_table`, `root` and `device`.
        errors: errors so far, which are reported with those found here.
        labelled: whether at least one target column is required.

    Raises:
        DataError: there are errors.
    """
    model = open_model(args.model, errors, args.device)
    source = table_of(args, [] if model is None or model.table is None else model.table.required)
    table = read_rows(model, source, args.root, errors, labelled=labelled)
    errors.raise_if_any(DataError)
    assert model is not None
    assert table is not None
    return model, table


def read_rows(
    model: Predictor | None, table: Any, root: str | None, errors: ErrorCollector, *, labelled: bool = False
) -> Table | None:
    """Read a table as a model needs it; on failure an error is added and None returned.

    Args:
        model: as returned by `open_model`.
        table: as returned by `table_argument.table_of`.
        root: the folder that relative paths start from.
        errors: collects the errors.
        labelled: whether at least one target column is required.
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
