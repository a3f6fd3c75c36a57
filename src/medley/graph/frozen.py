"""Modules of frozen blocks: built once, shared by networks, and run over many rows in batches of a suitable size."""

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

MAX_MODULES = 4
"""Modules that are held for further networks; a search over more pretrained encoders builds some of them again."""

TOKENS_PER_BATCH = {"cpu": 4_096, "cuda": 65_536}
"""Token ids per batch: enough to keep the device busy, few enough to stay in its caches."""

VALUES_PER_BATCH = {"cpu": 4_000_000, "cuda": 40_000_000}
"""Numbers per batch of other rows: 26 images of 224 x 224 on a CPU."""


class FrozenModules:
    """Builds the modules of frozen blocks, one for all equal blocks.

    Modules are in evaluation mode and are not trained. Building one does not change the state of the random number
    generators, so trained blocks start with the same weights whether or not a module is built again. A frozen block
    with random weights gets the same weights every time.

    >>> from medley.core.shape import Flatten
    >>> FrozenModules().module(Flatten(), [Spec((3, 2), "TD")]).training
    False
    """

    def __init__(self) -> None:
        self._modules: dict[str, nn.Module] = {}

    def module(self, block: Layer, specs: Sequence[Spec]) -> nn.Module:
        """The module of a resolved block.

        Args:
            block: all fields set.
            specs: of the nodes that it reads.
        """
        key = f"{replace(block, name=None)!r} {specs!r}"
        module = self._modules.pop(key, None)
        if module is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                module = block.build(*specs).requires_grad_(False).eval()
        if module.state_dict():  # modules without weights cost nothing to build
            self._modules[key] = module  # last, as the most recently used
        while len(self._modules) > MAX_MODULES:
            del self._modules[next(iter(self._modules))]
        return module


def run_in_batches(
    function: Callable[[Tensor], Tensor], x: Tensor, spec: Spec, *, ignores_padding: bool = False
) -> Tensor:
    """Runs a function over many rows in batches of a size that suits the device.

    Args:
        function: rows (B, ...) -> (B, ...), each row independently.
        x: (N, ...).
        spec: of a row.
        ignores_padding: whether padding at the end of token ids may be cut off. On a CPU, rows are then sorted by
            length.

    >>> run_in_batches(lambda rows: rows + 1, torch.zeros(3, 2), Spec((2,), "D")).shape
    torch.Size([3, 2])
    """
    if not spec.is_tokens:
        size = max(1, VALUES_PER_BATCH.get(x.device.type, VALUES_PER_BATCH["cpu"]) // max(spec.size, 1))
        return function(x) if len(x) <= size else torch.cat([function(batch) for batch in x.split(size)])
    max_tokens = TOKENS_PER_BATCH.get(x.device.type, TOKENS_PER_BATCH["cpu"])
    if not ignores_padding or x.device.type != "cpu":
        return torch.cat([function(batch) for batch in x.split(max(1, max_tokens // x.shape[1]))])
    lengths = token_lengths(x)
    order = lengths.argsort(descending=True, stable=True)
    results, start = [], 0
    while start < len(x):
        width = int(lengths[order[start]])
        index = order[start : start + max(1, max_tokens // width)]
        results.append(function(x.index_select(0, index)[:, :width]))
        start += len(index)
    joined = torch.cat(results)
    return torch.empty_like(joined).index_copy_(0, order, joined)


def token_lengths(token_ids: Tensor) -> Tensor:
    """Length of each row of token ids (B, T) without the padding at its end; at least 1.

    >>> token_lengths(torch.tensor([[3, 0, 4, 0], [0, 0, 0, 0]]))
    tensor([3, 1])
    """
    positions = torch.arange(1, token_ids.shape[1] + 1, device=token_ids.device)
    return ((token_ids != 0) * positions).amax(1).clamp(min=1)
