"""Rows as tensors: the only module that makes tensors of encoded arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from medley.core.codec import Encoded
from medley.core.mapped import JoinedRows, MappedRows, is_mapped

RowWeights = np.ndarray | Mapping[str, np.ndarray | None] | None
"""Sample weights (N,) for all heads, or head name -> such; None where all rows weigh 1."""


@dataclass
class Batch:
    """A batch of rows.

    Args:
        size: number of rows B.
        inputs: source name -> (B, ...); values of absent rows are valid, but are not used.
        present: source name -> host mask (B,) bool, or None if all rows are present.
        targets: head name -> (B, ...); values of unobserved rows are valid.
        observed: head name -> (B,) bool, or None if all rows are observed.
        weights: head name -> sample weights (B,); without heads for which all weights are 1.
        folds: (B,) the fold of each row, or None: members of an ensemble do not learn from the fold they leave out.
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
        """Positions (P,) of the rows in which any of `sources` is present; None if these are all rows.

        Masks are on the host, so that counting rows never waits for the device.
        """
        if sources not in self._rows:
            self._rows[sources] = self._find_rows(sources)
        return self._rows[sources]

    def _find_rows(self, sources: frozenset[str]) -> Tensor | None:
        masks = [self.present.get(name) for name in sources]
        partial_masks = [mask for mask in masks if mask is not None]
        if len(partial_masks) < len(masks):
            return None
        is_present = np.logical_or.reduce(partial_masks)
        if is_present.all():
            return None
        return torch.from_numpy(np.flatnonzero(is_present)).to(self.device, non_blocking=True)


