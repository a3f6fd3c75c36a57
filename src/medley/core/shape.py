"""Blocks that only change the shape; they have no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class Flatten(Layer, register="core.flatten"):
    """Flattens each row to a vector.

    Shape: (B, *any) -> (B, D), D the product of all sizes.

    >>> str(Flatten().out(Spec((3, 4, 4), "CHW")))
    '(D=48)'
    """

    @property
    def frozen(self) -> bool:
        """True: it has no weights."""
        return True

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module."""
        from torch import nn

        return nn.Flatten()

    def out(self, *specs: Spec) -> Spec:
        """The spec of the vector."""
        return vector(specs[0].size)


class SpatialReduction(Layer, register="core.spatial_reduction"):
    """Reduces a feature map (or a sequence) to a vector.

    Args:
        reduction_type: `"flatten"`, `"global_max"` or `"global_avg"` (over space, per channel).

    Shape: (B, C, H, W) -> (B, C), or (B, C*H*W) if flattened; vectors are unchanged.

    >>> str(SpatialReduction(reduction_type="global_avg").out(Spec((8, 4, 4), "CHW")))
    '(D=8)'
    """

    reduction_type: str | Space | None = searched(OneOf("flatten", "global_max", "global_avg", default="global_avg"))

    @property
    def frozen(self) -> bool:
        """True: it has no weights."""
        return True

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the pooling module."""
        return _reduction_module(specs[0], str(self.reduction_type))

    def out(self, *specs: Spec) -> Spec:
        """The spec of the vector."""
        return _reduced_spec(specs[0], str(self.reduction_type))


class TemporalReduction(Layer, register="core.temporal_reduction"):
    """Reduces a sequence to a vector.

    Args:
        reduction_type: `"flatten"`, `"global_max"` or `"global_avg"` (over the steps).

    Shape: (B, T, D) -> (B, D), or (B, T*D) if flattened; vectors are unchanged.

    >>> str(TemporalReduction(reduction_type="global_max").out(Spec((7, 5), "TD")))
    '(D=5)'
    """

    reduction_type: str | Space | None = searched(OneOf("flatten", "global_max", "global_avg", default="global_avg"))

    @property
    def frozen(self) -> bool:
        """True: it has no weights."""
        return True

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the pooling module."""
        return _reduction_module(specs[0], str(self.reduction_type))

    def out(self, *specs: Spec) -> Spec:
        """The spec of the vector."""
        return _reduced_spec(specs[0], str(self.reduction_type))


def _reduced_spec(spec: Spec, method: str) -> Spec:
    if method == "flatten" or spec.rank == 1:
        return vector(spec.size)
    if not (spec.is_map or spec.is_sequence):
        raise GraphError(f"{spec} has no axis of space or time; use Flatten().")
    return vector(spec.width)


def _reduction_module(spec: Spec, method: str) -> nn.Module:
    from medley.core.pool import Pool

    if method == "flatten" or spec.rank == 1:
        return Flatten().build(spec)
    dims = (1,) if spec.is_sequence else tuple(range(2, spec.rank + 1))
    return Pool(dims, method)
