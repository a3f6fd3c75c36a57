"""Attention pooling over the steps of spectrograms."""

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


class SpectrogramAttention(Layer, register="audio.attention"):
    """A dense layer on each step, and a learned weighted mean over steps.

    Source: Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, 2018, equation 9.

    Args:
        num_units: D', width of the dense layer and of the output.

    Shape: (B, T, D), zero steps at the end are padding -> (B, D')

    Raises:
        ConfigError: the size is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> str(SpectrogramAttention(num_units=32).out(Spec((50, 40), "TD")))
    '(D=32)'
    """

    num_units: int | Space | None = searched(OneOf(32, 64, 128, default=64))

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "num_units")

    def build(self, *specs: Spec) -> nn.Module:
        from medley.nn.spectrogram import MaskedAttention

        return MaskedAttention(spectrogram_spec(specs, "SpectrogramAttention").width, int(self.num_units))  # type: ignore[arg-type]

    def out(self, *specs: Spec) -> Spec:
        spectrogram_spec(specs, "SpectrogramAttention")
        return vector(int(self.num_units))  # type: ignore[arg-type]
