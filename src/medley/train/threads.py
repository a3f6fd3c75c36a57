"""The number of CPU threads for a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from medley.core.batch import Batch
from medley.graph.network import Network
from medley.model.device_memory import is_out_of_memory
from medley.train.memory import MIN_PIECE, split

MIN_FLOPS = 2e8
"""Floating-point operations of a forward pass below which a second thread costs more than it saves: on a busy machine
the threads of a small network wait for each other (measured: one thread 3.4 s per epoch, two 55 s)."""


@dataclass(frozen=True)
class ForwardCount:
    """What a forward pass computes. Unlike its time, the numbers are reproducible.

    Args:
        flops: floating-point operations of matrix products and convolutions.
        calls: number of functions of torch that return tensors.
    """

    flops: int = 0
    calls: int = 0


def count_forward(network: Network, batch: Batch) -> ForwardCount:
    """Counts what a forward pass computes.

    (The counter of torch, and any other that intercepts operations instead of functions, imports torch's compiler,
    which takes a second or two.)

    Args:
        network: on the CPU.
        batch: of the usual size.
    """
    training, few, factor = network.training, batch, 1.0
    network.eval()
    while (counted := _count(network, few)) is None:  # memory is short
        few = split(few, 2)[0]
        factor = batch.size / few.size
    network.train(training)
    return ForwardCount(int(counted.flops * factor), counted.calls)


def forward_flops(network: Network, batch: Batch) -> int:
    """The floating-point operations of a forward pass (`count_forward`)."""
    return count_forward(network, batch).flops


def _count(network: Network, batch: Batch) -> ForwardCount | None:
    try:
        with torch.no_grad(), _FlopCounter() as counter:
            network(batch)
    except RuntimeError as error:
        if not is_out_of_memory(error) or batch.size < 2 * MIN_PIECE:
            raise
        return None
    return ForwardCount(counter.flops, counter.calls)


class _FlopCounter(TorchFunctionMode):
    """Adds up the floating-point operations of the functions that are called within it."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = _COUNTS.get(getattr(func, "__name__", ""))
        if count is not None:
            self.flops += 2 * count(out, args)
        self.calls += isinstance(out, Tensor | tuple)
        return out


def _einsum(out: Tensor, args: Any) -> int:
    equation, *factors = args
    letters, _, result = equation.replace(" ", "").partition("->")
    sizes = {
        letter: size
        for term, factor in zip(letters.split(","), factors, strict=True)
        for letter, size in zip(term, factor.shape, strict=True)
    }
    return out.numel() * prod(size for letter, size in sizes.items() if letter not in result)


def _recurrent(out: Any, args: Any) -> int:
    rows = args[0].shape[:-1].numel()
    return rows * sum(weight.numel() for weight in args[2] if weight.ndim == 2)


def _attention(out: Tensor, args: Any) -> int:
    query, key = args[:2]
    return query.numel() * key.shape[-2] + out.numel() * key.shape[-2]


def _multi_head_attention(out: Any, args: Any) -> int:
    query, key, value, width = args[:4]  # (L, B, E), (S, B, E) twice
    projections = (2 * query.numel() + key.numel() + value.numel()) * width
    return projections + 2 * query.numel() * key.shape[0]


_COUNTS: dict[str, Callable[[Any, Any], int]] = {
    # Each value of the result is a sum of products: one per value of a row of the first factor.
    **dict.fromkeys(("linear", "matmul", "__matmul__", "mm", "bmm"), lambda out, args: out.numel() * args[0].shape[-1]),
    **dict.fromkeys(("addmm", "baddbmm"), lambda out, args: out.numel() * args[1].shape[-1]),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), lambda out, args: out.numel() * args[1][0].numel()),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh"), _recurrent),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head_attention,
}
"""Name of a function -> function of its result and arguments, which returns the number of products."""


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
