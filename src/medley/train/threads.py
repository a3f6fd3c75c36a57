"""How many CPU threads a network is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from medley.core.batch import Batch
from medley.graph.network import Network

WORTH = 2e8
"""Floating-point operations of a forward pass below which a second thread costs more than it brings: on a busy machine
threads of a small network wait for each other (measured: one thread 3.4 s an epoch, two 55 s)."""


def default_threads(network: Network, batch: Batch) -> int:
    """One for small networks, all that torch has for others; decided by counting, so that it is the same every time.

    Args:
        network: on the CPU.
        batch: rows of a usual batch.
    """
    from torch.utils.flop_counter import FlopCounterMode

    training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(batch)
    network.train(training)
    return 1 if counter.get_total_flops() < WORTH else torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Runs with `count` CPU threads and gives the caller's setting back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
