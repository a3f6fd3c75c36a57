"""Values for open fields: defaults, or reproducible random values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from medley.core.block import Block, DataSummary, to_snake_case
from medley.core.resolve import Suggest, settle, take_default
from medley.core.space import Float, Int, OneOf, Space
from medley.core.spec import Spec

MAX_PARAMETERS = 2_000_000
"""Networks with random settings and more parameters than this are not tested: a ResNet-152 takes minutes."""


class RandomSuggest:
    """Suggests a random value of each search space, reproducible by seed and name.

    >>> RandomSuggest(0)("conv.kernel_size", OneOf(3, 5, 7), 3) in (3, 5, 7)
    True
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.values: dict[str, Any] = {}

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """A value of `space`; always the same one for one name."""
        if name not in self.values:
            self.values[name] = self._draw(space)
        return self.values[name]

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


def with_values(block: Any, specs: Sequence[Spec], suggest: Suggest = take_default) -> Any:
    """The block with every open field set, to its default or to the suggested value."""
    name = block.name or to_snake_case(type(block))
    return replace(settle(block, name, suggest, block.suggest_defaults(specs, DataSummary(1_000))), name=name)


def parameters_of(build: Callable[[], nn.Module]) -> int:
    """The number of parameters of a module; on the meta device, without memory, where possible."""
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                return sum(p.numel() for p in build().parameters())
        except RuntimeError:  # some modules compute values when they are built
            continue
    raise AssertionError("The module can be built neither on the meta device nor on the CPU.")


def with_random_values(block: Block, specs: Sequence[Spec], seed: int, build: Callable[[Any], nn.Module]) -> Any:
    """The block with random values of its open fields, small enough to be tested; None after ten attempts.

    Args:
        block: a block with open fields.
        specs: that it is called on.
        seed: of the random values.
        build: a block without open fields -> its module.
    """
    for attempt in range(10):
        variant = with_values(block, specs, RandomSuggest(seed * 10 + attempt))
        if parameters_of(lambda variant=variant: build(variant)) <= MAX_PARAMETERS:
            return variant
    return None
