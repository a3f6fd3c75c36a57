"""Workers that are tasks of a Ray cluster."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, final

import numpy as np

from medley.core.arguments import check_whole_number
from medley.errors import ConfigError, ErrorCollector, MissingDependencyError
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.messages import MAX_LOSSES, finished, hear, lost
from medley.search.execute.packing import pack, unpack
from medley.search.execute.ray_worker import Mailbox, remove_arrays, run_trial
from medley.search.execute.shared_folder import EXECUTION
from medley.search.execute.task import TaskWriter, seconds_left
from medley.search.search_spec import SearchSpec

POLL_SECONDS = 0.2
"""Seconds that `poll` waits for messages."""


@dataclass
class _Attempt:
    """A trial that is a task of Ray.

    Args:
        trial: the trial.
        content: as JSON.
        number: of the attempt, from 0.
        references: to the result, and to those of further processes that train the network together with this one.
        group: the resources of these processes, or None.
        is_begun: whether a node runs it.
    """

    trial: PendingTrial
    content: dict[str, Any] = field(repr=False)
    number: int = 0
    references: list[Any] = field(default_factory=list)
    group: Any = None
    is_begun: bool = False

    @property
    def key(self) -> str:
        """Of the attempt in the mailbox."""
        return f"{self.trial.number}-{self.number}"


@final
class Ray(Executor):
    """Runs trials as tasks of Ray, on one machine or on the nodes of a cluster. Needs `medley[ray]`.

    The cluster is the one that this process is connected to (`ray.init`), or that `RAY_ADDRESS` names; without either,
    Ray is started on this machine. The nodes need medley, and no shared folder: arrays go through Ray's object store,
    once per node; checkpoints and models are sent to the search. A trial whose node is lost continues on another one.

    Args:
        workers: number of trials that run at the same time; None is the number of CPU cores of the cluster, divided by
            `ranks`.
        resources: of each process, as options of a Ray task: `{"num_cpus": 1, "num_gpus": 0.5}`. Default: one core, and
            one GPU if the models are trained on one.
        ranks: number of processes that train each network together, on one or several nodes (data parallel).

    Raises:
        ConfigError: a number is not a positive integer; all errors are reported.
    """

    encodes = True

    def __init__(self, workers: int | None = None, resources: Mapping[str, Any] | None = None, ranks: int = 1) -> None:
        errors = ErrorCollector()
        check_whole_number(errors, workers, "workers")
        check_whole_number(errors, ranks, "ranks")
        errors.raise_if_any(ConfigError)
        self._requested = workers
        self.workers = workers or 1
        self.ranks = ranks
        self._resources = resources
        self._attempts: dict[int, _Attempt] = {}
        self._references: dict[str, list[Any]] = {}
        self._token = token_hex(8)
        self._ray: Any = None
        self._is_ours = False

    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        self._writer = TaskWriter(search_spec)
        self._folder = folder.absolute() / EXECUTION
        shutil.rmtree(self._folder, ignore_errors=True)
        self._ray = ray = _imported()
        if not ray.is_initialized():
            self._is_ours = True
            if "RAY_ADDRESS" in os.environ:
                ray.init(log_to_driver=False, logging_level=logging.WARNING)
            else:
                options = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.WARNING}
                ray.init(num_cpus=None if self._requested is None else self._requested * self.ranks, **options)
        self.workers = self._requested or max(int(ray.cluster_resources().get("CPU", 1)) // self.ranks, 1)
        gpus = 1 if search_spec.data.device.type == "cuda" else 0
        self._resources = self._resources or {"num_cpus": 1, "num_gpus": gpus}
        self._run = ray.remote(max_retries=0, **self._resources)(run_trial)
        # It lives as long as the search, so it runs beside it.
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        options = {"num_cpus": 0, "max_concurrency": 10_000, "scheduling_strategy": here}
        self._mailbox = ray.remote(Mailbox).options(**options).remote()

    def submit(self, trial: PendingTrial) -> None:
        content = self._writer.content(trial)
        for name, array in self._writer.names.arrays.items():
            if name not in self._references:
                self._references[name] = [self._ray.put(np.asarray(array))]
        self._attempts[trial.number] = _Attempt(trial, content)
        self._start(self._attempts[trial.number])

    def poll(self) -> list[TrialOutcome]:
        ray = self._ray
        references = [reference for attempt in self._attempts.values() for reference in attempt.references]
        mail = self._mailbox.take.remote(POLL_SECONDS)
        ray.wait([mail, *references], fetch_local=False)  # for whichever comes first
        done: list[Any] = []
        if references:
            done, _ = ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
        if done:  # what they have reported is in the mailbox
            self._mailbox.wake.remote()
        for key, message in ray.get(mail):
            self._hear(key, message)
        outcomes = []
        for attempt in list(self._attempts.values()):
            left = seconds_left(attempt.trial)
            if not attempt.is_begun and left is not None and left < 0:
                outcomes.append(self._end(attempt, "no node had room for it before the time limit"))
            elif ended := [reference for reference in attempt.references if reference in done]:
                outcomes += self._outcome(attempt, ended)
        return outcomes

    def cancel(self, number: int) -> None:
        if number in self._attempts:
            self._mailbox.cancel.remote(self._attempts[number].key)

    def close(self) -> None:
        ray, self._ray = self._ray, None
        if ray is None:
            return
        attempts, self._attempts = self._attempts, {}
        if ray.is_initialized():
            for attempt in attempts.values():
                _release(ray, attempt)
            self._clean(ray)
            ray.kill(self._mailbox)
        if self._is_ours:
            ray.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, attempt: _Attempt) -> None:
        folder = attempt.trial.checkpoints.folder
        checkpoints = {} if folder is None else pack(folder)
        names = _names(attempt.content)
        references = {name: reference for name, reference in self._references.items() if name in names}
        left = seconds_left(attempt.trial)
        deadline = None if left is None else time.time() + left
        arguments = (attempt.content, references, checkpoints, deadline, self._mailbox, attempt.key, self._token)
        runs = [self._run]
        if self.ranks > 1:  # together or not at all, or two trials would wait for each other's second half
            attempt.group = self._ray.util.placement_group([_bundle(self._resources or {})] * self.ranks)
            place = self._ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy
            strategies = [place(attempt.group, placement_group_bundle_index=rank) for rank in range(self.ranks)]
            runs = [self._run.options(scheduling_strategy=strategy) for strategy in strategies]
        attempt.references = [run.remote(*arguments, rank, self.ranks) for rank, run in enumerate(runs)]

    def _hear(self, key: str, message: Mapping[str, Any]) -> None:
        attempt = next((attempt for attempt in self._attempts.values() if attempt.key == key), None)
        if attempt is None:  # of a node that was thought to be lost
            return
        attempt.is_begun = True
        if message["kind"] == "checkpoint":
            folder = attempt.trial.checkpoints.folder
            if folder is not None:
                unpack(message["files"], folder)
            return
        reason = hear(attempt.trial, message)
        if message["kind"] == "record":
            self._mailbox.answer.remote(key, reason)

    def _outcome(self, attempt: _Attempt, ended: list[Any]) -> list[TrialOutcome]:
        """The outcome of a trial of which processes have ended, if it has ended."""
        trial = attempt.trial
        try:
            results = {reference: self._ray.get(reference) for reference in ended}
        except self._ray.exceptions.RayError as error:
            if attempt.number + 1 >= MAX_LOSSES:
                lost(trial, MAX_LOSSES, _first_line(error))
                return [self._end(attempt)]
            _release(self._ray, attempt)
            attempt.number += 1
            attempt.is_begun = False
            trial.hooks.log(f"trial {trial.number}: {_first_line(error)}; another worker continues it")
            self._start(attempt)
            return []
        first = attempt.references[0]
        attempt.references = [reference for reference in attempt.references if reference not in results]
        if first not in results:
            return []
        result, model = results[first]
        _release(self._ray, attempt)
        del self._attempts[trial.number]
        folder = self._folder / "models" / attempt.key
        unpack(model, folder)
        return [TrialOutcome(trial.number, finished(trial, result), folder=folder if model else None)]

    def _end(self, attempt: _Attempt, reason: str | None = None) -> TrialOutcome:
        """Gives a trial up."""
        _release(self._ray, attempt)
        trial = self._attempts.pop(attempt.trial.number).trial
        trial.result.reason = reason or trial.result.reason
        return TrialOutcome(trial.number, trial.result)

    def _clean(self, ray: Any) -> None:
        """Removes the arrays from every node that is alive."""
        affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        remove = ray.remote(remove_arrays)
        removals = [
            remove.options(num_cpus=0, max_retries=0, scheduling_strategy=affinity(node["NodeID"], soft=False)).remote(
                self._token
            )
            for node in ray.nodes()
            if node["Alive"]
        ]
        ray.wait(removals, num_returns=len(removals), timeout=10)


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.util.scheduling_strategies
    except ModuleNotFoundError as error:
        raise MissingDependencyError("The executor 'ray' needs Ray.", package="ray", extra="ray") from error
    return ray


def _bundle(resources: Mapping[str, Any]) -> dict[str, float]:
    """The options of a task as a bundle of a placement group.

    >>> _bundle({"num_cpus": 2, "num_gpus": 0, "resources": {"fast": 1}})
    {'CPU': 2, 'fast': 1}
    """
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    amounts = {names[name]: amount for name, amount in resources.items() if name in names}
    amounts |= resources.get("resources") or {}
    return {name: amount for name, amount in amounts.items() if amount}


def _release(ray: Any, attempt: _Attempt) -> None:
    """Ends the processes of an attempt that still run, and frees what was reserved for them."""
    for reference in attempt.references:
        ray.cancel(reference, force=True)
    if attempt.group is not None:
        ray.util.remove_placement_group(attempt.group)
    attempt.references, attempt.group = [], None


def _names(content: Mapping[str, Any]) -> set[str]:
    """The names of the arrays that a task may refer to: all its texts."""
    names: set[str] = set()
    waiting: list[Any] = [content[key] for key in ("sources", "targets", "parts", "stream")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            names.add(value)
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return names


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(": ")
