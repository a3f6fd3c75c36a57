"""Standardisation with statistics of the training rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medley.core.layer import Layer
from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn


class Normalization(Layer, register="core.normalization"):
    """Shifts and scales to mean 0 and variance 1, with statistics of the training rows in which the input is present.

    Args:
        axis: -1 keeps statistics per channel or feature, None one for all numbers.

    Shape: as it comes.

    >>> import torch
    >>> block = Normalization()
    >>> module = block.build(Spec((2,), "D"))
    >>> module.adapt(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
    >>> module(torch.tensor([[2.0, 1.0]]))
    tensor([[1., 0.]])
    """

    axis: int | None = -1

    def check(self) -> Iterable[str]:
        """The axis is one of two."""
        if self.axis not in (-1, None):
            yield f"axis must be -1 (per channel or feature) or None (one for all), got {self.axis!r}."

    def build(self, *specs: Spec) -> nn.Module:
        """The module; it knows its statistics after `adapt`."""
        from medley.core.standardize import Standardize

        spec = specs[0]
        place = None if self.axis is None else next((i for i, axis in enumerate(spec.axes) if axis in "DCK"), None)
        return Standardize(spec.rank, place, 1 if place is None else spec.shape[place])

    def out(self, *specs: Spec) -> Spec:
        """As it comes."""
        return specs[0]
