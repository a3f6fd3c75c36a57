"""Cached results of frozen parts: computed once per row, for all epochs, trials, tasks and runs."""

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
from medley.search.frozen_pass import Pass, Passed, Pieces, present_rows
from medley.train.hooks import TrainingHooks

if TYPE_CHECKING:
    from torch import nn

    from medley.graph.network import Network, Step

IN_MEMORY = 2**30
"""Bytes of one part's results up to which they are held in memory; more are read from a file, batch by batch."""

WRITTEN, WAITED = 32 * 2**20, 30.0
"""Bytes of results, and seconds of work, that a run may lose if it is killed."""


@dataclass(frozen=True)
class FrozenResults:
    """Results of frozen parts for all rows.

    Args:
        by_key: a step's `cache_key` -> results for training rows, and for validation rows.
        unread: sources that nothing reads any more.
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
    """Training or validation rows, in which results take the place of sources that nothing else reads.

    Args:
        encoded: source name -> encoded rows of every part of the split.
        results: of frozen parts, for the same rows.
        part: 0 for training rows, 1 for validation rows.
        targets: head name -> encoded labels of that part.
        weight: its sample weights.
        device: where tensors are held.
        folds: the fold of each row, or None.
        loss_targets: as of `Rows`.
    """
    read = {**{name: parts for name, parts in encoded.items() if name not in results.unread}, **results.by_key}
    rows = Rows({name: parts[part] for name, parts in read.items()}, targets, weight, device, folds, loss_targets)
    for name in results.unread:  # its mask says which rows lack it, also where nothing reads the values
        mask = encoded[name][part].present
        rows.present[name] = None if mask.all() else mask
    return rows


@dataclass(frozen=True)
class _FrozenChain:
    """A chain of frozen parts, from a source on.

    Args:
        name: of the last.
        run: all of them.
        shape: of what they make of a row.
        about: their declarations as JSON; None where one has no registered name, so that no later run could know it.
        mark: a checksum of declarations, weights and what is read.
    """

    name: str
    run: Pass
    shape: tuple[int, ...]
    about: str | None
    mark: str


class FrozenRows:
    """Runs frozen parts once per distinct row and stores the results.

    A result is found by the content of the encoded row, under a checksum of the part's declaration and weights; parts
    run in float32. Results lie where `MEDLEY_CACHE` says (`medley.cache.folder`).

    Args:
        device: where parts run.

    Attributes:
        modules: the parts, for all networks.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.modules = FrozenModules()
        self._sums: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
        self._stores: dict[str, RowStore] = {}
        self._pieces: dict[int, tuple[Sequence[Encoded], Pieces]] = {}
        self._held: dict[str, tuple[Sequence[Encoded], list[Encoded]]] = {}
        self._told: set[str] = set()

    def results(
        self,
        network: Network,
        specs: Mapping[str, Spec],
        encoded: Mapping[str, Sequence[Encoded]],
        hooks: TrainingHooks,
    ) -> FrozenResults:
        """The results of a network's frozen parts, as far as nothing before them learns or changes rows.

        Args:
            network: on the device.
            specs: source name -> spec of its encoding.
            encoded: source name -> encoded rows: training, then validation.
            hooks: shows progress, takes notes, knows when time is over.
        """
        if not cache.is_on():
            return NO_RESULTS
        plan = FrozenPlan(network)
        for name, before in plan.uncacheable():
            self._say(
                f"{name} is frozen, but it reads {before}, which is trained or changes its rows, so it runs for every "
                "row in each epoch; called on the input itself it would run once per row.",
                hooks,
            )
        by_key: dict[str, Sequence[Encoded]] = {}
        keys = []
        for step in plan.cacheable():
            source = next(iter(step.sources))
            part = self._part(plan, step, specs[source])
            results = self._results(part, encoded[source], hooks)
            if results is not None:
                by_key[str(step.cache_key)] = results
                keys.append(f"{step.cache_key}: {part.mark} {id(encoded[source])}")
        return FrozenResults(by_key, plan.unread_sources(by_key), ", ".join(keys))

    def for_models(self) -> FrozenRows:
        """One for predictions: it knows the same results, and holds no rows."""
        other = FrozenRows(self.device)
        other.modules, other._sums, other._stores = self.modules, self._sums, self._stores
        return other

    def rows(
        self,
        network: Network,
        specs: Mapping[str, Spec],
        encoded: Mapping[str, Encoded],
        targets: Mapping[str, Encoded] | None,
        weight: RowWeights,
        loss_targets: Mapping[str, Encoded] | None = None,
    ) -> Rows:
        """Rows to predict from or to measure on, with what frozen parts make of them."""
        parts = {name: [rows] for name, rows in encoded.items()}
        results = self.results(network, specs, parts, TrainingHooks(score=lambda record: 0.0))
        self._pieces.clear()
        self._held.clear()
        return rows_with_results(parts, results, 0, targets, weight, self.device, loss_targets=loss_targets)

    def _say(self, line: str, hooks: TrainingHooks) -> None:
        if line not in self._told:
            self._told.add(line)
            hooks.log(line)

    def _part(self, plan: FrozenPlan, step: Step, spec: Spec) -> _FrozenChain:
        chain = plan.chain(step)
        blocks = [replace(one.block, name=None) for one in chain]
        try:
            about = json.dumps(to_json(blocks))
        except ArtifactError:
            about = None
        mark = cache.digest(about or repr(blocks), repr(spec), *(self._sum(one.module) for one in chain))
        cuts = chain[0].block.ignores_padding  # type: ignore[attr-defined]
        run = Pass(lambda rows: plan.output(step, rows), spec, self.device, cuts=cuts)
        return _FrozenChain(step.name, run, step.out.shape, about, mark)

    def _sum(self, module: nn.Module) -> str:
        if module not in self._sums:
            state = module.state_dict().items()
            self._sums[module] = cache.digest(*(cache.digest(name, str(one.dtype), _bytes(one)) for name, one in state))
        return self._sums[module]

    def _results(self, part: _FrozenChain, encoded: Sequence[Encoded], hooks: TrainingHooks) -> list[Encoded] | None:
        """The results in the rows' order; None where time is too short to compute them."""
        key = f"{part.mark} {id(encoded)}"
        if key not in self._held:
            rows = self._rows(encoded)
            store = self._store(part, rows, hooks)
            if self._too_large(store, part, rows, hooks) or not _fill(store, part, rows, hooks):
                return None
            self._held[key] = encoded, [_aligned(store, rows, number, one) for number, one in enumerate(encoded)]
            _forget(self._held, key)
        return self._held[key][1]

    def _too_large(self, store: RowStore, part: _FrozenChain, rows: Pieces, hooks: TrainingHooks) -> bool:
        size = 4 * int(np.prod(part.shape, dtype=np.int64))
        more = size * len(store.missing(rows.keys))
        room = 4 * IN_MEMORY if store.folder is None else shutil.disk_usage(store.folder).free // 2
        if more > room:
            self._say(
                f"{part.name}: its results for {len(rows.keys):,} rows would take {more / 2**30:.1f} GiB, too much to "
                "store, so it runs for every row in each epoch. A pooled result (pooling='mean') is smaller.",
                hooks,
            )
        return more > room

    def _rows(self, encoded: Sequence[Encoded]) -> Pieces:
        if id(encoded) not in self._pieces:  # kept beside them, so that no others get the same id
            self._pieces[id(encoded)] = encoded, present_rows(encoded)
            while len(self._pieces) > 8:
                del self._pieces[next(iter(self._pieces))]
        return self._pieces[id(encoded)][1]

    def _store(self, part: _FrozenChain, rows: Pieces, hooks: TrainingHooks) -> RowStore:
        if part.mark in self._stores:
            return self._stores[part.mark]
        folder = None if part.about is None else cache.folder("frozen", part.mark)
        store = RowStore(folder, part.shape)
        if folder is not None and not _is_up_to_date(store, part.run, rows):
            self._say(f"{folder} holds outdated results of {part.name}; they are computed again.", hooks)
            shutil.rmtree(folder, ignore_errors=True)
            store = RowStore(cache.folder("frozen", part.mark), part.shape)
        if store.folder is not None and part.about is not None:
            (store.folder / "about.json").write_text(part.about, encoding="utf-8")
        self._stores[part.mark] = store
        return store


