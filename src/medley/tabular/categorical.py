"""Encodes tables as vectors of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.layer import Layer
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn

MAX_ONE_HOT_CODES = 8


class CategoricalToNumerical(Layer, register="tabular.categorical"):
    """Encodes a table as one vector of numbers.

    Numbers are unchanged, with 0 (their mean) for missing ones; columns with missing cells in the training rows also
    have a missing indicator. Up to 7 categories are one-hot, more are embedded, in a width that grows with their
    number. A vector is unchanged.

    Shape: (B, C) -> (B, D).

    Raises:
        GraphError: the input is neither a table nor a vector.

    >>> from medley.core.spec import Column
    >>> table = Spec((2,), "C", columns=(Column("age", "numeric"), Column("sex", "categorical", 3)))
    >>> str(CategoricalToNumerical().out(table))
    '(D=3)'
    """

    reads: ClassVar[str] = "table"

    def build(self, *specs: Spec) -> nn.Module:
        """A module, without weights if no category is embedded."""
        from medley.nn.columns import Columns

        return Columns(**layout(*specs))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(width_of(layout(*specs)))


def layout(*specs: Spec) -> dict[str, Any]:
    """The arguments of `medley.nn.columns.Columns` for a table.

    Args:
        specs: one spec, of a table or of a vector, which is a table of numbers without missing cells.

    Raises:
        GraphError: it is neither a table nor a vector, or there are several specs.
    """
    if len(specs) != 1:
        raise GraphError(f"it reads one node, got {len(specs)}; join them with Merge() first.")
    spec = specs[0]
    if spec.rank != 1:
        raise GraphError(f"it reads tables and vectors, got {spec}.")
    if not spec.is_table:
        return {"plain": list(range(spec.width)), "indicated": [], "one_hot": [], "embedded": {}}
    columns = dict(enumerate(spec.columns))
    numeric = [position for position, column in columns.items() if column.kind == "numeric"]
    categories = {position: column for position, column in columns.items() if column.kind == "categorical"}
    few = {position: column for position, column in categories.items() if column.cardinality <= MAX_ONE_HOT_CODES}
    return {
        "plain": numeric,
        "indicated": [position for position in numeric if columns[position].missing],
        # Code 0 has an output only if it occurs in training rows.
        "one_hot": [
            (position, code)
            for position, column in few.items()
            for code in range(not column.missing, column.cardinality)
        ],
        "embedded": {
            position: (column.cardinality, embedding_width(column.cardinality))
            for position, column in categories.items()
            if position not in few
        },
    }


def width_of(arguments: dict[str, Any]) -> int:
    """The width of the vector for the result of `layout`, without embedded numbers."""
    numbers = len(arguments["plain"]) + len(arguments["indicated"]) + len(arguments["one_hot"])
    return numbers + sum(width for _, width in arguments["embedded"].values())


def embedding_width(codes: int) -> int:
    """Width of the embedding of a column with this number of codes, by the rule of fastai, at most 50.

    >>> embedding_width(10), embedding_width(10_000)
    (6, 50)
    """
    return min(50, round(1.6 * codes**0.56))
