"""The number of CPU threads for a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from medley.core.batch import Batch
from medley.graph.network import Network
from medley.model.forward import is_out_of_memory
from medley.train.memory import MIN_PIECE, split

MIN_FLOPS = 2e8
"""Floating-point operations of a forward pass below which a second thread costs more than it saves: on a busy machine
the threads of a small network wait for each other (measured: one thread 3.4 s per epoch, two 55 s)."""


def forward_flops(network: Network, batch: Batch) -> int:
    """Floating-point operations of a forward pass: counted, not timed, so that what follows from it is reproducible.

    Matrix products and convolutions are counted, as the rest costs little. (torch's own counter takes a second to
    import.)

    Args:
        network: on the CPU.
        batch: a batch of the usual size.
    """
    training, few, factor = network.training, batch, 1.0
    network.eval()
    while (flops := _count(network, few)) is None:  # memory is short
        few = split(few, 2)[0]
        factor = batch.size / few.size
    network.train(training)
    return int(flops * factor)


def _count(network: Network, batch: Batch) -> int | None:
    try:
        with torch.no_grad(), _FlopCounter() as counter:
            network(batch)
    except RuntimeError as error:
        if not is_out_of_memory(error) or batch.size < 2 * MIN_PIECE:
            raise
        return None
    return counter.flops


class _FlopCounter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.__name__.partition(".")[0]
        if name in _FACTORS:
            # Each number of the result is a sum of products: one for each row of the second factor, or of the kernel.
            factor = args[_FACTORS[name]]
            terms = factor[0].numel() if name == "convolution" else factor.shape[-2]
            self.flops += 2 * out.numel() * terms
        return out


_FACTORS = {"mm": 1, "bmm": 1, "addmm": 2, "baddbmm": 2, "convolution": 1}
"""Operation -> the place of the argument whose size says how many products each number of the result sums."""


def default_threads(flops: int) -> int:
    """One thread for small networks, all threads of torch for others.

    >>> default_threads(1_000)
    1
    """
    return 1 if flops < MIN_FLOPS else torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Runs a block with `count` CPU threads, and restores the caller's setting."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
