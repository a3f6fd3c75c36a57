"""An ensemble of MLPs with shared weights as a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import Block, DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class TabMBlock(Layer, register="tabular.tabm"):
    """An ensemble of MLPs that share nearly all weights: each member scales what goes into and out of every layer.

    Heads train each member by a loss of its own and predict the mean; another `TabMBlock` reads the members separately;
    other blocks read the mean of the members' features. The ensemble has a lower error than its members, and is as
    accurate as gradient boosting on tables. Source: Gorishniy, Kotelnikov, Babenko: TabM, 2024,
    https://arxiv.org/abs/2410.24210.

    Args:
        num_layers: number of layers: linear, ReLU, dropout.
        num_units: their width.
        members: number of members E; time and memory grow with it, the number of weights hardly does. If the input
            has members, their number is used.
        dropout: dropout probability after each layer.

    Shape: (B, *any) or (B, E, D) of members -> (B, E, D).

    Raises:
        ConfigError: a size is not a whole number of at least 1; the dropout probability is not below 1.
        GraphError: it is called on several nodes.

    >>> import torch
    >>> from medley.core.spec import vector
    >>> block = TabMBlock(num_layers=2, num_units=32, members=8, dropout=0.1)
    >>> block.build(vector(6))(torch.zeros(4, 6)).shape
    torch.Size([4, 8, 32])
    """

    num_layers: int | Space | None = searched(OneOf(1, 2, 3, 4, default=3))
    num_units: int | Space | None = searched(OneOf(32, 64, 128, 256, 512, default=128))
    members: int | Space | None = searched(OneOf(4, 8, 16, 32, default=8))
    dropout: float | Space | None = searched(OneOf(0.0, 0.1, 0.25, 0.5, default=0.1))

    reads: ClassVar[str] = "members"

    def check(self) -> Iterable[str]:
        """Sizes are positive whole numbers."""
        yield from whole_number_problems(self, "num_layers", "num_units", "members")
        if isinstance(self.dropout, int | float) and self.dropout >= 1:
            yield f"dropout must be below 1, got {self.dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Wider for more rows; no larger sizes than twice the default."""
        units = next((units for rows, units in ((5_000, 64), (50_000, 128)) if summary.rows < rows), 256)
        return {
            "num_layers": OneOf(2, 3, 4, default=3),
            "num_units": OneOf(units // 2, units, 2 * units, default=units),
            "members": OneOf(specs[0].shape[0]) if specs[0].is_ensemble else OneOf(4, 8, 16, default=8),
        }

    def build(self, *specs: Spec) -> nn.Module:
        """The layers of all members."""
        from torch import nn

        from medley.nn.batch_ensemble import BatchEnsembleMLP, Members

        spec, members = specs[0], self._members(specs[0])
        width = spec.shape[1] if spec.is_ensemble else spec.size
        backbone = BatchEnsembleMLP(
            width,
            cast(int, self.num_units),
            num_layers=cast(int, self.num_layers),
            members=members,
            dropout=cast(float, self.dropout),
        )
        if spec.is_ensemble:
            return backbone
        parts = [Members(members), backbone]
        return nn.Sequential(*parts if spec.rank == 1 else [nn.Flatten(), *parts])

    def out(self, *specs: Spec) -> Spec:
        """A vector per member."""
        if len(specs) != 1:
            raise GraphError(f"it reads one node, got {len(specs)}; join them with Merge() first.")
        return Spec((self._members(specs[0]), cast(int, self.num_units)), "ED")

    def adapter(self) -> Block:
        """One vector, for blocks that do not read members."""
        from medley.tabular.members import MeanOfMembers

        return MeanOfMembers()

    def _members(self, spec: Spec) -> int:
        return spec.shape[0] if spec.is_ensemble else cast(int, self.members)
