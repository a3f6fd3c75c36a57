"""The number of CPU threads for a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from medley.core.batch import Batch
from medley.graph.network import Network

MIN_FLOPS = 2e8
"""Floating-point operations of a forward pass below which a second thread costs more than it saves: on a busy machine
the threads of a small network wait for each other (measured: one thread 3.4 s per epoch, two 55 s)."""


def forward_flops(network: Network, batch: Batch) -> int:
    """Floating-point operations of a forward pass: counted, not timed, so that what follows from it is reproducible.

    Args:
        network: on the CPU.
        batch: a batch of the usual size.
    """
    from torch.utils.flop_counter import FlopCounterMode

    training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(batch)
    network.train(training)
    return counter.get_total_flops()


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
