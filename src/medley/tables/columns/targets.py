"""What kind of task a target column is: two classes, several, an order of them, sets of labels, numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.column import ColumnGuess, TaskGuess, TaskKind
from medley.core.kinds import Kind
from medley.errors import DataError
from medley.tables.columns.cells import read_cells
from medley.tables.columns.column_names import is_code_name, is_grade_name, is_identifier_name, is_quantity_name
from medley.tables.columns.infer import infer_column, judge
from medley.tables.columns.profile import ColumnProfile, KindGuess, label_form

if TYPE_CHECKING:
    import pandas as pd


_MOST_GRADES = 11
_MOST_CODES = 100
_ENOUGH = 20


def infer_target(values: Any, name: str = "target") -> TaskGuess:
    """Guesses the task of a target.

    Args:
        values: B labels: a column of a frame, an array (B,) or (B, K), a list.
        name: what messages call it; that of a named column, where left out.

    Raises:
        DataError: no row has a label; there is one class only; or the labels are of a kind that nothing predicts.

    >>> [infer_target(values).kind for values in (["a", "b", None], [["x"], ["x", "y"], []], [1.5, 2.5, 3.0])]
    ['binary', 'multilabel', 'number']
    """
    series = _as_series(values)
    name = str(series.name) if name == "target" and series.name is not None else name
    profile = ColumnProfile(name, series, Path())
    if not profile.known:
        raise DataError(f"The target {name!r} is missing in all {len(series):,} rows: there is nothing to learn from.")
    guess = infer_column(series, name)
    kind, why, sure, outputs, labels = _task(profile, judge(profile))
    return TaskGuess(name, kind, why, round(sure, 2), guess.missing, outputs, labels, _cells(guess, kind, profile))


def read_target(series: pd.Series, task: TaskGuess) -> Any:
    """A target's cells as heads read them.

    Returns:
        numbers: float64 (B,) or (B, K), NaN where missing; classes: object (B,), in the type they were written in,
        None where missing; sets of labels: a list of B lists, or None where missing; a matrix of 0 and 1: (B, K).
    """
    return read_cells(_as_series(series), task.cells).values


_Task = tuple[TaskKind, str, float, int, tuple[Any, ...]]


def _task(profile: ColumnProfile, kind_guess: KindGuess) -> _Task:
    if not profile.is_plain or kind_guess.kind in (Kind.SET, Kind.VECTOR):
        return _several(profile, kind_guess)
    values = profile.values
    if len(values) == 1:
        raise DataError(
            f"The target {profile.name!r} holds one value only, {str(values[0])!r}: there is nothing to tell apart."
        )
    if str(profile.series.dtype) == "category" and profile.series.cat.ordered and len(values) > 2:
        labels = tuple(label for label in profile.series.cat.categories if label in set(values.tolist()))
        return "ordered", "the frame's own type orders its classes", 1.0, len(labels), labels
    if values.dtype.kind in "iuf" or kind_guess.kind is Kind.NUMBER:
        return _numbers(profile, kind_guess)
    if values.dtype.kind not in "bO" or kind_guess.kind in (Kind.TIME, Kind.IMAGE):
        raise _unpredictable(profile, kind_guess.kind)
    return _classes(profile, kind_guess)


def _several(profile: ColumnProfile, kind_guess: KindGuess) -> _Task:
    if kind_guess.kind is Kind.SET:
        return "multilabel", kind_guess.why, kind_guess.confidence, kind_guess.labels, ()
    if kind_guess.kind is not Kind.VECTOR:
        raise _unpredictable(profile, kind_guess.kind)
    size = int(kind_guess.form)
    values = read_cells(profile.series, _as_guess(profile, kind_guess)).values
    if size > 1 and np.isin(values[np.isfinite(values)], (0, 1)).all():
        return "multilabel", f"its cells are {size} answers of 0 or 1", 0.95, size, ()
    return "number", f"its cells are {size} numbers", 0.95, size, ()


def _classes(profile: ColumnProfile, kind_guess: KindGuess) -> _Task:
    distinct, known = len(profile.values), profile.known
    if distinct > 0.5 * known and known >= _ENOUGH:
        raise DataError(
            f"The target {profile.name!r} holds {distinct:,} distinct strings in {known:,} rows: nothing predicts free "
            "text. Choose another column, or group its values into classes."
        )
    labels = tuple(sorted(profile.values.tolist(), key=str))
    if distinct == 2:
        return "binary", f"its cells are {labels[0]!r} or {labels[1]!r}", 0.98, 2, labels
    return "multiclass", f"{distinct:,} distinct values in {known:,} rows", 0.95, distinct, labels


def _numbers(profile: ColumnProfile, kind_guess: KindGuess) -> _Task:
    form = kind_guess.form if kind_guess.kind is Kind.NUMBER else ""
    cells = read_cells(profile.series, _as_guess(profile, KindGuess(Kind.NUMBER, "", 1.0, form))).values
    values, first = np.unique(cells, return_index=True)
    values, first = values[np.isfinite(values)], first[np.isfinite(values)]
    known = int(np.isfinite(cells).sum())
    whole = bool((values % 1 == 0).all())
    # Classes keep the type that they were written in.
    written = profile.values.dtype.kind == "O" and any(issubclass(one, str) for one in profile.types or (str,))
    labels = tuple(str(profile.series.iloc[row]).strip() if written else _plain(cells[row]) for row in first)
    if len(values) == 2 and (whole or known >= _ENOUGH):
        return "binary", f"its cells are {labels[0]!r} or {labels[1]!r}", 0.95 if whole else 0.7, 2, labels
    if whole:
        task = _graded(profile.name, values, known)
        return _quantity(len(values)) if task is None else (*task, len(values), labels)
    return "number", "its cells are numbers with fractions", 0.98, 1, ()


def _graded(name: str, values: np.ndarray, known: int) -> tuple[TaskKind, str, float] | None:
    """Classes that are written as whole numbers, in an order or not; None where they rather are quantities."""
    distinct = len(values)
    if distinct > known / 2:
        return None
    named = (is_code_name(name) or is_identifier_name(name)) and not is_quantity_name(name) and not is_grade_name(name)
    if named and distinct <= _MOST_CODES:
        return "multiclass", f"its name says that its {distinct} whole numbers are classes", 0.8
    if not 3 <= distinct <= _MOST_GRADES:
        return None
    told = f"its cells are {distinct} whole numbers from {values[0]:.0f} to {values[-1]:.0f}"
    if is_grade_name(name):
        return "ordered", f"{told}, and its name is that of grades", 0.9
    if distinct < 0.8 * (values[-1] - values[0] + 1) and len(np.unique(np.diff(values))) > 1:
        return "multiclass", f"{told}, with gaps between them", 0.5
    if values[0] == 0 and not is_quantity_name(name):
        return "multiclass", f"{told}, as classes are often numbered; say ordered if they are grades", 0.6
    return "ordered", told, 0.75


def _quantity(distinct: int) -> _Task:
    return "number", f"its cells are {distinct:,} distinct whole numbers", 0.95 if distinct > _ENOUGH else 0.7, 1, ()


def _cells(guess: ColumnGuess, kind: TaskKind, profile: ColumnProfile) -> ColumnGuess:
    """How a target's cells are read: as numbers, as labels of one type, or as sets."""
    if kind == "multilabel" or guess.kind is Kind.VECTOR:
        return guess
    if kind == "number":
        return replace(guess, kind=Kind.NUMBER, form=guess.form if guess.kind is Kind.NUMBER else "")
    return replace(guess, kind=Kind.CATEGORY, form=label_form(profile.values))


def _as_guess(profile: ColumnProfile, kind_guess: KindGuess) -> ColumnGuess:
    return ColumnGuess(profile.name, kind_guess.kind, "", 1.0, 0.0, 0, (), "", kind_guess.form)


def _plain(value: float) -> int | float:
    return int(value) if value % 1 == 0 else float(value)


def _unpredictable(profile: ColumnProfile, kind: Kind) -> DataError:
    way = (
        "turn it into a number first, days since its first date, say" if kind is Kind.TIME else "choose another column"
    )
    return DataError(f"The target {profile.name!r} holds cells of kind {kind}, which nothing predicts: {way}.")


def _as_series(values: Any) -> pd.Series:
    import pandas as pd

    if isinstance(values, pd.Series):
        return values
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    if hasattr(values, "to_pandas"):
        return values.to_pandas()
    if len(getattr(values, "shape", ())) > 1:
        array = np.asarray(values)
        values = list(array[:, 0] if array.shape[1:] == (1,) else array)
    return pd.Series(values)
