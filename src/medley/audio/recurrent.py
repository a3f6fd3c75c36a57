"""Recurrent layers over spectrograms."""

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


class SpectrogramRNN(Layer, register="audio.rnn"):
    """A bidirectional GRU over the steps of a recording, without its padding.

    Source: Cho et al., EMNLP 2014.

    Args:
        units: U, number of units per direction.

    Shape: (B, T, D), zero steps at the end are padding -> (B, 2 U)

    Raises:
        ConfigError: the size is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> str(SpectrogramRNN(units=32).out(Spec((50, 40), "TD")))
    '(D=64)'
    """

    units: int | Space | None = searched(OneOf(32, 64, 128, default=64))

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "units")

    def build(self, *specs: Spec) -> nn.Module:
        from medley.nn.spectrogram import MaskedRecurrent

        return MaskedRecurrent(spectrogram_spec(specs, "SpectrogramRNN").width, int(self.units))  # type: ignore[arg-type]

    def out(self, *specs: Spec) -> Spec:
        spectrogram_spec(specs, "SpectrogramRNN")
        return vector(2 * int(self.units))  # type: ignore[arg-type]
