"""Convolutions over spectrograms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class SpectrogramConv(Layer, register="audio.conv"):
    """A small convolutional network over time and frequency, pooled over time.

    Each stage is a 3x3 convolution with batch norm and ReLU, and max pooling by 2 in both directions; the number of
    channels doubles from stage to stage. Mean and maximum over the non-padded steps are followed by a dense layer.

    Args:
        filters: number of channels of the first stage.
        num_stages: number of stages.
        num_units: D', width of the output.
        dropout: dropout probability before the dense layer.

    Shape: (B, T, D), zero steps at the end are padding -> (B, D')

    Raises:
        ConfigError: a size is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> str(SpectrogramConv(filters=8, num_stages=2, num_units=32).out(Spec((50, 40), "TD")))
    '(D=32)'
    """

    filters: int | Space | None = searched(OneOf(16, 24, 32, default=24))
    num_stages: int | Space | None = searched(OneOf(2, 3, 4, default=3))
    num_units: int | Space | None = searched(OneOf(64, 128, 256, default=128))
    dropout: float | Space | None = searched(OneOf(0.0, 0.1, 0.3, default=0.1))

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "filters", "num_stages", "num_units")

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Fewer filters for few rows."""
        return {"filters": 16} if summary.rows < 1_000 else {}

    def build(self, *specs: Spec) -> nn.Module:
        from medley.nn.spectrogram import SpectrogramConvNet

        spec = spectrogram_spec(specs, "SpectrogramConv")
        sizes = (int(size) for size in (self.filters, self.num_stages, self.num_units))  # type: ignore[arg-type]
        return SpectrogramConvNet(spec.width, *sizes, dropout=float(self.dropout or 0.0))  # type: ignore[arg-type]

    def out(self, *specs: Spec) -> Spec:
        spectrogram_spec(specs, "SpectrogramConv")
        return vector(int(self.num_units))  # type: ignore[arg-type]


def spectrogram_spec(specs: Sequence[Spec], block: str) -> Spec:
    """The spec of the spectrogram that a block is called on.

    Raises:
        GraphError: it is called on something else, or on several nodes.
    """
    if len(specs) != 1 or not specs[0].is_sequence:
        actual = " and ".join(map(str, specs))
        raise GraphError(f"{block} reads one spectrogram (TD), got {actual}; call it on an AudioInput().")
    return specs[0]