class Rows:
    """An encoded data set as tensors, from which batches are gathered by index.

    Args:
        inputs: source name -> encoded rows. Of memory-mapped arrays, only batches are read and copied to the device.
        targets: head name -> encoded rows.
        weight: (N,) sample weights, or head name -> such, or None.
        device: where the tensors are held.
        folds: (N,) the fold of each row, from 0, or None.
        loss_targets: head name -> encoded rows as losses read them that are measured on rows which were not learnt
            from (`TargetCodec.loss_targets`); those of `targets` where it has none.

    Attributes:
        device: where the tensors are, or where batches of memory-mapped rows are copied.

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
        self.inputs: dict[str, Tensor | MappedRows | JoinedRows] = {
            name: MappedRows(array.array, device) if is_mapped(array.array) else _tensor(array.array, device)
            for name, array in inputs.items()
        }
        self.present = {name: _mask_or_none(array.present) for name, array in inputs.items()}
        targets = targets or {}
        self.targets, self.observed = _target_tensors(targets, device)
        separate = {name: encoded for name, encoded in (loss_targets or {}).items() if encoded is not targets[name]}
        loss_tensors, loss_observed = _target_tensors(separate, device)
        self.loss_targets, self.loss_observed = {**self.targets, **loss_tensors}, {**self.observed, **loss_observed}
        self.weights = _weight_tensors(weight, targets, device)
        self.folds = None if folds is None else _tensor(folds.astype(np.int64), device)
        self.size = len(next(iter(self.inputs.values())))

    def with_input(self, name: str, values: Tensor) -> Rows:
        """A copy of these rows with one more input (N, ...), which is present in all rows."""
        rows = copy(self)
        rows.inputs = {**self.inputs, name: values}
        rows.present = {**self.present, name: None}
        return rows

    def with_folds(self, folds: Tensor | None) -> Rows:
        """A copy of these rows with other folds."""
        rows = copy(self)
        rows.folds = folds
        return rows

    def joined(self, other: Rows) -> Rows:
        """These rows, followed by others with the same inputs and targets; without folds."""
        rows = self.with_folds(None)
        sizes = (self.size, other.size)
        rows.size = sum(sizes)
        rows.inputs = {name: _joined_inputs(array, other.inputs[name]) for name, array in self.inputs.items()}
        rows.present = {name: _joined_masks(mask, other.present[name], sizes) for name, mask in self.present.items()}
        rows.targets = {name: torch.cat([array, other.targets[name]]) for name, array in self.targets.items()}
        rows.observed = {
            name: _joined_observed(mask, other.observed[name], sizes, self.device)
            for name, mask in self.observed.items()
        }
        rows.loss_targets, rows.loss_observed = rows.targets, rows.observed
        weights = {**other.weights, **self.weights}
        rows.weights = {
            name: torch.cat(
                [part.weights.get(name, array.new_ones(size)) for part, size in zip((self, other), sizes, strict=True)]
            )
            for name, array in weights.items()
        }
        return rows

    @property
    def row_bytes(self) -> int:
        """Bytes per row that are read from files; 0 if everything is in memory."""
        return sum(array.row_bytes for array in self.inputs.values() if not isinstance(array, Tensor))

    def take(self, index: Tensor) -> Batch:
        """The rows at `index` (B,), a host tensor, as a batch."""
        device_index, host_index = self._device_index(index), index.numpy()
        inputs = {
            name: array.index_select(0, device_index) if isinstance(array, Tensor) else array.take(host_index)
            for name, array in self.inputs.items()
        }
        masks = {name: None if mask is None else _mask_or_none(mask[host_index]) for name, mask in self.present.items()}
        return replace(self.labels(index), inputs=inputs, present=masks)

    def labels(self, index: Tensor) -> Batch:
        """The targets, weights and folds of the rows at `index` (B,), without inputs."""
        device_index = self._device_index(index)
        return Batch(
            len(index),
            {},
            {},
            {name: array.index_select(0, device_index) for name, array in self.targets.items()},
            {
                name: None if array is None else array.index_select(0, device_index)
                for name, array in self.observed.items()
            },
            {name: array.index_select(0, device_index) for name, array in self.weights.items()},
            None if self.folds is None else self.folds.index_select(0, device_index),
        )

    def _device_index(self, index: Tensor) -> Tensor:
        return index if self.device.type == "cpu" else index.to(self.device, non_blocking=True)

    def slice(self, start: int, stop: int) -> Batch:
        """The rows from `start` to `stop` as a batch of views; only rows of files are copied."""
        return Batch(
            min(stop, self.size) - start,
            {
                name: array[start:stop] if isinstance(array, Tensor) else array.slice(start, stop)
                for name, array in self.inputs.items()
            },
            {name: None if mask is None else _mask_or_none(mask[start:stop]) for name, mask in self.present.items()},
            {name: array[start:stop] for name, array in self.targets.items()},
            {name: None if array is None else array[start:stop] for name, array in self.observed.items()},
            {name: array[start:stop] for name, array in self.weights.items()},
            None if self.folds is None else self.folds[start:stop],
        )


def _joined_inputs(
    first: Tensor | MappedRows | JoinedRows, second: Tensor | MappedRows | JoinedRows
) -> Tensor | JoinedRows:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second])
    parts = [part for rows in (first, second) for part in (rows.parts if isinstance(rows, JoinedRows) else [rows])]
    return JoinedRows(parts)


def _joined_masks(first: np.ndarray | None, second: np.ndarray | None, sizes: tuple[int, int]) -> np.ndarray | None:
    if first is None and second is None:
        return None
    parts = zip((first, second), sizes, strict=True)
    return np.concatenate([np.ones(size, bool) if mask is None else mask for mask, size in parts])


def _joined_observed(
    first: Tensor | None, second: Tensor | None, sizes: tuple[int, int], device: torch.device
) -> Tensor | None:
    if first is None and second is None:
        return None
    parts = zip((first, second), sizes, strict=True)
    ones = [torch.ones(size, dtype=torch.bool, device=device) if mask is None else mask for mask, size in parts]
    return torch.cat(ones)


def _target_tensors(
    targets: Mapping[str, Encoded], device: torch.device | str
) -> tuple[dict[str, Tensor], dict[str, Tensor | None]]:
    observed = {
        name: None if _mask_or_none(encoded.present) is None else _tensor(encoded.present, device)
        for name, encoded in targets.items()
    }
    return {name: _tensor(encoded.array, device) for name, encoded in targets.items()}, observed


def _weight_tensors(weight: RowWeights, names: Iterable[str], device: torch.device | str) -> dict[str, Tensor]:
    if isinstance(weight, np.ndarray):
        shared = _tensor(weight.astype(np.float32), device)
        return dict.fromkeys(names, shared)
    return {
        name: _tensor(array.astype(np.float32), device) for name, array in (weight or {}).items() if array is not None
    }


def _tensor(array: np.ndarray, device: torch.device | str) -> Tensor:
    if not array.flags.writeable:
        array = array.copy()  # torch warns of read-only arrays, such as those from files
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _mask_or_none(present: np.ndarray) -> np.ndarray | None:
    return None if present.all() else present
