"""Embeds the numbers of tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import Float, OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.tabular.categorical import layout, width_of

if TYPE_CHECKING:
    from torch import nn

_MIN_EDGES = 3  # with two, the piecewise-linear function is linear


class NumericEmbedding(Layer, register="tabular.numeric"):
    """Encodes a table as one vector with an embedding per number; categories as in `CategoricalToNumerical`.

    Piecewise-linear: a linear function per bin between quantiles of the training rows, which is initially one line;
    columns with few distinct values are unchanged, and values outside the training range are clamped to it. Periodic:
    sines and cosines of learned frequencies, then a linear layer that is shared by all columns.
    Source: Gorishniy, Rubachev, Babenko: On Embeddings for Numerical Features in Tabular Deep Learning, 2022
    (periodic: "PLR", in its lite form; piecewise: version "B" of Gorishniy et al.: TabM, 2024).

    Args:
        embedding: `"piecewise"` or `"periodic"`.
        width: numbers per embedded column.
        frequency_scale: standard deviation of the initial frequencies of periodic embeddings.

    Shape: (B, C) -> (B, D).

    Raises:
        GraphError: the input is neither a table nor a vector.

    >>> from medley.core.spec import Column
    >>> age = Column("age", "numeric", bins=(-1.0, 0.0, 1.0))
    >>> table = Spec((2,), "C", columns=(age, Column("sex", "categorical", 3)))
    >>> str(NumericEmbedding(embedding="piecewise", width=8).out(table))
    '(D=10)'
    """

    embedding: str | Space | None = searched(OneOf("piecewise", "periodic"))
    width: int | Space | None = searched(OneOf(4, 8, 16, 24, default=8))
    frequency_scale: float | Space | None = searched(Float(0.01, 1.0, log=True, default=0.1))

    reads: ClassVar[str] = "table"

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive."""
        yield from whole_number_problems(self, "width")
        if self.frequency_scale == 0:
            yield "frequency_scale must be positive, got 0."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrower embeddings for many columns or few rows."""
        columns = max(specs[0].width, 1)
        fitting = (width for width in (16, 8) if summary.rows >= 500 * width and width * columns <= 512)
        return {"width": next(fitting, 4)}

    def build(self, *specs: Spec) -> nn.Module:
        """The module."""
        from medley.nn.columns import Columns

        arguments, positions = self._layout(*specs)
        return Columns(
            **arguments, numeric=positions, embedding=self._embedding(specs[0], positions) if positions else None
        )

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        arguments, positions = self._layout(*specs)
        return vector(width_of(arguments) + len(positions) * cast(int, self.width))

    def _layout(self, *specs: Spec) -> tuple[dict[str, Any], list[int]]:
        arguments, columns = layout(*specs), specs[0].columns
        if self.embedding == "piecewise":
            binned = [
                position for position in arguments["plain"] if columns and len(columns[position].bins) >= _MIN_EDGES
            ]
        else:
            binned = arguments["plain"]
        return {
            **arguments,
            "plain": [position for position in arguments["plain"] if position not in set(binned)],
        }, list(binned)

    def _embedding(self, spec: Spec, positions: list[int]) -> nn.Module:
        from medley.nn.columns import Clamped
        from medley.nn.numeric_embeddings import PeriodicEmbedding, PiecewiseLinearEmbedding

        width = cast(int, self.width)
        if self.embedding == "periodic":
            scale = cast(float, self.frequency_scale)
            return PeriodicEmbedding(len(positions), width, frequencies=16, scale=scale)
        bins = [spec.columns[position].bins for position in positions]
        module = PiecewiseLinearEmbedding(bins, width)
        return Clamped([edges[0] for edges in bins], [edges[-1] for edges in bins], module)
