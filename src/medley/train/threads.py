"""The number of CPU threads for a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from medley.core.batch import Batch
from medley.graph.network import Network

MIN_FLOPS = 2e8
"""Floating-point operations of a forward pass below which a second thread costs more than it saves: on a busy machine
the threads of a small network wait for each other (measured: one thread 3.4 s per epoch, two 55 s)."""


def forward_flops(network: Network, batch: Batch) -> int:
    """Counts the floating-point operations of a forward pass. Unlike its time, the number is reproducible.

    Only matrix products and convolutions are counted. (The counter of torch takes a second to import.)

    Args:
        network: on the CPU.
        batch: of the usual size.
    """
    training = network.training
    network.eval()
    with torch.no_grad(), _FlopCounter() as counter:
        network(batch)
    network.train(training)
    return counter.flops


class _FlopCounter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.__name__.partition(".")[0]
        if name in _FACTORS:
            # Each value of the result is a sum of products: one per row of the second factor, or per value of a kernel.
            factor = args[_FACTORS[name]]
            terms = factor[0].numel() if name == "convolution" else factor.shape[-2]
            self.flops += 2 * out.numel() * terms
        return out


_FACTORS = {"mm": 1, "bmm": 1, "addmm": 2, "baddbmm": 2, "convolution": 1}
"""Operation -> index of the argument whose size gives the number of products per value of the result."""


def default_threads(flops: int) -> int:
    """One thread for small networks, all threads of torch for others.

    >>> default_threads(1_000)
    1
    """
    return 1 if flops < MIN_FLOPS else torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within the context, torch uses `count` CPU threads; afterwards the previous number is restored."""
    previous = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(previous)
