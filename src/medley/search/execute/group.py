"""Workers that train each trial together: processes that `torchrun` or Ray has started."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, final

import torch
import torch.distributed as dist

from medley.train.ranks import Ranks

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others."""

_BROKEN = ("RuntimeError", "OutOfMemoryError", "Dist")
"""How the reason of a failure begins that may have struck one process alone, so that the others wait for it."""


@contextmanager
def process_group(store: Any = None, rank: int = -1, size: int = -1) -> Iterator[Ranks | None]:
    """The processes that train together with this one; None if there is only this one.

    Args:
        store: of torch, where they meet; None for those that `torchrun` has started, which says the rest.
        rank: number of this process.
        size: number of processes.
    """
    if store is None and (int(os.environ.get("WORLD_SIZE", "1")) < 2 or not dist.is_available()):
        yield None
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=TIMEOUT, store=store, rank=rank, world_size=size)
    try:
        yield Ranks()
        dist.barrier()  # none leaves while another still sends
    finally:
        dist.destroy_process_group()


def is_broken(result: Mapping[str, Any]) -> bool:
    """Whether a trial may have failed in one process of a group only.

    >>> is_broken({"state": "failed", "reason": "RuntimeError: Connection closed by peer"})
    True
    >>> is_broken({"state": "failed", "reason": "GraphError: kernel larger than the image"})
    False
    """
    return result["state"] == "failed" and str(result["reason"]).startswith(_BROKEN)


@final
class SilentLink:
    """The connection of processes other than the first: it says nothing, and hears nothing."""

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Does nothing: the first process reports."""
        return None

    def is_interrupted(self) -> bool:
        """False: the first process tells the others."""
        return False
