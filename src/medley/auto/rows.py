"""What a caller passes to `fit`, checked, matched to names and split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.arguments import check_fraction, check_whole_number
from medley.core.head import Head
from medley.data.rows import arrange, check_counts, rows_of, take
from medley.data.split import bins, split
from medley.errors import ConfigError, DataError, ErrorCollector, within
from medley.graph.graph import Graph
from medley.model.encoding import row_weights
from medley.model.saving import write_problem
from medley.search.labelled_rows import LabelledRows

_OTHER_FOLDER = "Choose another folder for it."


def check_fit(
    epochs: Any, batch_size: Any, validation_split: Any, validation_data: Any, callbacks: Any, verbose: Any
) -> None:
    """Checks the plain arguments of `fit`.

    Raises:
        ConfigError: all errors at once.
    """
    errors = ErrorCollector()
    check_whole_number(errors, epochs, "epochs")
    check_whole_number(errors, batch_size, "batch_size")
    if validation_data is None:
        if not validation_split:
            errors.add("Either validation_data or a non-zero validation_split should be provided.")
        else:
            check_fraction(errors, validation_split, "validation_split")
    elif not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
        length = f" of {len(validation_data)}" if isinstance(validation_data, list | tuple) else ""
        got = f"{type(validation_data).__name__}{length}"
        errors.add(f"must be (x, y) or (x, y, sample_weight), got {got}.", argument="validation_data")
    listed = isinstance(callbacks, list | tuple) and all(map(callable, callbacks))
    if callbacks is not None and not listed:
        errors.add(f"must be a list of functions of a record, got {callbacks!r}.", argument="callbacks")
    if verbose not in (0, 1, 2, True, False, "auto"):
        errors.add(f"must be 0, 1 or 2, got {verbose!r}.", argument="verbose")
    errors.raise_if_any(ConfigError)


def check_folder(errors: ErrorCollector, project_name: Any, directory: Any) -> None:
    """Adds an error where a project cannot be kept in that folder.

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
        errors.add(f"The project cannot be kept in {folder}: {file} is a file. {_OTHER_FOLDER}")


def check_writable(folder: Path) -> None:
    """Makes sure, before anything is trained, that a project can be kept.

    Raises:
        ConfigError: its folder cannot be written to.
    """
    reason = write_problem(folder)
    if reason is not None:
        raise ConfigError(f"The project cannot be kept in {folder}: {reason}. {_OTHER_FOLDER}")


def whole(graph: Graph, x: Any, y: Any, sample_weight: Any) -> LabelledRows:
    """Matches rows and labels to the graph's names.

    Raises:
        DataError: names or counts do not fit.
    """
    names = list(graph.heads)
    size = rows_of(y, names)
    named_x = arrange(x, graph.input_names, "x", size)
    size = check_counts({name: values for name, values in named_x.items() if values is not None})
    if all(values is None for values in named_x.values()):
        raise DataError(f"Every input is None: {', '.join(named_x)}. Give rows for at least one.")
    named_y = arrange(y, names, "y", size)
    missing = [name for name, values in named_y.items() if values is None]
    if missing:
        raise DataError(f"y is None for {', '.join(missing)}; give labels, with None or NaN where a row has none.")
    check_counts({name: values for name, values in {**named_x, **named_y}.items() if values is not None})
    return LabelledRows(named_x, named_y, row_weights(sample_weight, size), size)


def divide(graph: Graph, rows: LabelledRows, fraction: float, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Splits rows at random, stratified over all targets where that is possible.

    Raises:
        DataError: there are fewer than two rows, or labels break a rule of their head.
    """
    parts = split(rows.size, fraction, seed, strata(graph.heads, rows.y))
    train, val = (_part(rows, np.sort(index)) for index in parts)
    return train, val


def _part(rows: LabelledRows, index: np.ndarray) -> LabelledRows:
    def some(values: Any) -> Any:
        return None if values is None else take(values, index)

    return LabelledRows(
        {name: some(values) for name, values in rows.x.items()},
        {name: some(values) for name, values in rows.y.items()},
        None if rows.weight is None else rows.weight[index],
        len(index),
        index,
    )


def strata(heads: Mapping[str, Head], y: Mapping[str, Any]) -> list[np.ndarray]:
    """Class codes (N,) per head for a stratified split: classes as they are, numbers by their quantiles."""
    found = []
    for name, head in heads.items():
        codec = head.codec()
        with within(name):
            encoded = codec.fit(y[name]).encode(y[name])
        array = encoded.array.reshape(len(encoded.array), -1)
        if codec.labels is None:
            found.append(bins(np.where(encoded.present, array[:, 0], np.nan)))
        elif array.shape[1] == 1:
            found.append(np.where(encoded.present, array[:, 0], -1).astype(np.int64))
    return found
