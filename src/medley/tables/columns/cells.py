"""The cells of a column as what its kind says, in the form that codecs read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.kinds import Kind
from medley.errors import DataError, Mistakes
from medley.tables.columns.objects import is_one_picture, items_of
from medley.tables.columns.profile import Look, is_absent
from medley.tables.columns.schema import Guess, Schema
from medley.tables.formats.booleans import answer_of
from medley.tables.formats.images import array_of, picture_of, split_paths
from medley.tables.formats.lists import read_numbers, split_labels
from medley.tables.formats.numbers import NO_VALUE, NumberForm, to_numbers
from medley.tables.formats.times import numbers_to_times, to_times
from medley.tables.reading.read import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cells:
    """One column of B rows, read.

    Args:
        values: by kind:

            - number: float64 (B,), NaN where missing; durations in days;
            - time: datetime64[us] (B,), in UTC;
            - boolean, category, text: object (B,) of bool; of one type of label; of str; None where missing;
            - image: a list of B paths, bytes, arrays, images of Pillow's; None where missing; where a cell holds
              several, a list of B lists;
            - vector: float32 (B, D), rows of NaN where missing;
            - set: a list of B lists of labels; series: a list of B arrays; None where missing;
            - anything else: a list of the cells as they are.
        unread: positions of the rows whose cell is there, but is nothing of that kind: it counts as missing.
    """

    values: Any
    unread: np.ndarray


def read_columns(table: Table, schema: Schema) -> dict[str, Cells]:
    """All columns that a network learns from, read as the schema says; others are not looked at.

    Args:
        table: rows, with the schema's columns in any order and any others.
        schema: kinds of the columns.

    Raises:
        DataError: columns are missing; tells all, and the names that are near.

    >>> from medley.tables.columns.infer import infer
    >>> from medley.tables.reading.read import read
    >>> schema = infer({"size": ["1 kg", "2 kg", "3 kg"]})
    >>> read_columns(read({"size": ["5 kg", "many"], "more": [0, 0]}), schema)["size"]
    Cells(values=array([ 5., nan]), unread=array([1]))
    """
    check_columns(table, schema.used)
    columns: Any = table.frame
    return {name: read_cells(columns[name], schema[name], table.root) for name in schema.used}


def check_columns(table: Table, names: Sequence[str]) -> None:
    """Makes sure that a table has some columns.

    Raises:
        DataError: columns are missing; tells all, and the names that are near.
    """
    there, mistakes = list(table.frame.columns), Mistakes()
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=3)
            told = f"near: {', '.join(map(repr, near))}" if near else f"it has {', '.join(map(repr, there[:20]))}"
            mistakes.add(f"Column {name!r} is missing in {table.origin}; {told}.")
    mistakes.stop(DataError)


def read_cells(series: pd.Series, guess: Guess, root: Path | None = None) -> Cells:
    """One column, read.

    Args:
        series: its cells, of whatever type: a column of numbers may come as strings.
        guess: what they are.
        root: the folder that relative paths count from; the current one, if left out.
    """
    look = Look(guess.name, series, root or Path())
    values, there = _READERS.get(guess.kind, _as_they_are)(look, guess.form)
    return Cells(values, np.flatnonzero(look.present & ~there))


def _numbers(look: Look, form: str) -> tuple[np.ndarray, np.ndarray]:
    if not look.is_plain:
        return np.full(len(look.series), np.nan), ~look.present
    kind = look.values.dtype.kind
    if kind in "biuf":
        found = look.values.astype(np.float64)
    elif kind == "m":
        found = look.values.astype("timedelta64[us]").astype(np.int64) / 86_400e6
    elif kind == "M":
        found = np.full(len(look.values), np.nan)
    else:
        found = to_numbers(look.all_words, NumberForm.parse("" if form == "duration" else form))
        for place in np.flatnonzero(np.isnan(found)):
            found[place] = _number_of(look.values[place])
    values = _spread(look, found, np.nan)
    return values, ~np.isnan(values) | _is_void(look)


def _number_of(value: Any) -> float:
    days = getattr(value, "total_seconds", None)
    if days is not None:
        return float(days()) / 86_400
    return float("nan") if isinstance(value, str) else _finite(value)


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _times(look: Look, form: str) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    if not look.is_plain:
        return np.full(len(look.series), np.datetime64("NaT", "us")), ~look.present
    kind = look.values.dtype.kind
    if kind == "M":
        found = look.values.astype("datetime64[us]")
    elif kind in "iuf":
        found = numbers_to_times(look.values.astype(np.float64), form or "epoch s")
    elif look.types and not any(issubclass(one, str) for one in look.types):
        told = pd.to_datetime(pd.Series(look.values), errors="coerce", utc=True)
        found = told.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    elif form.startswith("epoch "):
        found = numbers_to_times(to_numbers(look.all_words), form)
    else:
        found = to_times(look.all_words, form or "ISO")
    values = _spread(look, found, np.datetime64("NaT", "us"))
    return values, ~np.isnat(values) | _is_void(look)


def _answers(look: Look, form: str) -> tuple[np.ndarray, np.ndarray]:
    return _each(look, lambda value: answer_of(str(value).strip()))


def _categories(look: Look, form: str) -> tuple[np.ndarray, np.ndarray]:
    return _each(look, _LABELS.get(form, _word_label))


def _texts(look: Look, form: str) -> tuple[np.ndarray, np.ndarray]:
    return _each(look, str)


def _each(look: Look, read: Callable[[Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    if not look.is_plain:
        return np.full(len(look.series), None, dtype=object), ~look.present
    found = np.empty(len(look.values), dtype=object)
    found[:] = [read(value) for value in look.values.tolist()]
    values = _spread(look, found, None)
    return values, np.array([value is not None for value in values], bool)


def _word_label(value: Any) -> str:
    # A file in which all words happen to be digits comes as numbers; with gaps, as fractions.
    whole = isinstance(value, float) and value % 1 == 0
    return str(int(value) if whole else value).strip()


def _whole_label(value: Any) -> int | str:
    number = _finite(value)
    return int(number) if number % 1 == 0 else str(value).strip()


def _real_label(value: Any) -> float | str:
    number = _finite(value)
    return str(value).strip() if np.isnan(number) else number


def _truth_label(value: Any) -> bool | str:
    truth = answer_of(str(value).strip())
    return str(value).strip() if truth is None else truth


_LABELS: dict[str, Callable[[Any], Any]] = {
    "str": _word_label,
    "int": _whole_label,
    "float": _real_label,
    "bool": _truth_label,
}


def _pictures(look: Look, form: str) -> tuple[list[Any], np.ndarray]:
    root = look.root
    if form != "several":
        return _listed(look, lambda cell: picture_of(cell, root))
    return _listed(look, lambda cell: [picture_of(one, root) for one in _one_by_one(cell)] or None)


def _one_by_one(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        return split_paths(cell) if "base64," not in cell else [cell]
    return [cell] if is_one_picture(cell) else [one for one in items_of(cell) if not is_absent(one)]


def _vectors(look: Look, form: str) -> tuple[np.ndarray, np.ndarray]:
    rows, _ = _listed(look, lambda cell: read_numbers(cell) if isinstance(cell, str) else array_of(cell))
    size = int(form) if form else next((len(row) for row in rows if row is not None), 1)
    values = np.full((len(rows), size), np.nan, np.float32)
    for place, row in enumerate(rows):
        if row is not None and np.shape(row) == (size,):
            values[place] = row
    return values, np.asarray(np.isfinite(values).any(axis=1))


def _sets(look: Look, form: str) -> tuple[list[Any], np.ndarray]:
    def labels(cell: Any) -> list[Any] | None:
        if isinstance(cell, str):
            return split_labels(cell, form) if form else [cell.strip()]
        return [one for one in items_of(cell) if not is_absent(one)]

    return _listed(look, labels)


def _series(look: Look, form: str) -> tuple[list[Any], np.ndarray]:
    return _listed(look, lambda cell: read_numbers(cell) if isinstance(cell, str) else array_of(cell))


def _recordings(look: Look, form: str) -> tuple[list[Any], np.ndarray]:
    return _listed(look, lambda cell: str(look.root / cell.strip()) if isinstance(cell, str) else cell)


def _as_they_are(look: Look, form: str) -> tuple[list[Any], np.ndarray]:
    return look.series.tolist(), look.present


def _listed(look: Look, read: Callable[[Any], Any]) -> tuple[list[Any], np.ndarray]:
    cells = zip(look.series.tolist(), look.present.tolist(), strict=True)
    values = [read(cell) if there else None for cell, there in cells]
    return values, np.array([value is not None for value in values], bool)


def _spread(look: Look, found: np.ndarray, missing: Any) -> np.ndarray:
    """Values of distinct cells (D,) -> of all rows (B,)."""
    return np.append(found, np.array([missing], dtype=found.dtype))[look.codes]


def _is_void(look: Look) -> np.ndarray:
    """Rows (B,) that say in words that there is no value: they are missing, not wrong."""
    if look.values.dtype.kind != "O":
        return np.zeros(len(look.series), bool)
    void = np.array([isinstance(value, str) and value.strip().lower() in NO_VALUE for value in look.values], bool)
    return np.append(void, False)[look.codes]


_READERS: dict[Kind, Callable[[Look, str], tuple[Any, np.ndarray]]] = {
    Kind.NUMBER: _numbers,
    Kind.TIME: _times,
    Kind.BOOLEAN: _answers,
    Kind.CATEGORY: _categories,
    Kind.TEXT: _texts,
    Kind.IMAGE: _pictures,
    Kind.AUDIO: _recordings,
    Kind.VECTOR: _vectors,
    Kind.SET: _sets,
    Kind.SERIES: _series,
}
