"""Target leakage: columns that determine a target; and duplicate rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from medley.core.column import TaskGuess
from medley.tables.checks.multi_output_leaks import compare_labels, compare_numbers
from medley.tables.columns.cells import table_cells
from medley.tables.columns.kind import kind_named
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table

if TYPE_CHECKING:
    import pandas as pd

_LEAST_ROWS = 30
_LEAST_SAME = 10  # fewer rows than this agree by chance
_LEAST_WRONG = 20
_MOST_ROWS = 20_000
_LARGEST = 1e150
_FOLDS = 5
_BINS = 256
_ROWS_PER_BIN = 5
_PERFECT = 0.98  # of what a constant leaves open
_PERFECT_R2 = 0.999
_SAME_ORDER = 0.9999
_SINGLE = ("number", "label")


@dataclass(frozen=True)
class Leak:
    """A column that determines a target.

    Args:
        column: its name.
        target: that of the target.
        how: `"equal"`, `"one-to-one"` (another name for each class), `"near-perfect"` (by itself it predicts rows that
            were held back), or `"part"` (of a target of several labels or numbers it holds some).
        strength: how much of what a constant leaves open the column explains, where it is nearly perfect; else 1.
    """

    column: str
    target: str
    how: Literal["equal", "one-to-one", "near-perfect", "part"]
    strength: float

    def __str__(self) -> str:
        means = {
            "equal": "is equal to it",
            "one-to-one": "has one value for each of its values",
            "near-perfect": f"predicts it nearly perfectly by itself ({self.strength:.2%})",
            "part": "holds part of it",
        }[self.how]
        return f"Column {self.column!r} determines the target {self.target!r}: it {means}."


def leaks(table: Table, schema: Schema, targets: Mapping[str, TaskGuess]) -> list[Leak]:
    """Finds columns that determine a target, which are rarely known where the target is not.

    Numbers, categories, times, booleans and whole texts are compared, as is whether a cell is there at all. A column of
    many categories is judged on rows that were held back: a name for every row is not a leak.

    Args:
        table: the rows, inputs and targets.
        schema: kinds of the inputs; targets among them are skipped.
        targets: name -> task, as `targets.infer_target` returns it.

    Returns:
        The leaks, target by target in the order of the columns.

    >>> from medley.tables.columns.infer import infer
    >>> from medley.tables.columns.targets import infer_target
    >>> from medley.tables.reading.read import read
    >>> table = read({"size": range(40), "code": [7, 8] * 20, "label": ["a", "b"] * 20})
    >>> targets = {"label": infer_target(table.frame["label"])}
    >>> [str(leak) for leak in leaks(table, infer(table), targets)]
    ["Column 'code' determines the target 'label': it has one value for each of its values."]
    """
    inputs = [name for name in schema.used if name not in targets]
    rows = _sample(len(table))
    columns = {name: _read(table, schema, name, rows) for name in inputs if _compared(schema, name) in _SINGLE}
    found = []
    for target, task in targets.items():
        truth = table_cells(table, task.cells).values
        if isinstance(truth, list) or truth.ndim > 1:
            found += _of_several(table, schema, target, _at(truth, rows), inputs, rows)
            continue
        values = _Values.of(truth[rows], numeric=truth.dtype.kind == "f")
        for name, column in columns.items():
            leak = _compare(name, target, column, values)
            found += [leak] if leak else []
    return found


def _compared(schema: Schema, name: str) -> str | None:
    return kind_named(schema[name].kind).compared_as


def _at(values: Any, rows: np.ndarray) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]


def _of_several(
    table: Table, schema: Schema, target: str, truth: Any, inputs: Sequence[str], rows: np.ndarray
) -> list[Leak]:
    """Of a target of several labels or numbers per row, the columns that are equal to it or hold part of it."""
    found, is_labels = [], not isinstance(truth, np.ndarray)
    for name in inputs:
        # A boolean is no label that a set would hold, nor is a time a number of a vector.
        if _compared(schema, name) in (("labels", "label") if is_labels else ("number", "numbers")):
            values = _at(table_cells(table, schema[name]).values, rows)
            how: Any = compare_labels(values, truth) if is_labels else _compare_numbers(values, truth)
            found += [Leak(name, target, how, 1.0)] if how else []
    return found


def _compare_numbers(values: Any, truth: np.ndarray) -> Any:
    return compare_numbers(values, truth) if values.dtype.kind == "f" else None


def duplicate_groups(frame: pd.DataFrame) -> np.ndarray:
    """Codes (B,) that rows share where they are equal in all columns, so that a split can keep them together.

    Args:
        frame: the inputs; without targets, as rows that differ in those alone are the same row.

    >>> import pandas as pd
    >>> duplicate_groups(pd.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "x", "x", None]})).tolist()
    [0, 0, 1, 2]
    """
    groups = np.zeros(len(frame), np.int64)
    for place in range(len(frame.columns)):
        codes = _codes(frame.iloc[:, place]) + 1
        # Both are below the number of rows + 1, whose square fits into 64 bits for billions of rows.
        groups = _first_codes(groups * (codes.max(initial=0) + 1) + codes)
    return groups


def row_hashes(columns: Sequence[Any]) -> np.ndarray:
    """Numbers (B,) that are the same for rows whose cells are the same: for tables of which only batches are in memory.

    Args:
        columns: cells as `cells.read_cells` gives them, B each; those of the inputs, as for `duplicate_groups`.

    >>> row_hashes([np.array([1.0, 1.0, 2.0]), np.array(["x", "x", "x"], object)]).tolist()[0::2] == [0, 0]
    False
    >>> found = row_hashes([np.array([1.0, 1.0, 2.0]), [["a"], ["a"], None]])
    >>> bool(found[0] == found[1]), bool(found[1] == found[2])
    (True, False)
    """
    found = np.zeros(len(columns[0]), np.uint64)
    for cells in columns:
        # Wraps around on purpose; the factor keeps equal cells of two columns from cancelling each other.
        found = (found ^ _hashes(cells)) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(29)
    return found


def _hashes(cells: Any) -> np.ndarray:
    from pandas import util

    hashes_of: Any = util.hash_array

    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fM":
        rows = np.ascontiguousarray(cells).reshape(len(cells), -1)
        found = np.zeros(len(rows), np.uint64)
        for column in rows.T:
            found = found * np.uint64(31) + hashes_of(np.ascontiguousarray(column))
        return found
    words = np.empty(len(cells), object)
    words[:] = [cell if cell is None or type(cell) in (str, bytes) else repr(_key(cell)) for cell in cells]
    return hashes_of(words, categorize=False)


@dataclass(frozen=True)
class _Values:
    """A column; as codes, -1 where it is missing; and as numbers, where it is numeric."""

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
    return _Values.of(values, numeric=_compared(schema, name) == "number")


def _compare(name: str, target: str, values: _Values, truth: _Values) -> Leak | None:
    known = truth.codes >= 0
    codes, classes = values.codes[known], truth.codes[known]
    if len(np.unique(classes)) < 2 or len(np.unique(codes)) < 2:
        return None
    both = codes >= 0
    if both.mean() > 0.5 and both.sum() >= _LEAST_SAME and _one_to_one(codes[both], classes[both]):
        if _equal(values.cells[known][both], truth.cells[known][both]):
            return Leak(name, target, "equal", 1.0)
        # Where nearly every row has its own value, all columns are one-to-one.
        if len(np.unique(classes[both])) <= both.sum() / 2:
            return Leak(name, target, "one-to-one", 1.0)
    if known.sum() < _LEAST_ROWS:
        return None
    numbers = None if values.numbers is None else values.numbers[known]
    goal = None if truth.numbers is None else truth.numbers[known]
    strength = _strength(numbers, codes, goal, classes)
    return Leak(name, target, "near-perfect", round(strength, 4)) if strength else None


def _one_to_one(codes: np.ndarray, classes: np.ndarray) -> bool:
    pairs = len(np.unique(codes.astype(np.int64) * (classes.max() + 1) + classes))
    return pairs == len(np.unique(codes)) == len(np.unique(classes))


def _equal(cells: np.ndarray, truth: np.ndarray) -> bool:
    if cells.dtype.kind == truth.dtype.kind == "f":
        return bool(np.allclose(cells, truth, rtol=1e-9, atol=0))
    return all(_spelt(one) == _spelt(other) for one, other in zip(cells.tolist(), truth.tolist(), strict=True))


def _spelt(cell: Any) -> str:
    return str(int(cell) if isinstance(cell, bool) or (isinstance(cell, float) and cell % 1 == 0) else cell)


def _strength(numbers: np.ndarray | None, codes: np.ndarray, goal: np.ndarray | None, classes: np.ndarray) -> float:
    """How much a column explains by itself where that is nearly all, else 0."""
    if goal is not None and numbers is not None:
        order = _order(numbers, goal)
        if order >= _SAME_ORDER:
            return order
    groups = _bins(numbers) if numbers is not None else codes
    if goal is not None:
        r2 = _held_back_r2(groups, goal)
        return r2 if r2 >= _PERFECT_R2 else 0.0
    gain = _held_back_gain(groups, classes)
    return gain if gain >= _PERFECT else 0.0


def _order(numbers: np.ndarray, goal: np.ndarray) -> float:
    """Rank correlation, without its sign, over the rows that have both; 0 where too few have."""
    both = np.isfinite(numbers) & np.isfinite(goal)
    if both.sum() < max(_LEAST_ROWS, 0.5 * len(both)):
        return 0.0
    one, other = _ranks(numbers[both]), _ranks(goal[both])
    if len(np.unique(one)) < 10 or len(np.unique(other)) < 10:
        return 0.0
    return abs(float(np.corrcoef(one, other)[0, 1]))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _bins(numbers: np.ndarray) -> np.ndarray:
    """Numbers as codes: of their distinct values where they are few, else of quantiles; -1 where missing."""
    known = np.isfinite(numbers)
    found = np.unique(numbers[known])
    most = min(_BINS, max(int(known.sum()) // _ROWS_PER_BIN, 2))
    if len(found) > most:
        found = np.unique(np.quantile(numbers[known], np.linspace(0, 1, most + 1)[1:-1]))
    return np.where(known, np.searchsorted(found, numbers, side="right"), -1)


def _held_back_gain(groups: np.ndarray, classes: np.ndarray) -> float:
    """Of the rows that the most frequent class gets wrong, the share that a table of group -> class gets right."""
    groups, count = groups - groups.min(initial=0), classes.max() + 1
    right = wrong = 0
    for train, held in _folds(len(groups)):
        usual = np.bincount(classes[train]).argmax()
        table = np.bincount(groups[train] * count + classes[train], minlength=(groups.max() + 1) * count)
        table = table.reshape(-1, count)
        guess = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), usual)[groups[held]]
        wrong += int((classes[held] != usual).sum())
        right += int((guess == classes[held]).sum()) - int((classes[held] == usual).sum())
    return right / wrong if wrong >= _LEAST_WRONG else 0.0


def _held_back_r2(groups: np.ndarray, goal: np.ndarray) -> float:
    """R2 of a table of group -> mean on rows that were held back; 0 of numbers whose squares are not finite."""
    if np.abs(goal).max(initial=0) > _LARGEST:
        return 0.0
    groups = groups - groups.min(initial=0)
    left = spread = 0.0
    for train, held in _folds(len(groups)):
        mean = goal[train].mean()
        size = groups.max() + 1
        counts, sums = np.bincount(groups[train], minlength=size), np.bincount(groups[train], goal[train], size)
        table = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
        left += float(((goal[held] - table[groups[held]]) ** 2).sum())
        spread += float(((goal[held] - mean) ** 2).sum())
    return 1 - left / spread if spread else 0.0


def _folds(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    folds = np.random.default_rng(0).permutation(rows) % _FOLDS
    return [(folds != fold, folds == fold) for fold in range(_FOLDS)]


def _sample(rows: int) -> np.ndarray:
    if rows <= _MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, _MOST_ROWS, replace=False))


def _codes(values: Any) -> np.ndarray:
    """Codes (B,) of values, -1 where missing; lists and arrays count by what they hold."""
    import pandas as pd

    try:
        return pd.factorize(values)[0].astype(np.int64)
    except (TypeError, NotImplementedError):  # the latter from Arrow's own lists
        return pd.factorize(pd.Series([_key(cell) for cell in values], dtype=object))[0].astype(np.int64)


def _key(cell: Any) -> Any:
    if isinstance(cell, np.ndarray):
        return (cell.shape, cell.tobytes() if cell.dtype != object else repr(cell.tolist()))
    if isinstance(cell, set | frozenset):
        return repr(sorted(cell, key=repr))
    if hasattr(cell, "getbands"):  # an image of Pillow's
        return (cell.size, cell.mode, cell.tobytes())
    return repr(cell) if isinstance(cell, list | tuple | dict) else cell


def _first_codes(values: np.ndarray) -> np.ndarray:
    import pandas as pd

    return pd.factorize(values)[0].astype(np.int64)
