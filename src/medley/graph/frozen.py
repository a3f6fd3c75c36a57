"""Modules of frozen parts: built once, shared by all networks that ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn

    from medley.core.block import Layer

MOST = 4
"""Modules that are held for the next network; a search over more pretrained encoders builds some of them again."""


class FrozenModules:
    """Builds frozen parts, or hands out the module that an equal part has got before.

    They are in evaluation mode and learn nothing. Building them draws no random numbers from anybody, so that what is
    trained beside them starts alike whether or not they are at hand; a frozen part that itself starts at random starts
    the same every time.

    >>> from medley.core.spec import vector
    >>> from medley.core.torchblock import TorchBlock
    >>> from torch import nn
    >>> modules, part = FrozenModules(), TorchBlock(nn.Flatten())
    >>> modules.module(part, [vector(3)]) is modules.module(part, [vector(3)])
    True
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
        self._known[key] = found  # the last that was asked for goes last
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        return found
