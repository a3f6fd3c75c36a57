"""Transformer layers for sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.series.rnn import as_int, check_switch, sequence_spec

if TYPE_CHECKING:
    from torch import nn


class TransformerBlock(Layer, register="series.transformer"):
    """Transformer layers with position embeddings; the output is the mean over all steps, or every step.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        return_sequences: output every step, not their mean.
        num_layers: number of layers.
        num_heads: number of attention heads.
        width: D of the layers and the output; their feed-forward networks are twice as wide.
        dropout: dropout probability of each residual branch.

    Shape: (B, T, C) -> (B, D), or (B, T, D) with `return_sequences`.

    Raises:
        ConfigError: a size is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> str(TransformerBlock(width=32).out(Spec((24, 3), "TD")))
    '(D=32)'
    """

    return_sequences: bool = False
    num_layers: int | Space | None = searched(OneOf(1, 2, 3, default=2))
    num_heads: int | Space | None = searched(OneOf(2, 4, 8, default=4))
    width: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=64))
    dropout: float | Space | None = searched(OneOf(0.0, 0.1, 0.25, default=0.1))

    def check(self) -> Iterable[str]:
        """Checks sizes, return_sequences and dropout."""
        yield from whole_number_problems(self, "num_layers", "num_heads", "width")
        yield from check_switch(self, "return_sequences")
        if isinstance(self.dropout, int | float) and self.dropout >= 1:
            yield f"dropout must be at least 0 and below 1, got {self.dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A narrow network of one layer for few rows."""
        return {"width": 32, "num_layers": 1} if summary.rows < 5_000 else {}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the encoder."""
        from medley.nn.transformer import SeriesEncoder

        spec = sequence_spec(specs, "TransformerBlock")
        return SeriesEncoder(
            spec.width,
            spec.shape[0],
            as_int(self.width),
            num_layers=as_int(self.num_layers),
            num_heads=as_int(self.num_heads),
            dropout=float(self.dropout or 0.0),  # type: ignore[arg-type]
            return_sequences=self.return_sequences,
        )

    def out(self, *specs: Spec) -> Spec:
        """A vector, or one per step."""
        spec = sequence_spec(specs, "TransformerBlock")
        return Spec((spec.shape[0], as_int(self.width)), "TD") if self.return_sequences else vector(as_int(self.width))
