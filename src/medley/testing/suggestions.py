"""Values for open fields: the default, or draws that a seed repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from medley.core.block import Block, DataSummary, snake
from medley.core.resolve import Suggest, settle, take_default
from medley.core.space import Float, Int, OneOf, Space
from medley.core.spec import Spec

MOST = 2_000_000
"""Parameters above which a drawn network is not tried: that a ResNet-152 works too is not worth the minutes."""


class RandomSuggest:
    """Draws from every range, the same for the same seed and name.

    >>> RandomSuggest(0)("conv.kernel_size", OneOf(3, 5, 7), 3) in (3, 5, 7)
    True
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.known: dict[str, Any] = {}

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """A member of `space`, the same one if the name is asked for again."""
        if name not in self.known:
            self.known[name] = self._draw(space)
        return self.known[name]

    def _draw(self, space: Space) -> Any:
        match space:
            case OneOf():
                return space.choices[int(self.rng.integers(len(space.choices)))]
            case Int():
                return space.nearest(int(self.rng.integers(space.low, space.high + 1)))
            case Float(log=True):
                return space.nearest(float(np.exp(self.rng.uniform(np.log(space.low), np.log(space.high)))))
            case Float():
                return space.nearest(float(self.rng.uniform(space.low, space.high)))
        raise AssertionError(f"A space must be Int, Float or OneOf, got {space!r}.")


def settled(block: Any, specs: Sequence[Spec], suggest: Suggest = take_default) -> Any:
    """The block with every open field set: to what is sensible, or to what is suggested."""
    word = block.name or snake(type(block))
    return replace(settle(block, word, suggest, block.suggest_defaults(specs, DataSummary(1_000))), name=word)


def parameters_of(build: Callable[[], nn.Module]) -> int:
    """How many parameters a module would have; costs no memory where it can be built without data."""
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                return sum(p.numel() for p in build().parameters())
        except RuntimeError:  # some modules compute values while they are built
            continue
    raise AssertionError("The module can be built neither without data nor with.")


def drawn(block: Block, specs: Sequence[Spec], seed: int, build: Callable[[Any], nn.Module]) -> Any:
    """The block with drawn fields, small enough to be tried; None where ten draws gave none.

    Args:
        block: a declaration with open fields.
        specs: what it reads.
        seed: of the draws.
        build: a settled block -> its module.
    """
    for attempt in range(10):
        one = settled(block, specs, RandomSuggest(seed * 10 + attempt))
        if parameters_of(lambda one=one: build(one)) <= MOST:
            return one
    return None
