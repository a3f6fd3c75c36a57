"""Random augmentation of spectrograms in training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medley.audio.conv import spectrogram_spec
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn


class SpectrogramAugmentation(Layer, register="audio.augmentation"):
    """Shifts each training spectrogram in time, and masks a range of time steps and a band of frequencies.

    Source: Park et al.: SpecAugment: A Simple Data Augmentation Method for ASR, 2019,
    https://arxiv.org/abs/1904.08779 (without time warping; masked bins are set to their mean).

    Args:
        shift: largest shift in either direction, as a fraction of the recording's length.
        time_mask: largest width of the time mask, as a fraction of the recording's length.
        frequency_mask: largest width of the frequency mask, as a fraction of the bins.

    Shape: (B, T, D) -> (B, T, D); unchanged in prediction

    Raises:
        ConfigError: a fraction is not between 0 and 1.

    >>> SpectrogramAugmentation(shift=0.1, time_mask=0.0, frequency_mask=0.2).shift
    0.1
    """

    shift: float | Space | None = searched(OneOf(0.0, 0.05, 0.1, default=0.1))
    time_mask: float | Space | None = searched(OneOf(0.0, 0.1, 0.2, default=0.1))
    frequency_mask: float | Space | None = searched(OneOf(0.0, 0.1, 0.2, default=0.2))

    def check(self) -> Iterable[str]:
        for name in ("shift", "time_mask", "frequency_mask"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not 0 <= value < 1:
                yield f"{name} must be a fraction from 0 to below 1, got {value!r}."

    def build(self, *specs: Spec) -> nn.Module:
        from medley.nn.spectrogram import SpectrogramMasking

        spectrogram_spec(specs, "SpectrogramAugmentation")
        return SpectrogramMasking(float(self.shift), float(self.time_mask), float(self.frequency_mask))  # type: ignore[arg-type]

    def out(self, *specs: Spec) -> Spec:
        return spectrogram_spec(specs, "SpectrogramAugmentation")
