"""A transformer over spectrograms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medley.audio.conv import spectrogram_spec
from medley.core.arguments import whole_number_problems
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector

if TYPE_CHECKING:
    from torch import nn


class SpectrogramTransformer(Layer, register="audio.transformer"):
    """Transformer layers over the non-padded steps, and the mean over these steps.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        width: D', width of the layers and of the output.
        num_layers: number of layers.
        num_heads: number of attention heads.
        dropout: dropout probability in the residual branches.

    Shape: (B, T, D), zero steps at the end are padding -> (B, D')

    Raises:
        ConfigError: a size is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> str(SpectrogramTransformer(width=32).out(Spec((50, 40), "TD")))
    '(D=32)'
    """

    width: int | Space | None = searched(OneOf(32, 64, 128, default=64))
    num_layers: int | Space | None = searched(OneOf(1, 2, 3, default=2))
    num_heads: int | Space | None = searched(OneOf(2, 4))
    dropout: float | Space | None = searched(OneOf(0.0, 0.1, default=0.1))

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "width", "num_layers", "num_heads")

    def build(self, *specs: Spec) -> nn.Module:
        from medley.nn.spectrogram import MaskedTransformer

        spec = spectrogram_spec(specs, "SpectrogramTransformer")
        return MaskedTransformer(
            spec.width,
            spec.shape[0],
            int(self.width),  # type: ignore[arg-type]
            num_layers=int(self.num_layers),  # type: ignore[arg-type]
            num_heads=int(self.num_heads),  # type: ignore[arg-type]
            dropout=float(self.dropout or 0.0),  # type: ignore[arg-type]
        )

    def out(self, *specs: Spec) -> Spec:
        spectrogram_spec(specs, "SpectrogramTransformer")
        return vector(int(self.width))  # type: ignore[arg-type]
