"""Parts of ensembles: member-wise modules, the choice of members, and means over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MemberWise(nn.Module):
    """A module whose parameters all have the members of an ensemble as their first axis, and share no weights.

    Attributes:
        chosen: the members that are computed; all of them outside `separate_members`.
    """

    chosen: slice = slice(None)

    def of_chosen(self, parameter: Tensor) -> Tensor:
        """A parameter (E, ...) of the chosen members."""
        return parameter if self.chosen == slice(None) else parameter[self.chosen]


@contextmanager
def separate_members(network: nn.Module, chosen: slice = slice(None)) -> Iterator[None]:
    """Within the context, heads on ensembles return outputs per member (B, E', K) in evaluation mode too.

    Args:
        network: holds modules with an attribute `returns_members`, or of type `MemberWise`.
        chosen: the members that are computed. A part of them can be chosen only where all parameters are member-wise.
    """
    modules = [module for module in network.modules() if hasattr(module, "returns_members")]
    parts = [module for module in network.modules() if isinstance(module, MemberWise)]
    for module in modules:
        module.returns_members = True  # type: ignore[assignment]
    for module in parts:
        module.chosen = chosen
    try:
        yield
    finally:
        for module in modules:
            module.returns_members = False  # type: ignore[assignment]
        for module in parts:
            module.chosen = slice(None)


def member_wise(network: nn.Module) -> set[str]:
    """Names of the parameters that belong to modules of type `MemberWise`, or to parts of these."""
    names: set[str] = set()
    for prefix, module in network.named_modules():
        if isinstance(module, MemberWise):
            names |= {f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters()}
    return names


class MeanOver(nn.Module):
    """The mean over one axis.

    Args:
        axis: the axis to average over; axis 0 are the rows.

    Shape: (B, E, D) -> (B, D) for axis 1.

    >>> import torch
    >>> MeanOver(1)(torch.zeros(2, 8, 32)).shape
    torch.Size([2, 32])
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """(B, E, D) -> (B, D) for axis 1."""
        return x.mean(dim=self.axis)


class OneAnd(nn.Module):
    """A 1, and then several vectors: (B, D) each -> (B, 1 + sum of D).

    >>> import torch
    >>> OneAnd()(torch.zeros(2, 3)).tolist()
    [[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
    """

    def forward(self, *vectors: Tensor) -> Tensor:
        """Joins them."""
        return torch.cat([torch.ones_like(vectors[0][:, :1]), *vectors], 1)
