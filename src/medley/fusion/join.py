"""Fusion of maps and sequences without pooling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from medley.core.layer import Layer
from medley.core.spec import Spec
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class JoinMaps(Layer, register="fusion.join"):
    """Concatenates the channels of maps (or sequences) of the same shape, or sums them; absent ones are zeros.

    Args:
        how: `"concatenate"` or `"add"`.

    Shape: M x (B, C_m, H, W) -> (B, C, H, W); M x (B, T, D_m) -> (B, T, D).

    Raises:
        GraphError: the shapes do not match.

    >>> str(JoinMaps().out(Spec((3, 8, 8), "CHW"), Spec((5, 8, 8), "CHW")))
    '(C=8 H=8 W=8)'
    """

    how: str = "concatenate"

    def check(self) -> Iterable[str]:
        """Check `how`."""
        if self.how not in ("concatenate", "add"):
            yield f'how must be "concatenate" or "add", got {self.how!r}.'

    def build(self, *specs: Spec) -> nn.Module:
        """Build the module, which has no weights."""
        from medley.nn.fusion_add import Joined

        self.out(*specs)
        return Joined(None if self.how == "add" else _channels(specs[0]) + 1)

    def out(self, *specs: Spec) -> Spec:
        """A map or a sequence, as the inputs."""
        if not joinable(specs, self.how):
            listed = " and ".join(map(str, specs))
            raise GraphError(f"only maps or only sequences of the same shape can be joined, got {listed}.")
        if self.how == "add":
            return specs[0]
        shape = list(specs[0].shape)
        shape[_channels(specs[0])] = sum(spec.width for spec in specs)
        return replace(specs[0], shape=tuple(shape))


def joinable(specs: Sequence[Spec], how: str) -> bool:
    """Whether all are maps, or all sequences, of the same shape; to concatenate, channels may differ.

    >>> joinable([Spec((3, 8, 8), "CHW"), Spec((5, 8, 8), "CHW")], "add")
    False
    """
    first = specs[0]
    if not (first.is_map or first.is_sequence) or any(spec.axes != first.axes for spec in specs):
        return False
    axis = _channels(first)
    shapes = [spec.shape if how == "add" else spec.shape[:axis] + spec.shape[axis + 1 :] for spec in specs]
    return len(set(shapes)) == 1


def _channels(spec: Spec) -> int:
    return 0 if spec.is_map else spec.rank - 1
