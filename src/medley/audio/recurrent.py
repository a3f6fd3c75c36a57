"""Recurrent layers over spectrograms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medley.audio.conv import size_problems, spectrogram
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector

if TYPE_CHECKING:
    from torch import nn


class SpectrogramRNN(Layer, register="audio.rnn"):
    """A GRU in each direction, which end at a recording's own last and first step.

    Source: Cho et al., EMNLP 2014.

    Args:
        units: U, of each direction.

    Shape: (B, T, D), steps of zeros at the end are padding -> (B, 2 U)

    Raises:
        ConfigError: the size is not a whole number from 1.
        GraphError: joined to something that is not a sequence.

    >>> str(SpectrogramRNN(units=32).out(Spec((50, 40), "TD")))
    '(D=64)'
    """

    units: int | Space | None = searched(OneOf(32, 64, 128, default=64))

    def check(self) -> Iterable[str]:
        yield from size_problems(self, ("units",))

    def build(self, *specs: Spec) -> nn.Module:
        from medley.nn.spectrogram import MaskedRecurrent

        return MaskedRecurrent(spectrogram(specs, "SpectrogramRNN").width, int(self.units))  # type: ignore[arg-type]

    def out(self, *specs: Spec) -> Spec:
        spectrogram(specs, "SpectrogramRNN")
        return vector(2 * int(self.units))  # type: ignore[arg-type]
