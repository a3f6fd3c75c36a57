"""Rows in any form a caller may hand over: counted, taken, and matched to the nodes they are meant for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medley.errors import DataError, ErrorCollector, did_you_mean, within

_FORMS = "an array, a list, a frame, a dict of columns or a tensor"


def count(values: Any) -> int:
    """The number of rows B.

    Args:
        values: an array or tensor (B, ...), a list or tuple of rows, a frame, series or index of pandas or
            polars, an Arrow table or array, a sparse matrix, or a dict of columns.

    Raises:
        DataError: rows cannot be counted (None, one string, a generator), or columns differ in length.

    >>> count(np.zeros((5, 2))), count(["a", None]), count({"age": [1, 2, 3], "name": ["x", "y", "z"]})
    (5, 2, 3)
    """
    if isinstance(values, Mapping):
        return _count_columns(values)
    shape = _shape(values)
    if shape:
        return int(shape[0])
    if values is None or isinstance(values, str | bytes) or shape == ():
        raise DataError(f"Rows must come as {_FORMS}, got {_told(values)}.")
    if not (hasattr(values, "__len__") and hasattr(values, "__getitem__")):
        # Generators, sets and lazy frames: the number or the order of their rows is not known.
        raise DataError(f"Rows must come as {_FORMS}, got {_told(values)}; make a list or collect it first.")
    return len(values)


def take(values: Any, index: np.ndarray) -> Any:
    """Some rows, in the form they came in.

    Args:
        values: any form that `count` knows.
        index: positions (P,) of rows, whole numbers from 0.

    Returns:
        P rows: an array of an array, a list of a list, a frame of a frame (its index goes along).

    >>> take(["a", "b", None], np.array([2, 0]))
    [None, 'a']
    >>> take({"age": np.array([7, 8, 9])}, np.array([1]))
    {'age': array([8])}
    """
    index = np.asarray(index, dtype=np.int64)
    if isinstance(values, Mapping):
        return {name: take(column, index) for name, column in values.items()}
    if hasattr(values, "iloc"):
        return values.iloc[index]
    if hasattr(values, "take") and not hasattr(values, "ndim"):  # Arrow reads positions in no other way
        return values.take(index)
    if _shape(values):
        return values[index]
    rows = [values[i] for i in index.tolist()]
    return tuple(rows) if isinstance(values, tuple) else rows


def arrange(values: Any, names: Sequence[str], what: str, rows: int | None = None) -> dict[str, Any]:
    """Matches what a caller passed to the names of nodes.

    Several names: a dict by name, or a list or tuple in the order of `names`.

    One name: a dict whose only key is the name holds the value; any other dict is a table, given as columns.
    A list or tuple is either the rows themselves (strings, paths, images of differing sizes, sets of
    labels) or a list of one that wraps them. It is read so, the first rule that fits:

    1. one element, which holds `rows` rows by itself: a wrapper;
    2. as many elements as `rows`: the rows;
    3. one element, and it is an array, frame or dict of columns: a wrapper (`rows` is None or does not fit);
    4. several elements, each of `rows` rows: an error, there are too many arrays;
    5. the rows.

    Anything else is the value of the only name.

    Args:
        values: what the caller passed.
        names: names of the nodes, in order.
        what: `"x"` or `"y"`, for messages.
        rows: the number of rows, where the other side tells it (`rows_of`).

    Returns:
        Name -> rows, in the order of `names`. Nothing is copied.

    Raises:
        DataError: too few or too many arrays, or names that are missing or unknown (all are reported at once).

    >>> arrange([[1, 2], ["a", "b"]], ["size", "note"], "x")
    {'size': [1, 2], 'note': ['a', 'b']}
    >>> arrange(["a", "b"], ["note"], "x")
    {'note': ['a', 'b']}
    """
    if values is None:
        raise DataError(f"{what} is missing: expected rows for {', '.join(map(repr, names))}, got None.")
    if len(names) == 1:
        return {names[0]: _only(values, names[0], what, rows)}
    if isinstance(values, Mapping):
        return _by_name(values, names, what)
    if not isinstance(values, list | tuple):
        raise _wrong_number(what, names, 1)
    if len(values) != len(names):
        raise _wrong_number(what, names, len(values))
    return dict(zip(names, values, strict=True))


def rows_of(values: Any, names: Sequence[str]) -> int | None:
    """The number of rows in what a caller passed for `names`, as far as its form alone tells it.

    Returns:
        None where it cannot be told: several arrays in a list for one name may be rows or too many arrays.

    >>> rows_of(np.zeros((5, 2)), ["x"]), rows_of([["a", "b"], [1, 2]], ["x", "z"])
    (5, 2)
    >>> rows_of([np.zeros(5), np.zeros(5)], ["x"]) is None
    True
    """
    try:
        if isinstance(values, list | tuple):
            if len(names) > 1:
                return count(values[0]) if values else None
            if len(values) == 1 and _is_array(values[0]):
                return count(values[0])
            return None if any(map(_holds_rows, values)) else len(values)
        if isinstance(values, Mapping) and values.keys() & set(names):
            return count(next(values[name] for name in names if name in values))
        return count(values)
    except DataError:
        return None


def check_counts(*sides: Mapping[str, Any]) -> int:
    """Checks that all that belongs together has the same number of rows.

    Args:
        sides: what `arrange` returned for inputs, for targets, and `{"sample_weight": ...}`, say.

    Returns:
        The number of rows.

    Raises:
        DataError: the numbers differ, or there is no row at all; tells the number for each name.

    >>> check_counts({"photo": np.zeros((3, 8, 8))}, {"label": ["a", "b", "a"]})
    3
    """
    errors, counts = ErrorCollector(), {}
    for name, values in ((name, values) for side in sides for name, values in side.items()):
        with errors.collecting(DataError), within(name):
            counts[name] = count(values)
    told = ", ".join(f"{name}: {rows}" for name, rows in counts.items())
    if len(set(counts.values())) > 1:
        errors.add(f"Inputs and targets must have the same number of rows, got {told}.")
    elif not any(counts.values()) and counts:
        errors.add(f"There must be at least one row, got {told}.")
    errors.raise_if_any(DataError)
    return next(iter(counts.values()), 0)


def _shape(thing: Any) -> tuple[int, ...] | None:
    shape = getattr(thing, "shape", None)
    return tuple(shape) if isinstance(shape, tuple) else None


def _is_array(thing: Any) -> bool:
    if isinstance(thing, Mapping):  # columns; a record of single values is one row
        return all(_holds_rows(column) for column in thing.values())
    return bool(_shape(thing))


def _holds_rows(thing: Any) -> bool:
    return isinstance(thing, list | tuple) or _is_array(thing)


def _has_rows(thing: Any, rows: int | None) -> bool:
    return rows is not None and _holds_rows(thing) and count(thing) == rows


def _only(values: Any, name: str, what: str, rows: int | None) -> Any:
    if isinstance(values, Mapping) and set(values) == {name}:
        return values[name]
    if not isinstance(values, list | tuple):
        return values
    if len(values) == 1 and _has_rows(values[0], rows):
        return values[0]
    if len(values) == rows:
        return values
    if len(values) == 1 and _is_array(values[0]):
        return values[0]
    if len(values) > 1 and all(_has_rows(one, rows) for one in values):
        raise _wrong_number(what, [name], len(values))
    return values


def _by_name(values: Mapping[Any, Any], names: Sequence[str], what: str) -> dict[str, Any]:
    errors = ErrorCollector()
    for name in names:
        if name not in values:
            errors.add(f"{what} has nothing for {name!r}.")
    for key in values:
        if key not in names:
            errors.add(f"{what} has {key!r}, which is no name here.{did_you_mean(key, names)}")
    errors.raise_if_any(DataError)
    return {name: values[name] for name in names}


def _wrong_number(what: str, names: Sequence[str], got: int) -> DataError:
    way = "Give one for each, in this order or in a dict by name."
    if len(names) == 1:
        way = f"Join their columns into one, or add {'a head' if what == 'y' else 'an input'}."
    told = f"Expected {what} to have {len(names)} arrays, but got {got}"
    return DataError(f"{told}; the names are {', '.join(map(repr, names))}. {way}")


def _count_columns(columns: Mapping[Any, Any]) -> int:
    counts = {name: count(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name!r}: {rows}" for name, rows in counts.items())
        raise DataError(f"All columns of a table must have the same number of rows, got {told}.")
    return next(iter(counts.values()), 0)


def _told(values: Any) -> str:
    if values is None:
        return "None"
    if isinstance(values, str | bytes):
        return f"the single {type(values).__name__} {values[:60]!r}"
    return f"a {type(values).__name__}" + (" without rows" if _shape(values) == () else "")
