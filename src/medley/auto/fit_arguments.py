"""Checks of the arguments of `fit` that are not rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medley.callbacks.callback import is_callback
from medley.core.arguments import check_fraction, check_whole_number
from medley.data.datasets import is_dataset
from medley.errors import ConfigError, ErrorCollector, NotFittedError
from medley.graph.graph import Graph
from medley.model.model import Model
from medley.model.saving import write_problem

_OTHER_FOLDER = "Choose another folder for it."


def check_fit(
    epochs: Any, batch_size: Any, validation_split: Any, validation_data: Any, callbacks: Any, verbose: Any
) -> None:
    """Checks the arguments of `fit` other than rows.

    Raises:
        ConfigError: an argument is invalid; all errors are reported together.
    """
    errors = ErrorCollector()
    check_whole_number(errors, epochs, "epochs")
    check_whole_number(errors, batch_size, "batch_size")
    if validation_data is None:
        if not validation_split:
            errors.add("Either validation_data or a non-zero validation_split should be provided.")
        else:
            check_fraction(errors, validation_split, "validation_split")
    elif is_dataset(validation_data):
        pass  # its items are checked when they are read
    elif not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
        length = f" of {len(validation_data)}" if isinstance(validation_data, list | tuple) else ""
        value = f"{type(validation_data).__name__}{length}"
        errors.add(f"must be (x, y) or (x, y, sample_weight), got {value}.", argument="validation_data")
    is_list = isinstance(callbacks, list | tuple) and all(map(is_callback, callbacks))
    if callbacks is not None and not is_list:
        expected = "a list of objects with methods such as on_epoch_end, or of functions of a record"
        errors.add(f"must be {expected}, got {callbacks!r}.", argument="callbacks")
    if verbose not in (0, 1, 2, True, False, "auto"):
        errors.add(f"must be 0, 1 or 2, got {verbose!r}.", argument="verbose")
    errors.raise_if_any(ConfigError)


def check_folder(errors: ErrorCollector, project_name: Any, directory: Any) -> None:
    """Adds an error if the project cannot have this folder.

    >>> errors = ErrorCollector()
    >>> check_folder(errors, 3, None)
    >>> print(errors.errors[0])
    project_name must be the name of a folder, got 3.
    """
    if project_name is not None and (not isinstance(project_name, str | Path) or not str(project_name)):
        errors.add(f"must be the name of a folder, got {project_name!r}.", argument="project_name")
        return
    folder = Path(directory or ".") / (project_name or "")
    file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
    if file is not None:
        errors.add(f"The project cannot be stored in {folder}: {file} is a file. {_OTHER_FOLDER}")


def check_writable(folder: Path) -> None:
    """Checks before the training that the project folder can be written to.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    reason = write_problem(folder)
    if reason is not None:
        raise ConfigError(f"The project cannot be stored in {folder}: {reason}. {_OTHER_FOLDER}")


def check_names(graph: Graph, model: Model, folder: Path) -> None:
    """Checks that a model that was found in a project is one of this graph.

    Raises:
        NotFittedError: its inputs or outputs have other names.
    """
    if (model.input_names, model.output_names) != (graph.input_names, list(graph.heads)):
        raise NotFittedError(
            f"{folder} holds a project with inputs {model.input_names} and outputs {model.output_names}, "
            f"but this one has {graph.input_names} and {list(graph.heads)}. Give another project_name."
        )
