"""Specs: axes and shape of one row between two parts of a network, known before any data is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One encoded column of a table.

    Args:
        name: of the column.
        kind: `"numeric"` (standardised, NaN if missing) or `"categorical"` (a code, 0 if missing or unseen).
        cardinality: number of codes of a categorical column, including 0.
        bins: increasing edges of bins, in standardised units; empty if there are too few values.
        values: increasing distinct values of a numeric column of few whole numbers, in standardised units.
        is_time: whether a numeric column is a point in time, or in a year, a week or a day.
        missing: whether cells are missing in training rows; encoders then distinguish missing cells from average ones.
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
    """Axes and shape of one row, without the axis B of rows.

    Args:
        shape: sizes, one per axis.
        axes: one letter per axis: D width, T steps, C channels (or columns of a table), H, W, Z space, K outputs,
            S items of a set, E members of an ensemble.
        dtype: `"float32"`, `"int64"` (token ids or category codes) or `"uint8"` (pixels, 0 to 255).
        cardinality: number of distinct ids or codes if dtype is `"int64"`.
        columns: the columns along axis C of a table.
        linear_outputs: for the vector of a linear path: each head with the number of its raw outputs, in order; the
            vector holds a 1, followed by these outputs.
        blind: number of members of an ensemble that do not read the linear path; these are the last ones.

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
    linear_outputs: tuple[tuple[str, int], ...] = ()
    blind: int = 0

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.axes):
            raise ValueError(f"Spec: {len(self.axes)} axes {self.axes!r} but shape {self.shape}.")

    @property
    def rank(self) -> int:
        """Number of axes, without B."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values in one row."""
        return prod(self.shape)

    @property
    def width(self) -> int:
        """Size of the feature axis: D, or C of feature maps and tables."""
        for axis in "DCK":
            if axis in self.axes:
                return self.shape[self.axes.index(axis)]
        return 1

    @property
    def is_vector(self) -> bool:
        """Whether a row is a vector of numbers."""
        return self.axes == "D"

    @property
    def is_table(self) -> bool:
        """Whether a row consists of columns: numbers, NaN if missing, and codes of categories."""
        return bool(self.columns)

    @property
    def is_map(self) -> bool:
        """Whether a row is a feature map: channels, then two or three axes of space."""
        return self.axes in ("CHW", "CZHW")

    @property
    def is_sequence(self) -> bool:
        """Whether a row is a sequence of vectors."""
        return self.axes == "TD"

    @property
    def is_ensemble(self) -> bool:
        """Whether a row has a vector per member of an ensemble. Heads train members separately and average them."""
        return self.axes == "ED"

    @property
    def is_tokens(self) -> bool:
        """Whether a row is a sequence of token ids; 0 is padding."""
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
