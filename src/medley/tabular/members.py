"""Averages the members of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from medley.core.layer import Layer
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class MeanOfMembers(Layer, register="tabular.members"):
    """Averages the vectors of an ensemble's members; a vector is unchanged. It is inserted automatically if needed.

    Shape: (B, E, D) -> (B, D).

    Raises:
        GraphError: the input is neither an ensemble nor a vector.

    >>> str(MeanOfMembers().out(Spec((8, 32), "ED")))
    '(D=32)'
    """

    reads: ClassVar[str] = "members"

    def build(self, *specs: Spec) -> nn.Module:
        """A mean without weights."""
        from torch import nn

        from medley.nn.members import MeanOver

        return nn.Identity() if self._read(specs).is_vector else MeanOver(1)

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(self._read(specs).width)

    @staticmethod
    def _read(specs: tuple[Spec, ...]) -> Spec:
        if len(specs) != 1 or not (specs[0].is_ensemble or specs[0].is_vector):
            raise GraphError(f"it reads the members of one ensemble, got {', '.join(map(str, specs))}.")
        return specs[0]
