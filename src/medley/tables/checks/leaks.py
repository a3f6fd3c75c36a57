"""Target leakage: columns that determine a target; and duplicate rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from medley.core.column import TaskGuess
from medley.data.split import random_folds, random_sample
from medley.tables.checks.multi_output_leaks import compare_labels, compare_numbers
from medley.tables.columns.cells import table_cells
from medley.tables.columns.kind import kind_named
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table

if TYPE_CHECKING:
    import pandas as pd

_LEAST_ROWS = 30
_LEAST_PAIRS = 10  # fewer rows may agree by chance
_LEAST_BASELINE_ERRORS = 20
_SAMPLE_ROWS = 20_000
_LARGEST_NUMBER = 1e150
_BINS = 256
_ROWS_PER_BIN = 5
_NEAR_PERFECT = 0.98  # of the errors of the constant baseline
_NEAR_PERFECT_R2 = 0.999
_NEAR_PERFECT_CORRELATION = 0.9999


@dataclass(frozen=True)
class Leak:
    """A column that determines a target.

    Args:
        column: its name.
        target: that of the target.
        relation: `"equal"`; `"one-to-one"` (each class has another name); `"near-perfect"` (the column alone predicts
            validation rows almost without error); or `"part"` (it holds some of the labels or numbers of a target that
            has several).
        strength: for `"near-perfect"`, the fraction of the constant baseline's error that the column removes; else 1.
    """

    column: str
    target: str
    relation: Literal["equal", "one-to-one", "near-perfect", "part"]
    strength: float

    def __str__(self) -> str:
        phrase = {
            "equal": "is equal to it",
            "one-to-one": "has one value for each of its values",
            "near-perfect": f"predicts it nearly perfectly by itself ({self.strength:.2%})",
            "part": "holds part of it",
        }[self.relation]
        return f"Column {self.column!r} determines the target {self.target!r}: it {phrase}."


def leaks(table: Table, schema: Schema, targets: Mapping[str, TaskGuess]) -> list[Leak]:
    """Find columns that determine a target; they are rarely known when the target has to be predicted.

    Numbers, categories, times, booleans and whole texts are compared with the target, and so is whether a cell is
    missing. How well a column predicts is measured by cross-validation, so that a name for every row is not a leak.

    Args:
        table: the rows, inputs and targets.
        schema: kinds of the inputs; targets among them are skipped.
        targets: name -> task, as `targets.infer_target` returns it.

    Returns:
        The leaks, by target and then in the order of the columns.

    >>> from medley.tables.columns.infer import infer
    >>> from medley.tables.columns.targets import infer_target
    >>> from medley.tables.reading.read import read
    >>> table = read({"size": range(40), "code": [7, 8] * 20, "label": ["a", "b"] * 20})
    >>> targets = {"label": infer_target(table.frame["label"])}
    >>> [str(leak) for leak in leaks(table, infer(table), targets)]
    ["Column 'code' determines the target 'label': it has one value for each of its values."]
    """
    inputs = [name for name in schema.used if name not in targets]
    rows = random_sample(len(table), _SAMPLE_ROWS)
    columns = {
        name: _read(table, schema, name, rows) for name in inputs if kind_named(schema[name].kind).is_single_valued
    }
    results = []
    for target, task in targets.items():
        labels = table_cells(table, task.cells).values
        if isinstance(labels, list) or labels.ndim > 1:
            results += _multi_output_leaks(table, schema, target, _select(labels, rows), inputs, rows)
            continue
        target_values = _Values.of(labels[rows], numeric=labels.dtype.kind == "f")
        for name, column in columns.items():
            leak = _compare(name, target, column, target_values)
            results += [leak] if leak else []
    return results


def _compared_as(schema: Schema, name: str) -> str | None:
    return kind_named(schema[name].kind).compared_as


def _select(values: Any, rows: np.ndarray) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]


def _multi_output_leaks(
    table: Table, schema: Schema, target: str, labels: Any, inputs: Sequence[str], rows: np.ndarray
) -> list[Leak]:
    """Find columns that equal, or hold part of, a target with several labels or numbers per row."""
    results, is_labels = [], not isinstance(labels, np.ndarray)
    for name in inputs:
        # Booleans are not labels of a set, and times are not numbers of a vector.
        if _compared_as(schema, name) in (("labels", "label") if is_labels else ("number", "numbers")):
            values = _select(table_cells(table, schema[name]).values, rows)
            relation: Any = compare_labels(values, labels) if is_labels else _compare_numbers(values, labels)
            results += [Leak(name, target, relation, 1.0)] if relation else []
    return results


def _compare_numbers(values: Any, labels: np.ndarray) -> Any:
    return compare_numbers(values, labels) if values.dtype.kind == "f" else None


def duplicate_groups(frame: pd.DataFrame) -> np.ndarray:
    """Codes of rows (B,), the same for rows that are equal in all columns, so that splits keep them together.

    Args:
        frame: the input columns only: rows that differ in nothing but their targets are duplicates.

    >>> import pandas as pd
    >>> duplicate_groups(pd.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "x", "x", None]})).tolist()
    [0, 0, 1, 2]
    """
    groups = np.zeros(len(frame), np.int64)
    for position in range(len(frame.columns)):
        codes = _codes(frame.iloc[:, position]) + 1
        # Both are below the number of rows + 1, whose square fits into 64 bits for billions of rows.
        groups = _factorize(groups * (codes.max(initial=0) + 1) + codes)
    return groups


def row_hashes(columns: Sequence[Any]) -> np.ndarray:
    """Hash rows (B,) by their cells, to find duplicates in tables of which only batches are in memory.

    Args:
        columns: parsed cells as returned by `cells.read_cells`, B each; inputs only, as in `duplicate_groups`.

    >>> row_hashes([np.array([1.0, 1.0, 2.0]), np.array(["x", "x", "x"], object)]).tolist()[0::2] == [0, 0]
    False
    >>> hashes = row_hashes([np.array([1.0, 1.0, 2.0]), [["a"], ["a"], None]])
    >>> bool(hashes[0] == hashes[1]), bool(hashes[1] == hashes[2])
    (True, False)
    """
    hashes = np.zeros(len(columns[0]), np.uint64)
    for cells in columns:
        # Overflow is intended; the factor keeps equal cells in two columns from cancelling each other out.
        hashes = (hashes ^ _hashes(cells)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _hashes(cells: Any) -> np.ndarray:
    from pandas import util

    hashes_of: Any = util.hash_array

    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fM":
        rows = np.ascontiguousarray(cells).reshape(len(cells), -1)
        hashes = np.zeros(len(rows), np.uint64)
        for column in rows.T:
            hashes = hashes * np.uint64(31) + hashes_of(np.ascontiguousarray(column))
        return hashes
    strings = np.empty(len(cells), object)
    strings[:] = [cell if cell is None or type(cell) in (str, bytes) else repr(_key(cell)) for cell in cells]
    return hashes_of(strings, categorize=False)


@dataclass(frozen=True)
class _Values:
    """The cells of a column; their codes, -1 where missing; and their numbers, if they are numeric."""

    cells: np.ndarray
    codes: np.ndarray
    numbers: np.ndarray | None

    @classmethod
    def of(cls, values: np.ndarray, *, numeric: bool) -> _Values:
        if values.dtype.kind == "M":
            numbers = np.where(np.isnat(values), np.nan, values.astype("datetime64[us]").astype(np.int64))
        else:
            numbers = values.astype(np.float64) if numeric else None
        return cls(values, _codes(values), numbers)


def _read(table: Table, schema: Schema, name: str, rows: np.ndarray) -> _Values:
    values = table_cells(table, schema[name]).values[rows]
    return _Values.of(values, numeric=_compared_as(schema, name) == "number")


def _compare(name: str, target: str, values: _Values, target_values: _Values) -> Leak | None:
    labelled = target_values.codes >= 0
    codes, classes = values.codes[labelled], target_values.codes[labelled]
    if len(np.unique(classes)) < 2 or len(np.unique(codes)) < 2:
        return None
    present = codes >= 0
    if present.mean() > 0.5 and present.sum() >= _LEAST_PAIRS and _one_to_one(codes[present], classes[present]):
        if _equal(values.cells[labelled][present], target_values.cells[labelled][present]):
            return Leak(name, target, "equal", 1.0)
        # If nearly every row has a value of its own, any two columns are one-to-one.
        if len(np.unique(classes[present])) <= present.sum() / 2:
            return Leak(name, target, "one-to-one", 1.0)
    if labelled.sum() < _LEAST_ROWS:
        return None
    column_numbers = None if values.numbers is None else values.numbers[labelled]
    target_numbers = None if target_values.numbers is None else target_values.numbers[labelled]
    strength = _predictive_strength(column_numbers, codes, target_numbers, classes)
    return Leak(name, target, "near-perfect", round(strength, 4)) if strength else None


def _one_to_one(codes: np.ndarray, classes: np.ndarray) -> bool:
    pairs = len(np.unique(codes.astype(np.int64) * (classes.max() + 1) + classes))
    return pairs == len(np.unique(codes)) == len(np.unique(classes))


def _equal(cells: np.ndarray, labels: np.ndarray) -> bool:
    if cells.dtype.kind == labels.dtype.kind == "f":
        return bool(np.allclose(cells, labels, rtol=1e-9, atol=0))
    return all(
        _normalised(cell) == _normalised(label) for cell, label in zip(cells.tolist(), labels.tolist(), strict=True)
    )


def _normalised(cell: Any) -> str:
    return str(int(cell) if isinstance(cell, bool) or (isinstance(cell, float) and cell % 1 == 0) else cell)


def _predictive_strength(
    numbers: np.ndarray | None, codes: np.ndarray, target: np.ndarray | None, classes: np.ndarray
) -> float:
    """How well a column alone predicts the target if it does so almost perfectly, else 0."""
    if target is not None and numbers is not None:
        correlation = _rank_correlation(numbers, target)
        if correlation >= _NEAR_PERFECT_CORRELATION:
            return correlation
    groups = _bins(numbers) if numbers is not None else codes
    if target is not None:
        r2 = _cross_validated_r2(groups, target)
        return r2 if r2 >= _NEAR_PERFECT_R2 else 0.0
    gain = _cross_validated_gain(groups, classes)
    return gain if gain >= _NEAR_PERFECT else 0.0


def _rank_correlation(numbers: np.ndarray, target: np.ndarray) -> float:
    """Absolute rank correlation over the rows that have both numbers; 0 if there are too few such rows."""
    present = np.isfinite(numbers) & np.isfinite(target)
    if present.sum() < max(_LEAST_ROWS, 0.5 * len(present)):
        return 0.0
    ranks, target_ranks = _ranks(numbers[present]), _ranks(target[present])
    if len(np.unique(ranks)) < 10 or len(np.unique(target_ranks)) < 10:
        return 0.0
    return abs(float(np.corrcoef(ranks, target_ranks)[0, 1]))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[codes]


def _bins(numbers: np.ndarray) -> np.ndarray:
    """Bin numbers: one bin per distinct value if they are few, else quantile bins; -1 where missing."""
    present = np.isfinite(numbers)
    edges = np.unique(numbers[present])
    bins = min(_BINS, max(int(present.sum()) // _ROWS_PER_BIN, 2))
    if len(edges) > bins:
        edges = np.unique(np.quantile(numbers[present], np.linspace(0, 1, bins + 1)[1:-1]))
    return np.where(present, np.searchsorted(edges, numbers, side="right"), -1)


def _cross_validated_gain(groups: np.ndarray, classes: np.ndarray) -> float:
    """Cross-validated: the fraction of the majority class's errors that predicting the class of each group avoids."""
    groups, count = groups - groups.min(initial=0), classes.max() + 1
    correct = wrong = 0
    for train, validation in random_folds(len(groups)):
        majority = np.bincount(classes[train]).argmax()
        class_counts = np.bincount(groups[train] * count + classes[train], minlength=(groups.max() + 1) * count)
        class_counts = class_counts.reshape(-1, count)
        predicted = np.where(class_counts.sum(axis=1) > 0, class_counts.argmax(axis=1), majority)[groups[validation]]
        wrong += int((classes[validation] != majority).sum())
        correct += int((predicted == classes[validation]).sum()) - int((classes[validation] == majority).sum())
    return correct / wrong if wrong >= _LEAST_BASELINE_ERRORS else 0.0


