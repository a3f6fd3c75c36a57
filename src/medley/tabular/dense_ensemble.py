"""Independent dense networks in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import Block, DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.data.split import FOLDS

if TYPE_CHECKING:
    from torch import nn

    from medley.nn.dense_ensemble import TableLayout

MOST_ONE_HOT = 8
FEW_ROWS, MODERATE_ROWS = 1_000, 4_000


class DenseEnsembleBlock(Layer, register="tabular.dense_ensemble"):
    """An ensemble of dense networks trained on the same rows without shared weights; the default network for tables.

    Where the rows are divided into folds, each member is trained without one of them, so that all rows are used for
    training and every row has an out-of-fold prediction. Heads train each member by a loss of its own and predict the
    mean. Numbers have periodic embeddings; recurring whole numbers and categories have an embedding of each value.
    Source: Holzmüller, Grinsztajn, Steinwart: Better by Default (RealMLP), 2024, https://arxiv.org/abs/2407.04491.

    Args:
        num_layers: number of layers: linear, SiLU, dropout.
        num_units: their width.
        members: number of networks E; with a multiple of five, every fold is left out equally often.
        blind: whether the second half of the members does not read the linear path: with many rows of plain columns,
            networks rely on its predictions too much. For each task, validation decides which half predicts, or both.
        dropout: dropout probability after each layer.
        input_dropout: dropout probability before the first layer.
        discrete: whether whole numbers that recur are embedded value by value too.
        periodic: width of a number's periodic embedding; 0 for none.
        plain: whether every second group of five members reads numbers without either kind of embedding, which overfits
            less on few rows. For each task, validation decides which groups predict.

    Shape: (B, *any), one or several -> (B, E, num_units).

    Raises:
        ConfigError: a size is not a whole number of at least 1; a probability is not below 1.

    >>> import torch
    >>> from medley.core.spec import vector
    >>> block = DenseEnsembleBlock(2, 32, 5, dropout=0.1, input_dropout=0.0, discrete=True, periodic=3, plain=False)
    >>> block.build(vector(6))(torch.zeros(4, 6)).shape
    torch.Size([4, 5, 32])
    """

    num_layers: int | Space | None = searched(OneOf(1, 2, 3, default=3))
    num_units: int | Space | None = searched(OneOf(64, 128, 192, 256, default=128))
    members: int | Space | None = searched(OneOf(5, 10, default=5))
    blind: bool = False
    dropout: float | Space | None = searched(OneOf(0.0, 0.05, 0.1, 0.2, default=0.1))
    input_dropout: float | Space | None = searched(OneOf(0.0, 0.1, default=0.0))
    discrete: bool | Space | None = searched(OneOf(True, False, default=True))
    periodic: int | Space | None = searched(OneOf(0, 3, default=3))
    plain: bool | Space | None = searched(OneOf(False, True))

    reads: ClassVar[str] = "table"

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "num_layers", "num_units", "members")
        for name in ("dropout", "input_dropout"):
            value = getattr(self, name)
            if isinstance(value, int | float) and value >= 1:
                yield f"{name} must be below 1, got {value!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrower for few rows; more and more diverse members where half of them are blind."""
        defaults: dict[str, Any] = {"num_units": 64 if summary.rows < FEW_ROWS else 128}
        if self.blind:
            has_time = summary.rows < MODERATE_ROWS
            defaults |= {"members": 4 * FOLDS if has_time else 2 * FOLDS, "plain": has_time}
        return defaults

    def build(self, *specs: Spec) -> nn.Module:
        """The networks of all members."""
        from torch import nn

        from medley.nn.dense_ensemble import DenseEnsemble

        tables = {place: self._layout(spec) for place, spec in enumerate(specs) if spec.is_table}
        ensemble = DenseEnsemble(
            [spec.size for spec in specs],
            cast(int, self.num_units),
            num_layers=cast(int, self.num_layers),
            members=cast(int, self.members),
            dropout=cast(float, self.dropout),
            input_dropout=cast(float, self.input_dropout),
            tables=tables,
            periodic=cast(int, self.periodic),
            hidden=[place for place, spec in enumerate(specs) if self.blind and spec.linear_outputs],
            plain=[member for member in range(cast(int, self.members)) if self.plain and member // FOLDS % 2],
        )
        if all(spec.rank == 1 for spec in specs):
            return ensemble
        return nn.Sequential(nn.Flatten(), ensemble) if len(specs) == 1 else ensemble

    def out(self, *specs: Spec) -> Spec:
        members = cast(int, self.members)
        return Spec((members, cast(int, self.num_units)), "ED", blind=members // 2 if self.blind else 0)

    def adapter(self) -> Block:
        """One vector, for blocks that do not read members."""
        from medley.tabular.members import MeanOfMembers

        return MeanOfMembers()

    def _layout(self, spec: Spec) -> TableLayout:
        from medley.nn.dense_ensemble import TableLayout

        columns = dict(enumerate(spec.columns))
        numbers = [place for place, column in columns.items() if column.kind == "numeric"]
        categories = {place: column for place, column in columns.items() if column.kind == "categorical"}
        few = {place: column for place, column in categories.items() if column.cardinality <= MOST_ONE_HOT}
        return TableLayout(
            numbers,
            # A fine embedding of dates would memorise days, and be arbitrary for those between and after them.
            [place for place in numbers if not columns[place].is_time],
            [place for place in numbers if columns[place].missing],
            {place: columns[place].values for place in numbers if self.discrete and columns[place].values},
            # Code 0 is one feature only if training rows have missing cells, from which its weight can be learnt.
            [(place, code) for place, column in few.items() for code in range(not column.missing, column.cardinality)],
            {place: column.cardinality for place, column in categories.items() if place not in few},
        )
