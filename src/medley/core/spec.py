"""The shape of one sample between two parts, known before any data flows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column of a table as its encoders see it.

    Args:
        name: the caller's name of it.
        kind: `"numeric"` (standardised, missing is NaN) or `"categorical"` (a code, 0 is missing or unseen).
        cardinality: number of codes of a categorical column, the 0 included.
        bins: increasing edges learnt on training rows, in standardised units; empty where there are too few values.
        values: rising distinct values of a numeric column of whole numbers that recur, in standardised units.
        is_time: whether a numeric column is a point in time, or in a year, a week or a day.
        missing: whether training rows that have this table lack this cell; encoders then tell missing from average.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    cardinality: int = 0
    bins: tuple[float, ...] = ()
    missing: bool = False
    values: tuple[float, ...] = ()
    is_time: bool = False


@dataclass(frozen=True)
class Spec:
    """Axes and shape of one sample (the rows' axis B is left out).

    Args:
        shape: sizes, one per axis.
        axes: one letter per axis: D width, T steps, C channels (or a table's columns), H, W, Z space, K outputs,
            S members of a set, E members of an ensemble.
        dtype: `"float32"`, `"int64"` (codes; `cardinality` says how many) or `"uint8"` (compact pixels, 0..255).
        cardinality: number of distinct codes where dtype is `"int64"`.
        columns: what the C axis of a table holds, column by column.
        answers: of a linear path's vector: heads in order, each with the number of its raw outputs, which stand from
            the second number on.
        blind: members of an ensemble, the last ones, that have read no linear path.

    >>> Spec((3, 32, 32), "CHW").width
    3
    >>> Spec((20,), "D").is_vector
    True
    """

    shape: tuple[int, ...]
    axes: str
    dtype: Literal["float32", "int64", "uint8"] = "float32"
    cardinality: int = 0
    columns: tuple[Column, ...] = ()
    answers: tuple[tuple[str, int], ...] = ()
    blind: int = 0

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.axes):
            raise ValueError(f"Spec: {len(self.axes)} axes {self.axes!r} but shape {self.shape}.")

    @property
    def rank(self) -> int:
        """Number of axes, B left out."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        return prod(self.shape)

    @property
    def width(self) -> int:
        """Size of the feature axis: D, or C of maps and tables."""
        for axis in "DCK":
            if axis in self.axes:
                return self.shape[self.axes.index(axis)]
        return 1

    @property
    def is_vector(self) -> bool:
        """One plain vector of numbers per row."""
        return self.axes == "D"

    @property
    def is_table(self) -> bool:
        """Raw columns: NaN for missing numbers, codes for categories."""
        return bool(self.columns)

    @property
    def is_map(self) -> bool:
        """Channels first, then space: CT is not one (series are TD)."""
        return self.axes in ("CHW", "CZHW")

    @property
    def is_sequence(self) -> bool:
        """Steps of vectors."""
        return self.axes == "TD"

    @property
    def is_ensemble(self) -> bool:
        """A vector per member of an ensemble: heads train the members apart and predict their mean."""
        return self.axes == "ED"

    @property
    def is_tokens(self) -> bool:
        """Steps of codes, 0 is padding."""
        return self.axes == "T" and self.dtype == "int64"

    def __str__(self) -> str:
        inner = " ".join(f"{axis}={size}" for axis, size in zip(self.axes, self.shape, strict=True))
        return f"({inner}{'' if self.dtype == 'float32' else f' {self.dtype}'})"


def vector(width: int) -> Spec:
    """The spec of a vector of `width` numbers.

    >>> str(vector(8))
    '(D=8)'
    """
    return Spec((width,), "D")
