"""The cells of a column as what its kind says, in the form that codecs read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.column import ColumnGuess
from medley.core.kinds import Kind
from medley.errors import DataError, ErrorCollector
from medley.tables.columns.objects import is_one_image, items_of
from medley.tables.columns.profile import ColumnProfile, is_absent
from medley.tables.columns.schema import Schema
from medley.tables.formats.booleans import answer_of
from medley.tables.formats.images import array_of, image_of, split_paths
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
    there, errors = list(table.frame.columns), ErrorCollector()
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=3)
            told = f"near: {', '.join(map(repr, near))}" if near else f"it has {', '.join(map(repr, there[:20]))}"
            errors.add(f"Column {name!r} is missing in {table.origin}; {told}.")
    errors.raise_if_any(DataError)


def read_cells(series: pd.Series, guess: ColumnGuess, root: Path | None = None) -> Cells:
    """One column, read.

    Args:
        series: its cells, of whatever type: a column of numbers may come as strings.
        guess: what they are.
        root: the folder that relative paths count from; the current one, if left out.
    """
    profile = ColumnProfile(guess.name, series, root or Path())
    values, there = _READERS.get(guess.kind, _as_they_are)(profile, guess.form)
    return Cells(values, np.flatnonzero(profile.present & ~there))


def _numbers(profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
    if not profile.is_plain:
        return np.full(len(profile.series), np.nan), ~profile.present
    kind = profile.values.dtype.kind
    if kind in "biuf":
        found = profile.values.astype(np.float64)
    elif kind == "m":
        found = profile.values.astype("timedelta64[us]").astype(np.int64) / 86_400e6
    elif kind == "M":
        found = np.full(len(profile.values), np.nan)
    else:
        found = to_numbers(profile.all_words, NumberForm.parse("" if form == "duration" else form))
        for place in np.flatnonzero(np.isnan(found)):
            found[place] = _number_of(profile.values[place])
    values = _spread(profile, found, np.nan)
    return values, ~np.isnan(values) | _is_void(profile)


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


def _times(profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    if not profile.is_plain:
        return np.full(len(profile.series), np.datetime64("NaT", "us")), ~profile.present
    kind = profile.values.dtype.kind
    if kind == "M":
        found = profile.values.astype("datetime64[us]")
    elif kind in "iuf":
        found = numbers_to_times(profile.values.astype(np.float64), form or "epoch s")
    elif profile.types and not any(issubclass(one, str) for one in profile.types):
        told = pd.to_datetime(pd.Series(profile.values), errors="coerce", utc=True)
        found = told.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    elif form.startswith("epoch "):
        found = numbers_to_times(to_numbers(profile.all_words), form)
    else:
        found = to_times(profile.all_words, form or "ISO")
    values = _spread(profile, found, np.datetime64("NaT", "us"))
    return values, ~np.isnat(values) | _is_void(profile)


def _answers(profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
    return _each(profile, lambda value: answer_of(str(value).strip()))


def _categories(profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
    return _each(profile, _LABELS.get(form, _word_label))


def _texts(profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
    return _each(profile, str)


def _each(profile: ColumnProfile, read: Callable[[Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    if not profile.is_plain:
        return np.full(len(profile.series), None, dtype=object), ~profile.present
    found = np.empty(len(profile.values), dtype=object)
    found[:] = [read(value) for value in profile.values.tolist()]
    values = _spread(profile, found, None)
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


def _images(profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
    root = profile.root
    if form != "several":
        return _listed(profile, lambda cell: image_of(cell, root))
    return _listed(profile, lambda cell: [image_of(one, root) for one in _one_by_one(cell)] or None)


def _one_by_one(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        return split_paths(cell) if "base64," not in cell else [cell]
    return [cell] if is_one_image(cell) else [one for one in items_of(cell) if not is_absent(one)]


def _vectors(profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
    rows, _ = _listed(profile, lambda cell: read_numbers(cell) if isinstance(cell, str) else array_of(cell))
    size = int(form) if form else next((len(row) for row in rows if row is not None), 1)
    values = np.full((len(rows), size), np.nan, np.float32)
    for place, row in enumerate(rows):
        if row is not None and np.shape(row) == (size,):
            values[place] = row
    return values, np.asarray(np.isfinite(values).any(axis=1))


def _sets(profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
    def labels(cell: Any) -> list[Any] | None:
        if isinstance(cell, str):
            return split_labels(cell, form) if form else [cell.strip()]
        return [one for one in items_of(cell) if not is_absent(one)]

    return _listed(profile, labels)


def _series(profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
    return _listed(profile, lambda cell: read_numbers(cell) if isinstance(cell, str) else array_of(cell))


def _recordings(profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
    return _listed(profile, lambda cell: str(profile.root / cell.strip()) if isinstance(cell, str) else cell)


def _as_they_are(profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
    return profile.series.tolist(), profile.present


def _listed(profile: ColumnProfile, read: Callable[[Any], Any]) -> tuple[list[Any], np.ndarray]:
    cells = zip(profile.series.tolist(), profile.present.tolist(), strict=True)
    values = [read(cell) if there else None for cell, there in cells]
    return values, np.array([value is not None for value in values], bool)


def _spread(profile: ColumnProfile, found: np.ndarray, missing: Any) -> np.ndarray:
    """Values of distinct cells (D,) -> of all rows (B,)."""
    return np.append(found, np.array([missing], dtype=found.dtype))[profile.codes]


def _is_void(profile: ColumnProfile) -> np.ndarray:
    """Rows (B,) that say in words that there is no value: they are missing, not wrong."""
    if profile.values.dtype.kind != "O":
        return np.zeros(len(profile.series), bool)
    void = np.array([isinstance(value, str) and value.strip().lower() in NO_VALUE for value in profile.values], bool)
    return np.append(void, False)[profile.codes]


_READERS: dict[Kind, Callable[[ColumnProfile, str], tuple[Any, np.ndarray]]] = {
    Kind.NUMBER: _numbers,
    Kind.TIME: _times,
    Kind.BOOLEAN: _answers,
    Kind.CATEGORY: _categories,
    Kind.TEXT: _texts,
    Kind.IMAGE: _images,
    Kind.AUDIO: _recordings,
    Kind.VECTOR: _vectors,
    Kind.SET: _sets,
    Kind.SERIES: _series,
}
