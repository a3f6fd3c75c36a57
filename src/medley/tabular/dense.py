"""Fully connected layers as a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from medley.core.arguments import whole_number_problem, whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn

_MOST_WEIGHTS = 2_000_000


class DenseBlock(Layer, register="tabular.dense"):
    """Dense layers: linear, batch-norm, ReLU, dropout. The input is flattened first.

    Args:
        num_layers: number of layers.
        num_units: their width, or a tuple of one width per layer, which also sets `num_layers`.
        use_batchnorm: whether each layer normalises.
        dropout: dropout probability after each layer; 0 adds no dropout layers.

    Shape: (B, *any) -> (B, D), D the last width.

    Raises:
        ConfigError: widths and number of layers disagree; the dropout probability is not below 1.
        GraphError: it is called on several nodes.

    >>> import torch
    >>> block = DenseBlock(num_units=(128, 64, 10), use_batchnorm=False, dropout=0)
    >>> block.build(vector(784))(torch.zeros(2, 784)).shape
    torch.Size([2, 10])
    """

    num_layers: int | Space | None = searched(OneOf(1, 2, 3, default=2))
    num_units: int | Sequence[int] | Space | None = searched(
        OneOf(16, 32, 64, 128, 256, 512, 1024, default=32), other_types=(tuple, list)
    )
    use_batchnorm: bool | Space | None = searched(OneOf(False, True))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))

    def __post_init__(self) -> None:
        if isinstance(self.num_units, tuple | list) and self.num_layers is None:
            object.__setattr__(self, "num_layers", len(self.num_units))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Sizes are positive whole numbers, and there is one per layer."""
        widths = self.num_units
        if isinstance(widths, tuple | list):
            for width in widths:
                yield from whole_number_problem(width, "num_units", optional=False, searchable=False)
        else:
            yield from whole_number_problem(widths, "num_units")
        if isinstance(widths, tuple | list) and isinstance(self.num_layers, int) and len(widths) != self.num_layers:
            yield f"num_units must have one width per layer: num_layers={self.num_layers}, got {widths!r}."
        yield from whole_number_problems(self, "num_layers")
        if isinstance(self.dropout, int | float) and self.dropout >= 1:
            yield f"dropout must be below 1, got {self.dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Wider for more rows, narrower where a large map is flattened: at most two million weights a layer."""
        steps = ((1_000, 32), (5_000, 64), (50_000, 128))
        units = next((units for rows, units in steps if summary.rows < rows), 256)
        while units > 16 and units * specs[0].size > _MOST_WEIGHTS:
            units //= 2
        return {"num_layers": 1 if summary.rows < 300 else 2, "num_units": units}

    def build(self, *specs: Spec) -> nn.Module:
        """The layers, after a `Flatten` where the input is not a vector."""
        from torch import nn

        from medley.nn.mlp import mlp

        dropout = cast(float, self.dropout)
        layers = mlp(specs[0].size, self._widths, batchnorm=bool(self.use_batchnorm), dropout=dropout)
        return layers if specs[0].rank == 1 else nn.Sequential(nn.Flatten(), *layers)

    def out(self, *specs: Spec) -> Spec:
        """A vector."""
        if len(specs) != 1:
            raise GraphError(f"it reads one node, got {len(specs)}; join them with Merge() first.")
        return vector(self._widths[-1])

    @property
    def _widths(self) -> list[int]:
        if isinstance(self.num_units, tuple | list):
            return list(self.num_units)
        return [cast(int, self.num_units)] * cast(int, self.num_layers)