def _bytes(tensor: torch.Tensor) -> np.ndarray:
    # As bytes, since NumPy has no bfloat16.
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def _is_up_to_date(store: RowStore, run: Pass, rows: Pieces) -> bool:
    """Whether a few rows still give the stored results: code may change while the weights do not."""
    known = np.flatnonzero(store.positions(rows.keys) >= 0)
    some = known[:: max(1, len(known) // 3)][:4]
    if not len(some):
        return True
    kept = store.take(rows.keys[some])
    # Devices round differently.
    return np.allclose(run.run(rows.take(some)), kept, rtol=1e-2, atol=1e-3 * max(1.0, float(np.abs(kept).max())))


def _fill(store: RowStore, part: _FrozenChain, rows: Pieces, hooks: TrainingHooks) -> bool:
    """Computes what is missing; False where that would take longer than there is time."""
    missing = store.missing(rows.keys)
    began, done, fresh = monotonic(), 0, list[Passed]()
    written = began
    try:
        for passed in part.run.over(rows, missing):
            fresh.append(passed)
            done += len(passed.rows)
            hooks.on_work(part.name, done, len(missing))
            if sum(one.results.nbytes for one in fresh) > WRITTEN or monotonic() - written > WAITED:
                _write(store, rows, fresh)
                written = monotonic()
            seconds = monotonic() - began
            if hooks.deadline is not None and seconds > 2 and began + seconds / passed.fraction > hooks.deadline:
                total = seconds / passed.fraction
                hooks.log(
                    f"{part.name}: running it once over {len(missing):,} rows would take {total:.0f} s, more than the "
                    "time left, so it runs batch by batch. Finished rows are stored for the next run."
                )
                return False
    finally:
        _write(store, rows, fresh)  # also what was done before a Ctrl-C
    return True


def _write(store: RowStore, rows: Pieces, fresh: list[Passed]) -> None:
    if fresh:
        index = np.concatenate([one.rows for one in fresh])
        store.add(rows.keys[index], np.concatenate([one.results for one in fresh]))
        fresh.clear()


def _aligned(store: RowStore, rows: Pieces, number: int, encoded: Encoded) -> Encoded:
    """Results in the order of a part's rows (N, ...), zeros where a row is absent."""
    here = np.flatnonzero(rows.part == number)
    array = _space((len(encoded.present), *store.shape))
    step = max(1, WRITTEN // (array[:1].nbytes or 1))
    for start in range(0, len(here), step):
        some = here[start : start + step]
        array[rows.row[some]] = store.take(rows.keys[some])
    return Encoded(array, encoded.present)


def _space(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros: in memory, or in a file that vanishes with the array."""
    if np.prod(shape, dtype=np.int64) * 4 <= IN_MEMORY:
        return np.zeros(shape, np.float32)
    with TemporaryFile(dir=cache.folder("frozen")) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)


def _forget(held: dict[str, tuple[Sequence[Encoded], list[Encoded]]], newest: str) -> None:
    """Lets the oldest results go: they are in their store."""
    sizes = {key: sum(one.array.nbytes for one in found) for key, (_, found) in held.items()}
    for key in sizes:
        if key != newest and sum(sizes[one] for one in held) > 2 * IN_MEMORY:
            del held[key]
