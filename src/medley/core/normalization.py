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
        axis: -1 for statistics per channel or feature, None for common statistics of all numbers.

    Shape: unchanged.

    >>> import torch
    >>> block = Normalization()
    >>> module = block.build(Spec((2,), "D"))
    >>> module.adapt(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
    >>> module(torch.tensor([[2.0, 1.0]]))
    tensor([[1., 0.]])
    """

    axis: int | None = -1

    def check(self) -> Iterable[str]:
        """Checks the axis."""
        if self.axis not in (-1, None):
            yield f"axis must be -1 (per channel or feature) or None (one for all), got {self.axis!r}."

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module; `adapt` computes its statistics."""
        from medley.core.standardize import Standardize

        spec = specs[0]
        axis = None if self.axis is None else next((i for i, axis in enumerate(spec.axes) if axis in "DCK"), None)
        return Standardize(spec.rank, axis, 1 if axis is None else spec.shape[axis])

    def out(self, *specs: Spec) -> Spec:
        """The spec of the input."""
        return specs[0]
