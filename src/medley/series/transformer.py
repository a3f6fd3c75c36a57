"""Transformer layers over sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.series.rnn import check_counts, check_switch, steps, whole

if TYPE_CHECKING:
    from torch import nn


class TransformerBlock(Layer, register="series.transformer"):
    """Transformer layers over steps of numbers, which are told their places; what comes out is their mean, or all.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        return_sequences: hand on every step, not their mean.
        num_layers: layers on each other.
        num_heads: heads of each attention.
        width: D inside and of what comes out; the layers' dense parts are twice as wide.
        dropout: share of numbers that training silences in what each part adds.

    Shape: (B, T, C) -> (B, D), or (B, T, D) with `return_sequences`.

    Raises:
        ConfigError: a size is not a whole number from 1.
        GraphError: joined to something that is not a sequence.

    >>> str(TransformerBlock(width=32).out(Spec((24, 3), "TD")))
    '(D=32)'
    """

    return_sequences: bool = False
    num_layers: int | Space | None = searched(OneOf(1, 2, 3, default=2))
    num_heads: int | Space | None = searched(OneOf(2, 4, 8, default=4))
    width: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=64))
    dropout: float | Space | None = searched(OneOf(0.0, 0.1, 0.25, default=0.1))

    def check(self) -> Iterable[str]:
        """Sizes are whole numbers from 1, the dropout a share."""
        yield from check_counts(self, ("num_layers", "num_heads", "width"))
        yield from check_switch(self, "return_sequences")
        if isinstance(self.dropout, int | float) and self.dropout >= 1:
            yield f"dropout is a share from 0 up to, not including, 1; got {self.dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrow for few rows."""
        return {"width": 32, "num_layers": 1} if summary.rows < 5_000 else {}

    def build(self, *specs: Spec) -> nn.Module:
        """The encoder."""
        from medley.nn.transformer import SeriesEncoder

        spec = steps(specs, "TransformerBlock")
        return SeriesEncoder(
            spec.width,
            spec.shape[0],
            whole(self.width),
            num_layers=whole(self.num_layers),
            num_heads=whole(self.num_heads),
            dropout=float(self.dropout or 0.0),  # type: ignore[arg-type]
            return_sequences=self.return_sequences,
        )

    def out(self, *specs: Spec) -> Spec:
        """A vector, or steps."""
        spec = steps(specs, "TransformerBlock")
        return Spec((spec.shape[0], whole(self.width)), "TD") if self.return_sequences else vector(whole(self.width))
