"""Blocks that change the shape and nothing else; they hold no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class Flatten(Layer, register="core.flatten"):
    """All numbers of a row as one vector.

    Shape: (B, *any) -> (B, D), D their product.

    >>> str(Flatten().out(Spec((3, 4, 4), "CHW")))
    '(D=48)'
    """

    @property
    def frozen(self) -> bool:
        """It has nothing to learn."""
        return True

    def build(self, *specs: Spec) -> nn.Module:
        """A flattening module."""
        from torch import nn

        return nn.Flatten()

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(specs[0].size)


class SpatialReduction(Layer, register="core.spatial_reduction"):
    """A map (or any sequence) as one vector.

    Args:
        reduction_type: `"flatten"`, `"global_max"` or `"global_avg"` (over space, per channel).

    Shape: (B, C, H, W) -> (B, C), or (B, C*H*W) where flattened; vectors pass.

    >>> str(SpatialReduction(reduction_type="global_avg").out(Spec((8, 4, 4), "CHW")))
    '(D=8)'
    """

    reduction_type: str | Space | None = searched(OneOf("flatten", "global_max", "global_avg", default="global_avg"))

    @property
    def frozen(self) -> bool:
        """It has nothing to learn."""
        return True

    def build(self, *specs: Spec) -> nn.Module:
        """The pooling module."""
        return _reduction(specs[0], str(self.reduction_type))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return _reduced(specs[0], str(self.reduction_type))


class TemporalReduction(Layer, register="core.temporal_reduction"):
    """A sequence as one vector.

    Args:
        reduction_type: `"flatten"`, `"global_max"` or `"global_avg"` (over the steps).

    Shape: (B, T, D) -> (B, D), or (B, T*D) where flattened; vectors pass.

    >>> str(TemporalReduction(reduction_type="global_max").out(Spec((7, 5), "TD")))
    '(D=5)'
    """

    reduction_type: str | Space | None = searched(OneOf("flatten", "global_max", "global_avg", default="global_avg"))

    @property
    def frozen(self) -> bool:
        """It has nothing to learn."""
        return True

    def build(self, *specs: Spec) -> nn.Module:
        """The pooling module."""
        return _reduction(specs[0], str(self.reduction_type))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return _reduced(specs[0], str(self.reduction_type))


def _reduced(spec: Spec, how: str) -> Spec:
    if how == "flatten" or spec.rank == 1:
        return vector(spec.size)
    if not (spec.is_map or spec.is_sequence):
        raise GraphError(f"no axis of {spec} is space or time; use Flatten().")
    return vector(spec.width)


def _reduction(spec: Spec, how: str) -> nn.Module:
    from medley.core.pool import Pool

    if how == "flatten" or spec.rank == 1:
        return Flatten().build(spec)
    dims = (1,) if spec.is_sequence else tuple(range(2, spec.rank + 1))
    return Pool(dims, how)
