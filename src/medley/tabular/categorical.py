"""Tables as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.layer import Layer
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn

MOST_ONE_HOT = 8


class CategoricalToNumerical(Layer, register="tabular.categorical"):
    """A table's raw columns as one vector of plain numbers: what blocks that know nothing of columns read.

    Numbers pass, a missing one as 0 (their mean); columns that training rows lacked cells of get a second
    number that tells so. Up to 7 categories are one-hot, more are embedded, wider the more there are. A
    vector of plain numbers passes as it is.

    Shape: (B, C) -> (B, D).

    Raises:
        GraphError: it is joined to something that is neither a table nor a vector.

    >>> from medley.core.spec import Column
    >>> table = Spec((2,), "C", columns=(Column("age", "numeric"), Column("sex", "categorical", 3)))
    >>> str(CategoricalToNumerical().out(table))
    '(D=3)'
    """

    reads: ClassVar[str] = "table"

    def build(self, *specs: Spec) -> nn.Module:
        """The module; without weights where no category needs an embedding."""
        from medley.nn.columns import Columns

        return Columns(**layout(*specs))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(width_of(layout(*specs)))


def layout(*specs: Spec) -> dict[str, Any]:
    """How `medley.nn.columns.Columns` treats each column of a table.

    Args:
        specs: of a table; or of a vector, which is a table of numbers that are never missing.

    Raises:
        GraphError: it is neither, or there are several.
    """
    if len(specs) != 1:
        raise GraphError(f"it reads one node, got {len(specs)}; join them with Merge() first.")
    spec = specs[0]
    if spec.rank != 1:
        raise GraphError(f"it reads tables and vectors, got {spec}.")
    if not spec.is_table:
        return {"plain": list(range(spec.width)), "told": [], "one_hot": [], "embedded": {}}
    columns = dict(enumerate(spec.columns))
    numeric = [place for place, column in columns.items() if column.kind == "numeric"]
    categories = {place: column for place, column in columns.items() if column.kind == "categorical"}
    few = {place: column for place, column in categories.items() if column.cardinality <= MOST_ONE_HOT}
    return {
        "plain": numeric,
        "told": [place for place in numeric if columns[place].missing],
        # Code 0 gets a number of its own only where training can teach what it means.
        "one_hot": [
            (place, code) for place, column in few.items() for code in range(not column.missing, column.cardinality)
        ],
        "embedded": {
            place: (column.cardinality, embedding_width(column.cardinality))
            for place, column in categories.items()
            if place not in few
        },
    }


def width_of(told: dict[str, Any]) -> int:
    """The width of the vector that a layout makes, embedded numbers left out."""
    plain = len(told["plain"]) + len(told["told"]) + len(told["one_hot"])
    return plain + sum(width for _, width in told["embedded"].values())


def embedding_width(codes: int) -> int:
    """Width of the embedding of a column of so many codes: fastai's rule of thumb, at most 50.

    >>> embedding_width(10), embedding_width(10_000)
    (6, 50)
    """
    return min(50, round(1.6 * codes**0.56))