def _cross_validated_r2(groups: np.ndarray, target: np.ndarray) -> float:
    """Cross-validated R2 of predicting the mean of each group; 0 if squares of the numbers may not be finite."""
    if np.abs(target).max(initial=0) > _LARGEST_NUMBER:
        return 0.0
    groups = groups - groups.min(initial=0)
    residual = total = 0.0
    for train, validation in random_folds(len(groups)):
        mean = target[train].mean()
        size = groups.max() + 1
        counts, sums = np.bincount(groups[train], minlength=size), np.bincount(groups[train], target[train], size)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
        residual += float(((target[validation] - means[groups[validation]]) ** 2).sum())
        total += float(((target[validation] - mean) ** 2).sum())
    return 1 - residual / total if total else 0.0


def _codes(values: Any) -> np.ndarray:
    """Codes (B,) of values, -1 where missing; lists and arrays are compared by their content."""
    import pandas as pd

    try:
        return pd.factorize(values)[0].astype(np.int64)
    except (TypeError, NotImplementedError):  # NotImplementedError: lists of Arrow types
        return pd.factorize(pd.Series([_key(cell) for cell in values], dtype=object))[0].astype(np.int64)


def _key(cell: Any) -> Any:
    if isinstance(cell, np.ndarray):
        return (cell.shape, cell.tobytes() if cell.dtype != object else repr(cell.tolist()))
    if isinstance(cell, set | frozenset):
        return repr(sorted(cell, key=repr))
    if hasattr(cell, "getbands"):  # a Pillow image
        return (cell.size, cell.mode, cell.tobytes())
    if isinstance(cell, list | tuple | dict):
        return repr(cell)
    try:
        hash(cell)
    except TypeError:  # a frame, say
        return repr(cell)
    return cell


def _factorize(values: np.ndarray) -> np.ndarray:
    import pandas as pd

    return pd.factorize(values)[0].astype(np.int64)
