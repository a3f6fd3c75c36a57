"""Several processes, the ranks of a process group of torch, that train one network together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor

from medley.core.batch import Rows
from medley.graph.network import Network
from medley.model.forward import compute_outputs
from medley.model.records import Record
from medley.train.hooks import TrainingHooks
from medley.train.state import TrainingState


class Ranks:
    """The process group that this process trains in.

    All ranks call the same functions in the same order. What depends on time, on the user or on the disk is decided by
    rank 0, which tells the others; everything else they compute themselves, from the same numbers.

    Attributes:
        rank: number of this process.
        size: number of processes W.
    """

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    @cached_property
    def _host(self) -> Any:
        # Decisions go over the host, so that no device waits for them. All ranks make their first one together.
        return None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")

    @classmethod
    def current(cls) -> Self | None:
        """The process group of this process, if there is one of several processes (`torch.distributed`)."""
        is_grouped = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        return cls() if is_grouped else None

    def number(self, value: float) -> float:
        """The number of rank 0."""
        tensor = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(tensor, 0, group=self._host)
        return float(tensor[0])

    def content(self, value: Any) -> Any:
        """The JSON value of rank 0; those of the others are ignored."""
        return json.loads(self.data(json.dumps(value).encode() if self.rank == 0 else b""))

    def data(self, value: bytes) -> bytes:
        """The bytes of rank 0; those of the others are ignored."""
        size = int(self.number(len(value)))
        tensor = torch.empty(size, dtype=torch.uint8)
        if self.rank == 0 and size:
            tensor = torch.frombuffer(bytearray(value), dtype=torch.uint8)
        if size:
            dist.broadcast(tensor, 0, group=self._host)
        return bytes(tensor.numpy())

    def state(self, state: TrainingState | None) -> TrainingState | None:
        """The training state of rank 0, from which all continue; each goes on with random numbers of its own."""
        with TemporaryDirectory(prefix="medley-") as folder:
            path = Path(folder)
            if self.rank == 0 and state is not None:
                state.save(path)
            names = self.content(sorted(file.name for file in path.iterdir()))
            for name in names:
                content = self.data((path / name).read_bytes() if self.rank == 0 else b"")
                if self.rank:
                    (path / name).write_bytes(content)
            return TrainingState.load(path) if names else None

    def hooks(self, hooks: TrainingHooks) -> TrainingHooks:
        """Hooks of which those of rank 0 are called, and whose decisions all ranks follow.

        Args:
            hooks: of this rank; only rank 0 needs any.
        """

        def watch(record: Record, score: float) -> str | None:
            return self.content(hooks.watch(record, score) if self.rank == 0 else None)

        def checkpoint(take: Callable[[], TrainingState]) -> None:
            is_interrupted = 0.0
            try:
                if self.rank == 0:
                    hooks.checkpoint(take)
            except KeyboardInterrupt:
                is_interrupted = 1.0
            if self.number(is_interrupted):
                raise KeyboardInterrupt

        hooks = hooks if self.rank == 0 else replace(hooks, **_SILENT)
        return replace(hooks, watch=watch, checkpoint=checkpoint)

    def clock(self, clock: Callable[[float], float]) -> Callable[[float], float]:
        """The progress of the training as rank 0 sees it."""
        return lambda fraction: self.number(clock(fraction))

    def part(self, index: Tensor) -> Tensor:
        """The rows of a batch that this rank computes: equally many on each, so the last ones may be repeated.

        Args:
            index: positions (B,) of the rows of the batch.

        Returns:
            Positions (ceil(B / W),).

        >>> ranks = object.__new__(Ranks)
        >>> ranks.rank, ranks.size = 1, 2
        >>> ranks.part(torch.tensor([4, 0, 2, 3, 1])).tolist()
        [3, 1, 1]
        """
        size = -(-len(index) // self.size)
        places = torch.arange(self.rank * size, (self.rank + 1) * size).clamp(max=len(index) - 1)
        return index[places]

    def joint(self, part: Tensor, rows: int) -> Tensor:
        """Outputs for all rows of a batch; a gradient flows through those of this rank alone.

        Args:
            part: outputs (ceil(B / W), ...) for the rows of this rank (`part`).
            rows: number of rows B of the batch.

        Returns:
            (B, ...) in the order of the batch, without repeated rows.
        """
        parts = [torch.empty_like(part) for _ in range(self.size)]
        dist.all_gather(parts, part.detach().contiguous())
        parts[self.rank] = part
        return torch.cat(parts)[:rows]

    def outputs(self, network: Network, rows: Rows, batch_size: int, index: Tensor | None = None) -> dict[str, Tensor]:
        """The raw outputs of all rows, of which each rank computes a part of consecutive ones.

        Args:
            network: equal on all ranks.
            rows: N encoded rows.
            batch_size: as of `compute_outputs`, like `index`.
            index: positions (N,); all, if left out.

        Returns:
            Head name -> (N, K), the same on all ranks.
        """
        index = torch.arange(rows.size) if index is None else index
        parts = compute_outputs(network, rows, batch_size, self.part(index))
        return {name: self.joint(part, len(index)) for name, part in parts.items()}

    def average(self, tensors: list[Tensor]) -> None:
        """Replaces each floating-point tensor by its mean over the ranks."""
        for tensor in tensors:
            if tensor.is_floating_point():
                dist.all_reduce(tensor)
                tensor.div_(self.size)


_SILENT: dict[str, Any] = {
    name: TrainingHooks.__dataclass_fields__[name].default
    for name in ("on_step", "on_plan", "on_work", "log", "on_end", "on_resume")
}
