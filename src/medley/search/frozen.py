"""Cached results of the frozen parts of networks: computed once per row, for all epochs, trials, tasks and runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from tempfile import TemporaryFile
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch

from medley.cache import folder as cache
from medley.cache.row_stores import RowStore
from medley.core.batch import Rows, RowWeights
from medley.core.codec import Encoded
from medley.core.config import to_json
from medley.core.spec import Spec
from medley.errors import ArtifactError
from medley.graph.frozen import FrozenModules
from medley.graph.frozen_plan import FrozenPlan
from medley.search.frozen_runner import BatchResults, IndexedRows, RowRunner, index_present_rows
from medley.train.hooks import TrainingHooks

if TYPE_CHECKING:
    from torch import nn

    from medley.graph.network import Network, Step

MAX_MEMORY = 2**30
"""Bytes of one part's results up to which they are held in memory; larger results are read from a file in batches."""

MAX_UNSAVED_BYTES, MAX_UNSAVED_SECONDS = 32 * 2**20, 30.0
"""Bytes of results, and seconds of work, after which results are written to disk: a killed run loses no more."""

MAX_INDEXES = 8
"""Indexes of rows that are held."""


@dataclass(frozen=True)
class FrozenResults:
    """Results of frozen parts for all rows.

    Args:
        by_key: `cache_key` of a step -> results for training rows, and for validation rows.
        unread: sources that no step reads any more.
        key: identifies these results.
    """

    by_key: Mapping[str, Sequence[Encoded]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    key: str = ""


NO_RESULTS = FrozenResults()


def rows_with_results(
    encoded: Mapping[str, Sequence[Encoded]],
    results: FrozenResults,
    part: int,
    targets: Mapping[str, Encoded] | None,
    weight: RowWeights,
    device: torch.device,
    folds: np.ndarray | None = None,
    loss_targets: Mapping[str, Encoded] | None = None,
) -> Rows:
    """Training or validation rows, in which results replace the sources that no other step reads.

    Args:
        encoded: source name -> encoded rows of every part of the split.
        results: results of frozen parts for the same rows.
        part: 0 for training rows, 1 for validation rows.
        targets: head name -> encoded labels of that part of the split.
        weight: its sample weights.
        device: where tensors are held.
        folds: the fold of each row, or None.
        loss_targets: as of `Rows`.
    """
    read = {**{name: parts for name, parts in encoded.items() if name not in results.unread}, **results.by_key}
    rows = Rows({name: parts[part] for name, parts in read.items()}, targets, weight, device, folds, loss_targets)
    for name in results.unread:  # the presence mask of a source is needed even if its values are not
        mask = encoded[name][part].present
        rows.present[name] = None if mask.all() else mask
    return rows


@dataclass(frozen=True)
class _FrozenChain:
    """A chain of frozen parts that begins at a source.

    Args:
        name: of the last part.
        runner: runs the whole chain.
        shape: of the result for one row.
        declaration: the parts as JSON; None if one has no registered name, since a later run could not identify it.
        checksum: of declarations, weights and the spec of the source.
    """

    name: str
    runner: RowRunner
    shape: tuple[int, ...]
    declaration: str | None
    checksum: str


class FrozenRows:
    """Runs frozen parts once per distinct row and stores the results.

    Results are looked up by the content of the encoded row and a checksum of the part's declaration and weights. Parts
    run in float32. The environment variable `MEDLEY_CACHE` sets the folder (`medley.cache.folder`).

    Args:
        device: where parts run.

    Attributes:
        modules: the modules of frozen parts, shared by all networks.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.modules = FrozenModules()
        self._checksums: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
        self._stores: dict[str, RowStore] = {}
        # Both hold the encoded rows too, so that no other rows get the same id.
        self._indexes: dict[int, tuple[Sequence[Encoded], IndexedRows]] = {}
        self._loaded: dict[str, tuple[Sequence[Encoded], list[Encoded]]] = {}
        self._logged: set[str] = set()

    def results(
        self,
        network: Network,
        specs: Mapping[str, Spec],
        encoded: Mapping[str, Sequence[Encoded]],
        hooks: TrainingHooks,
    ) -> FrozenResults:
        """The results of those frozen parts of a network that read sources through frozen parts only.

        Args:
            network: on the device.
            specs: source name -> spec of its encoding.
            encoded: source name -> encoded rows: training, then validation.
            hooks: for progress, messages and the deadline.
        """
        if not cache.is_on():
            return NO_RESULTS
        plan = FrozenPlan(network)
        for name, parent in plan.uncacheable():
            self._log_once(
                f"{name} is frozen, but it reads {parent}, which is trained or changes its rows, so it runs for every "
                "row in each epoch; called on the input itself it would run once per row.",
                hooks,
            )
        by_key: dict[str, Sequence[Encoded]] = {}
        keys = []
        for step in plan.cacheable():
            source = next(iter(step.sources))
            chain = self._chain(plan, step, specs[source])
            results = self._results(chain, encoded[source], hooks)
            if results is not None:
                by_key[str(step.cache_key)] = results
                keys.append(f"{step.cache_key}: {chain.checksum} {id(encoded[source])}")
        return FrozenResults(by_key, plan.unread_sources(by_key), ", ".join(keys))

    def for_models(self) -> FrozenRows:
        """Returns an object for predictions: shares the stored results, and holds no rows."""
        shared = FrozenRows(self.device)
        shared.modules, shared._checksums, shared._stores = self.modules, self._checksums, self._stores
        return shared

    def rows(
        self,
        network: Network,
        specs: Mapping[str, Spec],
        encoded: Mapping[str, Encoded],
        targets: Mapping[str, Encoded] | None,
        weight: RowWeights,
        loss_targets: Mapping[str, Encoded] | None = None,
    ) -> Rows:
        """Rows for prediction or evaluation, with the results of frozen parts."""
        parts = {name: [rows] for name, rows in encoded.items()}
        results = self.results(network, specs, parts, TrainingHooks(score=lambda record: 0.0))
        self._indexes.clear()
        self._loaded.clear()
        return rows_with_results(parts, results, 0, targets, weight, self.device, loss_targets=loss_targets)

    def _log_once(self, line: str, hooks: TrainingHooks) -> None:
        if line not in self._logged:
            self._logged.add(line)
            hooks.log(line)

    def _chain(self, plan: FrozenPlan, step: Step, spec: Spec) -> _FrozenChain:
        steps = plan.chain(step)
        blocks = [replace(step.block, name=None) for step in steps]
        try:
            declaration = json.dumps(to_json(blocks))
        except ArtifactError:
            declaration = None
        weights = [self._checksum(step.module) for step in steps]
        checksum = cache.digest(declaration or repr(blocks), repr(spec), *weights)
        runner = RowRunner(
            lambda rows: plan.output(step, rows),
            spec,
            self.device,
            ignores_padding=steps[0].block.ignores_padding,  # type: ignore[attr-defined]
        )
        return _FrozenChain(step.name, runner, step.out.shape, declaration, checksum)

    def _checksum(self, module: nn.Module) -> str:
        if module not in self._checksums:
            state = module.state_dict().items()
            tensors = [cache.digest(name, str(tensor.dtype), _bytes(tensor)) for name, tensor in state]
            self._checksums[module] = cache.digest(*tensors)
        return self._checksums[module]

    def _results(self, chain: _FrozenChain, encoded: Sequence[Encoded], hooks: TrainingHooks) -> list[Encoded] | None:
        """The results in the order of the rows; None if there is not enough time or space to compute them."""
        key = f"{chain.checksum} {id(encoded)}"
        if key not in self._loaded:
            rows = self._index(encoded)
            store = self._store(chain, rows, hooks)
            if self._is_too_large(store, chain, rows, hooks) or not _fill(store, chain, rows, hooks):
                return None
            self._loaded[key] = encoded, [_load(store, rows, i, part) for i, part in enumerate(encoded)]
            _drop_oldest(self._loaded, key)
        return self._loaded[key][1]

    def _is_too_large(self, store: RowStore, chain: _FrozenChain, rows: IndexedRows, hooks: TrainingHooks) -> bool:
        row_size = 4 * int(np.prod(chain.shape, dtype=np.int64))
        required = row_size * len(store.missing(rows.keys))
        available = 4 * MAX_MEMORY if store.folder is None else shutil.disk_usage(store.folder).free // 2
        if required > available:
            self._log_once(
                f"{chain.name}: its results for {len(rows.keys):,} rows would take {required / 2**30:.1f} GiB, too "
                "much to store, so it runs for every row in each epoch. A pooled result (pooling='mean') is smaller.",
                hooks,
            )
        return required > available

    def _index(self, encoded: Sequence[Encoded]) -> IndexedRows:
        if id(encoded) not in self._indexes:
            self._indexes[id(encoded)] = encoded, index_present_rows(encoded)
            while len(self._indexes) > MAX_INDEXES:
                del self._indexes[next(iter(self._indexes))]
        return self._indexes[id(encoded)][1]

    def _store(self, chain: _FrozenChain, rows: IndexedRows, hooks: TrainingHooks) -> RowStore:
        if chain.checksum in self._stores:
            return self._stores[chain.checksum]
        folder = None if chain.declaration is None else cache.folder("frozen", chain.checksum)
        store = RowStore(folder, chain.shape)
        if folder is not None and not _is_up_to_date(store, chain.runner, rows):
            self._log_once(f"{folder} holds outdated results of {chain.name}; they are computed again.", hooks)
            shutil.rmtree(folder, ignore_errors=True)
            store = RowStore(cache.folder("frozen", chain.checksum), chain.shape)
        if store.folder is not None and chain.declaration is not None:
            (store.folder / "about.json").write_text(chain.declaration, encoding="utf-8")
        self._stores[chain.checksum] = store
        return store


def _bytes(tensor: torch.Tensor) -> np.ndarray:
    # As bytes, since NumPy has no bfloat16.
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def _is_up_to_date(store: RowStore, runner: RowRunner, rows: IndexedRows) -> bool:
    """Whether the stored results of a few rows can be reproduced: code may change while the weights do not."""
    stored = np.flatnonzero(store.positions(rows.keys) >= 0)
    sample = stored[:: max(1, len(stored) // 3)][:4]
    if not len(sample):
        return True
    expected = store.take(rows.keys[sample])
    tolerance = 1e-3 * max(1.0, float(np.abs(expected).max()))  # devices round differently
    return np.allclose(runner.run(rows.take(sample)), expected, rtol=1e-2, atol=tolerance)


def _fill(store: RowStore, chain: _FrozenChain, rows: IndexedRows, hooks: TrainingHooks) -> bool:
    """Computes the missing results; returns False if that would take longer than the time left."""
    missing = store.missing(rows.keys)
    start = saved = monotonic()
    done, unsaved = 0, list[BatchResults]()
    try:
        for batch in chain.runner.run_all(rows, missing):
            unsaved.append(batch)
            done += len(batch.rows)
            hooks.on_work(chain.name, done, len(missing))
            size = sum(results.results.nbytes for results in unsaved)
            if size > MAX_UNSAVED_BYTES or monotonic() - saved > MAX_UNSAVED_SECONDS:
                _save(store, rows, unsaved)
                saved = monotonic()
            seconds = monotonic() - start
            total = seconds / batch.fraction
            if hooks.deadline is not None and seconds > 2 and start + total > hooks.deadline:
                hooks.log(
                    f"{chain.name}: running it once over {len(missing):,} rows would take {total:.0f} s, more than the "
                    "time left, so it runs batch by batch. Finished rows are stored for the next run."
                )
                return False
    finally:
        _save(store, rows, unsaved)  # after Ctrl-C, too
    return True


def _save(store: RowStore, rows: IndexedRows, unsaved: list[BatchResults]) -> None:
    if unsaved:
        index = np.concatenate([batch.rows for batch in unsaved])
        store.add(rows.keys[index], np.concatenate([batch.results for batch in unsaved]))
        unsaved.clear()


def _load(store: RowStore, rows: IndexedRows, part: int, encoded: Encoded) -> Encoded:
    """The results for one part of the split, in the order of its rows (N, ...); zeros for absent rows."""
    index = np.flatnonzero(rows.array_index == part)
    array = _zeros((len(encoded.present), *store.shape))
    step = max(1, MAX_UNSAVED_BYTES // (array[:1].nbytes or 1))
    for start in range(0, len(index), step):
        chunk = index[start : start + step]
        array[rows.position[chunk]] = store.take(rows.keys[chunk])
    return Encoded(array, encoded.present)


def _zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros: in memory, or in a temporary file that is deleted with the array."""
    if np.prod(shape, dtype=np.int64) * 4 <= MAX_MEMORY:
        return np.zeros(shape, np.float32)
    with TemporaryFile(dir=cache.folder("frozen")) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


def _drop_oldest(loaded: dict[str, tuple[Sequence[Encoded], list[Encoded]]], newest: str) -> None:
    """Drops the oldest results from memory; their store still has them."""
    sizes = {key: sum(part.array.nbytes for part in parts) for key, (_, parts) in loaded.items()}
    for key in sizes:
        if key != newest and sum(sizes[other] for other in loaded) > 2 * MAX_MEMORY:
            del loaded[key]
