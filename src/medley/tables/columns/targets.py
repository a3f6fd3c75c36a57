"""The task of a target column: each registered head recognises the targets that it predicts."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.column import ColumnGuess, TaskGuess
from medley.core.head import Head
from medley.core.registry import declared
from medley.errors import DataError
from medley.tables.columns.cells import read_cells
from medley.tables.columns.guard import guarded
from medley.tables.columns.infer import infer_column
from medley.tables.columns.kind import kind_named, parse_column
from medley.tables.columns.missing import MissingValueSpec, missing_values_of, without_missing_values
from medley.tables.columns.names import is_code_name, is_grade_name, is_identifier_name, is_quantity_name, is_time_name
from medley.tables.columns.profile import ColumnProfile, are_numbers, label_form

if TYPE_CHECKING:
    import pandas as pd

_MOST_GRADES = 11
_MOST_CODES = 100


class TargetProfile:
    """A target column, as heads examine it to recognise their task.

    Args:
        profile: the column; it has at least two distinct values, or cells that are not single values.
        cells: the guess of its kind.

    Attributes:
        profile: as passed.
        cells: as passed.
        name: of the column.
        is_plain: whether each cell is one value.
    """

    def __init__(self, profile: ColumnProfile, cells: ColumnGuess) -> None:
        self.profile = profile
        self.cells = cells
        self.name = profile.name
        self.is_plain = profile.is_plain and kind_named(cells.kind).compared_as not in ("labels", "numbers")

    @cached_property
    def is_numeric(self) -> bool:
        """Whether each cell is a number, or a string that is one."""
        if not self.is_plain:
            return False
        values = self.profile.values
        is_number = values.dtype.kind in "iuf" or self.cells.kind == "number" or are_numbers(self.profile.types)
        return is_number or (self.cells.kind == "identifier" and all(map(_is_whole_number, values.tolist())))

    @cached_property
    def numbers(self) -> np.ndarray:
        """The cells (B,) or (B, K) as numbers, NaN where missing."""
        kind = self.cells.kind if not self.is_plain else "number"
        return parse_column(self.profile, kind, self.cells.form if self.cells.kind == kind else "")[0]

    @cached_property
    def distinct(self) -> np.ndarray:
        """The distinct numbers, in ascending order."""
        return self._distinct[0]

    @property
    def n_numbers(self) -> int:
        """The number of rows with a number."""
        return int(np.isfinite(self.numbers).sum())

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        return bool((self.distinct % 1 == 0).all())

    @cached_property
    def classes(self) -> tuple[Any, ...]:
        """The distinct numbers as labels, in their original type."""
        profile = self.profile
        is_string = profile.values.dtype.kind == "O" and any(
            issubclass(cell_type, str) for cell_type in profile.types or (str,)
        )
        rows = self._distinct[1]
        return tuple(
            str(profile.series.iloc[row]).strip() if is_string else _plain(float(self.numbers[row])) for row in rows
        )

    @cached_property
    def numbered_classes(self) -> tuple[str, str, float] | None:
        """Task of recurring whole numbers (`"ordered"` or `"multiclass"`), reason, confidence; None if quantities."""
        return _numbered_classes(self.name, self.distinct, self.n_numbers) if self.is_whole else None

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        values, first = np.unique(self.numbers, return_index=True)
        return values[np.isfinite(values)], first[np.isfinite(values)]

    def task(
        self,
        kind: str,
        reason: str,
        confidence: float,
        *,
        outputs: int = 1,
        labels: tuple[Any, ...] = (),
        cells: str | None = None,
    ) -> TaskGuess:
        """The guess that this target asks for a task.

        Args:
            kind: the kind of task.
            reason: why it is recognised.
            confidence: 0 to 1.
            outputs: number of classes, of labels, or of numbers per row.
            labels: the classes.
            cells: the kind of column that its cells are parsed as, if it is not the inferred one.
        """
        guess = replace(self.cells, missing_values=tuple(sorted(missing_values_of(self.cells))))
        if cells is not None and cells != guess.kind:
            guess = replace(guess, kind=cells, form="", is_used=True)
        if labels:
            guess = replace(guess, kind="category", form=label_form(self.profile.values), is_used=True)
        return TaskGuess(self.name, kind, reason, round(confidence, 2), self.cells.missing, outputs, labels, guess)


def target_heads() -> list[type[Head]]:
    """The heads for tasks of tables, in the order in which they try to recognise a target."""
    heads = [head for head in declared(Head).values() if head.task_kinds]
    return sorted(heads, key=lambda head: (head.task_rank, head.__name__))


def infer_target(values: Any, name: str = "target") -> TaskGuess:
    """Infer the task of a target.

    Args:
        values: B labels: a column of a frame, an array (B,) or (B, K), a list.
        name: its name in messages; by default that of the column, if it has one.

    Raises:
        DataError: no row has a label; there is only one class; or no head predicts labels of this kind.

    >>> [infer_target(values).kind for values in (["a", "b", None], [["x"], ["x", "y"], []], [1.5, 2.5, 3.0])]
    ['binary', 'multilabel', 'number']
    """
    series = _as_series(values)
    name = str(series.name) if name == "target" and series.name is not None else name
    return infer_target_from_profile(ColumnProfile(name, series, Path()))


def infer_target_from_profile(profile: ColumnProfile, missing_values: MissingValueSpec | None = None) -> TaskGuess:
    """Infer the task of a target from its column profile, as `infer_target` does.

    Args:
        profile: the column.
        missing_values: what the caller sets to be missing.
    """
    profile = without_missing_values(profile, missing_values)
    if not profile.n_present:
        rows = len(profile.series)
        raise DataError(f"The target {profile.name!r} is missing in all {rows:,} rows: there is nothing to learn.")
    cells = infer_column(profile)
    if kind_named(cells.kind).is_single_valued:
        profile = profile.single_valued
    target = TargetProfile(profile, cells)
    if target.is_plain and len(profile.values) == 1:
        value = str(profile.values[0])
        raise DataError(f"The target {profile.name!r} holds one value only, {value!r}: there is nothing to predict.")
    for head in target_heads():
        task = guarded(profile, lambda profile, head=head: head.infer_task(TargetProfile(profile, target.cells)))
        if task is not None:
            return task
    raise _unpredictable(profile.name, target.cells.kind)


def _is_whole_number(value: Any) -> bool:
    """Whether a value is a whole number, or written like one; codes with leading zeros are not."""
    return re.fullmatch(r"\s*[-+]?(0|[1-9]\d{0,14})\s*", str(value)) is not None


def read_target(series: pd.Series, task: TaskGuess) -> Any:
    """Parse the cells of a target.

    Returns:
        numbers: float64 (B,) or (B, K), NaN where missing; classes: object (B,), in their original type,
        None where missing; sets of labels: a list of B lists, or None where missing; a matrix of 0 and 1: (B, K).
    """
    return read_cells(_as_series(series), task.cells).values


def _numbered_classes(name: str, values: np.ndarray, rows: int) -> tuple[str, str, float] | None:
    """Decide whether whole numbers are classes, ordered or not; None if they are more likely quantities."""
    distinct = len(values)
    if distinct > rows / 2:
        return None
    has_code_name = (
        (is_code_name(name) or is_identifier_name(name)) and not is_quantity_name(name) and not is_grade_name(name)
    )
    if has_code_name and distinct <= _MOST_CODES:
        return "multiclass", f"its name suggests that its {distinct} whole numbers are classes", 0.8
    if not 3 <= distinct <= _MOST_GRADES:
        return None
    if (is_quantity_name(name) or is_time_name(name)) and not is_grade_name(name) and values[0] not in (0, 1):
        return None
    described = f"its cells are {distinct} whole numbers from {values[0]:.0f} to {values[-1]:.0f}"
    if is_grade_name(name):
        return "ordered", f"{described}, and its name is that of grades", 0.9
    if distinct < 0.8 * (values[-1] - values[0] + 1) and len(np.unique(np.diff(values))) > 1:
        return "multiclass", f"{described}, with gaps between them", 0.5
    if values[0] == 0 and not is_quantity_name(name):
        return "multiclass", f"{described}, as classes are often numbered; set ordered if they are grades", 0.6
    return "ordered", described, 0.75


def _plain(value: float) -> int | float:
    return int(value) if value % 1 == 0 else float(value)


def _unpredictable(name: str, kind: str) -> DataError:
    is_time = kind_named(kind).compared_as == "number"
    advice = "turn it into a number first, such as days since its first date" if is_time else "choose another column"
    return DataError(f"The target {name!r} holds cells of kind {kind}, which nothing predicts: {advice}.")


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
