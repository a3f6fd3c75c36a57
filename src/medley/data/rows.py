"""Rows in any form that a caller may pass: counting, selecting, and matching them to nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medley.core.masked_arrays import unmasked
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
    if type(values) is np.ndarray and values.ndim:  # by far the most frequent
        return len(values)
    if isinstance(values, Mapping):
        return _count_columns(values)
    shape = _shape(values)
    if shape:
        return int(shape[0])
    if values is None or isinstance(values, str | bytes) or shape == ():
        raise DataError(f"Rows must come as {_FORMS}, got {_describe(values)}.")
    if not (hasattr(values, "__len__") and hasattr(values, "__getitem__")):
        # Generators, sets and lazy frames: the number or the order of their rows is not known.
        raise DataError(f"Rows must come as {_FORMS}, got {_describe(values)}; make a list or collect it first.")
    return len(values)


def take(values: Any, index: np.ndarray) -> Any:
    """Select rows, keeping their form.

    Args:
        values: any form that `count` accepts.
        index: positions (P,) of rows, whole numbers from 0.

    Returns:
        P rows of the same form: an array, a list, a frame (with its index) and so on.

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
    if hasattr(values, "take") and not hasattr(values, "ndim"):  # Arrow has no other way to select rows
        return values.take(index)
    if _shape(values):
        return values[index]
    rows = [values[i] for i in index.tolist()]
    return tuple(rows) if isinstance(values, tuple) else rows


def arrange(values: Any, names: Sequence[str], argument: str, rows: int | None = None) -> dict[str, Any]:
    """Match what a caller passed to the names of nodes.

    Several names: a dict by name, or a list or tuple in the order of `names`.

    One name: a dict whose only key is the name holds the value; any other dict is a table, given as columns.
    A list or tuple is either the rows themselves (strings, paths, images of differing sizes, sets of
    labels) or a list of one element that wraps them. The first rule that fits decides:

    1. one element, which has `rows` rows itself: a wrapper;
    2. as many elements as `rows`: the rows;
    3. one element, and it is an array, frame or dict of columns: a wrapper (`rows` is None or does not fit);
    4. several elements, each of `rows` rows: an error, there are too many arrays;
    5. the rows.

    Anything else is the value of the only name.

    Args:
        values: what the caller passed.
        names: names of the nodes, in order.
        argument: `"x"` or `"y"`, for messages.
        rows: the number of rows, if it is known from other arguments (`rows_of`).

    Returns:
        Name -> rows, in the order of `names`. Nothing is copied, except for masked arrays, which are `unmasked`.

    Raises:
        DataError: too few or too many arrays, or missing or unknown names (all are reported at once).

    >>> arrange([[1, 2], ["a", "b"]], ["size", "note"], "x")
    {'size': [1, 2], 'note': ['a', 'b']}
    >>> arrange(["a", "b"], ["note"], "x")
    {'note': ['a', 'b']}
    """
    if values is None:
        raise DataError(f"{argument} is missing: expected rows for {', '.join(map(repr, names))}, got None.")
    return {name: unmasked(rows_of_name) for name, rows_of_name in _matched(values, names, argument, rows).items()}


def _matched(values: Any, names: Sequence[str], argument: str, rows: int | None) -> dict[str, Any]:
    if len(names) == 1:
        return {names[0]: _single(values, names[0], argument, rows)}
    if isinstance(values, Mapping):
        return _by_name(values, names, argument)
    if not isinstance(values, list | tuple):
        raise _wrong_number_of_arrays(argument, names, 1)
    if len(values) != len(names):
        raise _wrong_number_of_arrays(argument, names, len(values))
    return dict(zip(names, values, strict=True))


def rows_of(values: Any, names: Sequence[str]) -> int | None:
    """The number of rows in what a caller passed for `names`, if its form alone determines it.

    Returns:
        None if it is ambiguous: several arrays in a list for one name may be rows or too many arrays.

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


def check_counts(*groups: Mapping[str, Any]) -> int:
    """Check that inputs, targets and weights have the same number of rows.

    Args:
        groups: rows by name: what `arrange` returned for inputs and targets, `{"sample_weight": ...}` and so on.

    Returns:
        The number of rows.

    Raises:
        DataError: the numbers differ, or there are no rows; the message lists the number for each name.

    >>> check_counts({"photo": np.zeros((3, 8, 8))}, {"label": ["a", "b", "a"]})
    3
    """
    errors, counts = ErrorCollector(), {}
    for name, values in ((name, values) for group in groups for name, values in group.items()):
        with errors.collecting(DataError), within(name):
            counts[name] = count(values)
    listed = ", ".join(f"{name}: {rows}" for name, rows in counts.items())
    if len(set(counts.values())) > 1:
        errors.add(f"Inputs and targets must have the same number of rows, got {listed}.")
    elif not any(counts.values()) and counts:
        errors.add(f"There must be at least one row, got {listed}.")
    errors.raise_if_any(DataError)
    return next(iter(counts.values()), 0)


def _shape(value: Any) -> tuple[int, ...] | None:
    shape = getattr(value, "shape", None)
    return tuple(shape) if isinstance(shape, tuple) else None


def _is_array(value: Any) -> bool:
    if isinstance(value, Mapping):  # columns; a dict of single values is one row
        return all(_holds_rows(column) for column in value.values())
    return bool(_shape(value))


def _holds_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) or _is_array(value)


def _has_rows(value: Any, rows: int | None) -> bool:
    return rows is not None and _holds_rows(value) and count(value) == rows


def _single(values: Any, name: str, argument: str, rows: int | None) -> Any:
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
    if len(values) > 1 and all(_has_rows(value, rows) for value in values):
        raise _wrong_number_of_arrays(argument, [name], len(values))
    return values


def _by_name(values: Mapping[Any, Any], names: Sequence[str], argument: str) -> dict[str, Any]:
    errors = ErrorCollector()
    for name in names:
        if name not in values:
            errors.add(f"{argument} has nothing for {name!r}.")
    for key in values:
        if key not in names:
            errors.add(f"{argument} has {key!r}, which is not one of the names.{did_you_mean(key, names)}")
    errors.raise_if_any(DataError)
    return {name: values[name] for name in names}


def _wrong_number_of_arrays(argument: str, names: Sequence[str], received: int) -> DataError:
    advice = "Give one for each, in this order or in a dict by name."
    if len(names) == 1:
        advice = f"Join their columns into one, or add {'a head' if argument == 'y' else 'an input'}."
    message = f"Expected {argument} to have {len(names)} arrays, but got {received}"
    return DataError(f"{message}; the names are {', '.join(map(repr, names))}. {advice}")


def _count_columns(columns: Mapping[Any, Any]) -> int:
    counts = {name: count(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name!r}: {rows}" for name, rows in counts.items())
        raise DataError(f"All columns of a table must have the same number of rows, got {listed}.")
    return next(iter(counts.values()), 0)


def _describe(values: Any) -> str:
    if values is None:
        return "None"
    if isinstance(values, str | bytes):
        return f"the single {type(values).__name__} {values[:60]!r}"
    return f"a {type(values).__name__}" + (" without rows" if _shape(values) == () else "")
