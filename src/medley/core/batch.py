"""Rows as tensors: the only place where encoded arrays become them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from medley.core.codec import Encoded
from medley.core.mapped import MappedRows, is_mapped

RowWeights = np.ndarray | Mapping[str, np.ndarray | None] | None
"""Sample weights (N,) for all heads, or head name -> such; None where all rows weigh 1."""


@dataclass
class Batch:
    """Some rows on their way through a network.

    Args:
        size: number of rows B.
        inputs: source name -> (B, ...), absent rows hold legal values that nothing reads.
        present: source name -> host mask (B,) bool, or None where every row is present.
        targets: head name -> (B, ...); unobserved rows hold legal values.
        observed: head name -> (B,) bool, or None where every row is.
        weights: head name -> (B,) sample weights; heads for which all rows weigh 1 are not in it.
        folds: (B,) the fold of each row, or None: members of an ensemble learn nothing from the fold they leave out.
    """

    size: int
    inputs: dict[str, Tensor]
    present: dict[str, np.ndarray | None]
    targets: dict[str, Tensor] = field(default_factory=dict)
    observed: dict[str, Tensor | None] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    folds: Tensor | None = None
    _rows: dict[frozenset[str], Tensor | None] = field(default_factory=dict, repr=False)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return next(iter(self.inputs.values())).device

    def rows(self, sources: frozenset[str]) -> Tensor | None:
        """Positions (P,) of the rows in which any of `sources` is present; None where that is all rows.

        Masks stay on the host, so that counting their rows never waits for the device.
        """
        if sources not in self._rows:
            self._rows[sources] = self._find(sources)
        return self._rows[sources]

    def _find(self, sources: frozenset[str]) -> Tensor | None:
        masks = [self.present.get(name) for name in sources]
        found = [mask for mask in masks if mask is not None]
        if len(found) < len(masks):
            return None
        anywhere = np.logical_or.reduce(found)
        if anywhere.all():
            return None
        return torch.from_numpy(np.flatnonzero(anywhere)).to(self.device, non_blocking=True)


class Rows:
    """A whole encoded data set as tensors, gathered by index: no per-row Python.

    Args:
        inputs: source name -> encoded rows. Memory-mapped arrays stay where they are; of them only batches are read,
            and sent to the device.
        targets: head name -> encoded rows.
        weight: (N,) sample weights, or head name -> such, or None.
        device: where the tensors are held.
        folds: (N,) the fold of each row, from 0, or None.
        loss_targets: head name -> encoded rows as losses read them that are measured on rows which were not learnt
            from (`TargetCodec.loss_targets`); those of `targets` where it has none.

    Attributes:
        device: where they are, or where batches of them go.

    >>> import numpy as np
    >>> rows = Rows({"x": Encoded(np.ones((5, 2), "float32"), np.array([1, 1, 0, 1, 1], bool))})
    >>> rows.take(torch.tensor([0, 2])).rows(frozenset({"x"}))
    tensor([0])
    """

    def __init__(
        self,
        inputs: Mapping[str, Encoded],
        targets: Mapping[str, Encoded] | None = None,
        weight: RowWeights = None,
        device: torch.device | str = "cpu",
        folds: np.ndarray | None = None,
        loss_targets: Mapping[str, Encoded] | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.inputs: dict[str, Tensor | MappedRows] = {
            name: MappedRows(one.array, device) if is_mapped(one.array) else _tensor(one.array, device)
            for name, one in inputs.items()
        }
        self.present = {name: _partial(one.present) for name, one in inputs.items()}
        targets = targets or {}
        self.targets, self.observed = _target_tensors(targets, device)
        others = {name: one for name, one in (loss_targets or {}).items() if one is not targets[name]}
        loss_tensors, loss_observed = _target_tensors(others, device)
        self.loss_targets, self.loss_observed = {**self.targets, **loss_tensors}, {**self.observed, **loss_observed}
        self.weights = _weight_tensors(weight, targets, device)
        self.folds = None if folds is None else _tensor(folds.astype(np.int64), device)
        self.size = len(next(iter(self.inputs.values())))

    def with_input(self, name: str, values: Tensor) -> Rows:
        """The same rows with one more input, (N, ...), that all of them have."""
        rows = copy(self)
        rows.inputs = {**self.inputs, name: values}
        rows.present = {**self.present, name: None}
        return rows

    def with_folds(self, folds: Tensor | None) -> Rows:
        """The same rows with other folds."""
        rows = copy(self)
        rows.folds = folds
        return rows

    @property
    def row_bytes(self) -> int:
        """What of a row is read from files, which are not in memory for a reason; 0 where all is held."""
        return sum(one.row_bytes for one in self.inputs.values() if isinstance(one, MappedRows))

    def take(self, index: Tensor) -> Batch:
        """The rows at `index` (B,), a host tensor, as a batch."""
        here = index if self.device.type == "cpu" else index.to(self.device, non_blocking=True)
        host = index.numpy()
        return Batch(
            len(host),
            {
                name: one.take(host) if isinstance(one, MappedRows) else one.index_select(0, here)
                for name, one in self.inputs.items()
            },
            {name: None if mask is None else _partial(mask[host]) for name, mask in self.present.items()},
            {name: one.index_select(0, here) for name, one in self.targets.items()},
            {name: None if one is None else one.index_select(0, here) for name, one in self.observed.items()},
            {name: one.index_select(0, here) for name, one in self.weights.items()},
            None if self.folds is None else self.folds.index_select(0, here),
        )

    def slice(self, start: int, stop: int) -> Batch:
        """The rows from `start` to `stop` as a batch of views: nothing is copied but rows of files."""
        return Batch(
            min(stop, self.size) - start,
            {
                name: one.slice(start, stop) if isinstance(one, MappedRows) else one[start:stop]
                for name, one in self.inputs.items()
            },
            {name: None if mask is None else _partial(mask[start:stop]) for name, mask in self.present.items()},
            {name: one[start:stop] for name, one in self.targets.items()},
            {name: None if one is None else one[start:stop] for name, one in self.observed.items()},
            {name: one[start:stop] for name, one in self.weights.items()},
            None if self.folds is None else self.folds[start:stop],
        )


def _target_tensors(
    targets: Mapping[str, Encoded], device: torch.device | str
) -> tuple[dict[str, Tensor], dict[str, Tensor | None]]:
    observed = {
        name: None if _partial(one.present) is None else _tensor(one.present, device) for name, one in targets.items()
    }
    return {name: _tensor(one.array, device) for name, one in targets.items()}, observed


def _weight_tensors(weight: RowWeights, names: Iterable[str], device: torch.device | str) -> dict[str, Tensor]:
    if isinstance(weight, np.ndarray):
        shared = _tensor(weight.astype(np.float32), device)
        return dict.fromkeys(names, shared)
    return {name: _tensor(one.astype(np.float32), device) for name, one in (weight or {}).items() if one is not None}


def _tensor(array: np.ndarray, device: torch.device | str) -> Tensor:
    if not array.flags.writeable:
        array = array.copy()  # torch warns of read-only memory, and arrays from files are
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _partial(present: np.ndarray) -> np.ndarray | None:
    return None if present.all() else present
