"""Modules of frozen parts: built once, shared by all networks that ask, and run in passes of a good size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn

    from medley.core.layer import Layer

MOST = 4
"""Modules that are held for the next network; a search over more pretrained encoders builds some of them again."""

STEPS = {"cpu": 4_096, "cuda": 65_536}
"""Steps of codes per pass: enough to keep the machine busy, few enough to stay in its caches."""

NUMBERS = {"cpu": 4_000_000, "cuda": 40_000_000}
"""Numbers per pass of other rows: 26 images of 224 x 224 on a CPU."""


class FrozenModules:
    """Builds frozen parts, or returns the module that was built for an equal part before.

    They are in evaluation mode and learn nothing. Building them draws no random numbers from anybody, so that what is
    trained beside them starts alike whether or not they are at hand; a frozen part that itself starts at random starts
    the same every time.

    >>> from medley.core.shape import Flatten
    >>> FrozenModules().module(Flatten(), [Spec((3, 2), "TD")]).training
    False
    """

    def __init__(self) -> None:
        self._known: dict[str, nn.Module] = {}

    def module(self, block: Layer, specs: Sequence[Spec]) -> nn.Module:
        """The module of a resolved part that reads these.

        Args:
            block: all fields set.
            specs: what it reads.
        """
        key = f"{replace(block, name=None)!r} {specs!r}"
        found = self._known.pop(key, None)
        if found is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                found = block.build(*specs).requires_grad_(False).eval()
        if found.state_dict():  # others cost nothing to build
            self._known[key] = found  # the last that was asked for goes last
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        return found


def in_passes(function: Callable[[Tensor], Tensor], x: Tensor, spec: Spec, *, cuts: bool = False) -> Tensor:
    """Runs a function over many rows in passes of a size that suits the device.

    Args:
        function: rows (B, ...) -> (B, ...), each for itself.
        x: (N, ...).
        spec: of a row.
        cuts: whether padding at the end of codes may be left out. On a CPU rows are then passed by their length.

    >>> in_passes(lambda rows: rows + 1, torch.zeros(3, 2), Spec((2,), "D")).shape
    torch.Size([3, 2])
    """
    if not spec.is_tokens:
        size = max(1, NUMBERS.get(x.device.type, NUMBERS["cpu"]) // max(spec.size, 1))
        return function(x) if len(x) <= size else torch.cat([function(part) for part in x.split(size)])
    most = STEPS.get(x.device.type, STEPS["cpu"])
    if not cuts or x.device.type != "cpu":
        return torch.cat([function(part) for part in x.split(max(1, most // x.shape[1]))])
    long = lengths(x)
    order = long.argsort(descending=True, stable=True)
    found, start = [], 0
    while start < len(x):
        width = int(long[order[start]])
        some = order[start : start + max(1, most // width)]
        found.append(function(x.index_select(0, some)[:, :width]))
        start += len(some)
    joined = torch.cat(found)
    return torch.empty_like(joined).index_copy_(0, order, joined)


def lengths(codes: Tensor) -> Tensor:
    """Steps of each row of codes (B, T) up to the last that is no padding; at least 1.

    >>> lengths(torch.tensor([[3, 0, 4, 0], [0, 0, 0, 0]]))
    tensor([3, 1])
    """
    places = torch.arange(1, codes.shape[1] + 1, device=codes.device)
    return ((codes != 0) * places).amax(1).clamp(min=1)
