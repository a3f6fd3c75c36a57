"""Workers that are tasks of a Ray cluster."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, final

import numpy as np

from medley.errors import MissingDependencyError
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.messages import MAX_LOSSES, finished, hear, lost
from medley.search.execute.packing import pack, unpack
from medley.search.execute.ray_worker import Mailbox, remove_arrays, run_trial
from medley.search.execute.shared_folder import EXECUTION
from medley.search.execute.task import TaskWriter, seconds_left
from medley.search.trial import SearchSpec

POLL_SECONDS = 0.2
"""Seconds that `poll` waits for messages."""


@dataclass
class _Attempt:
    """A trial that is a task of Ray.

    Args:
        trial: the trial.
        content: as JSON.
        number: of the attempt, from 0.
        reference: to the result.
    """

    trial: PendingTrial
    content: dict[str, Any] = field(repr=False)
    number: int = 0
    reference: Any = None

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
        workers: number of trials that run at the same time; None is the number of CPU cores of the cluster.
        resources: of each trial, as options of a Ray task: `{"num_cpus": 1, "num_gpus": 0.5}`. Default: one core, and
            one GPU if the models are trained on one.
    """

    def __init__(self, workers: int | None = None, resources: Mapping[str, Any] | None = None) -> None:
        self._requested = workers
        self.workers = workers or 1
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
                ray.init(num_cpus=self._requested, **options)
        self.workers = self._requested or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        gpus = 1 if search_spec.data.device.type == "cuda" else 0
        self._run = ray.remote(run_trial).options(
            max_retries=0, **(self._resources or {"num_cpus": 1, "num_gpus": gpus})
        )
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
        references = {attempt.reference: attempt for attempt in self._attempts.values()}
        done: list[Any] = []
        if references:
            done, _ = ray.wait(list(references), num_returns=len(references), timeout=0, fetch_local=False)
        for key, message in ray.get(self._mailbox.take.remote(0 if done else POLL_SECONDS)):
            self._hear(key, message)
        outcomes = []
        for reference in done:
            outcomes += self._outcome(references[reference])
        return outcomes

    def cancel(self, number: int) -> None:
        if number in self._attempts:
            self._mailbox.cancel.remote(self._attempts[number].key)

    def close(self) -> None:
        ray, self._ray = self._ray, None
        if ray is None:
            return
        for attempt in self._attempts.values():
            ray.cancel(attempt.reference, force=True)
        self._attempts = {}
        if ray.is_initialized():
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
        seconds = seconds_left(attempt.trial)
        attempt.reference = self._run.remote(
            attempt.content, references, checkpoints, seconds, self._mailbox, attempt.key, self._token
        )

    def _hear(self, key: str, message: Mapping[str, Any]) -> None:
        attempt = next((attempt for attempt in self._attempts.values() if attempt.key == key), None)
        if attempt is None:  # of a node that was thought to be lost
            return
        if message["kind"] == "checkpoint":
            folder = attempt.trial.checkpoints.folder
            if folder is not None:
                unpack(message["files"], folder)
            return
        reason = hear(attempt.trial, message)
        if message["kind"] == "record":
            self._mailbox.answer.remote(key, reason)

    def _outcome(self, attempt: _Attempt) -> list[TrialOutcome]:
        trial = attempt.trial
        try:
            result, model = self._ray.get(attempt.reference)
        except self._ray.exceptions.RayError as error:
            attempt.number += 1
            if attempt.number >= MAX_LOSSES:
                del self._attempts[trial.number]
                return [TrialOutcome(trial.number, lost(trial, attempt.number, _first_line(error)))]
            trial.hooks.log(f"trial {trial.number}: {_first_line(error)}; another worker continues it")
            self._start(attempt)
            return []
        del self._attempts[trial.number]
        folder = self._folder / "models" / attempt.key
        unpack(model, folder)
        return [TrialOutcome(trial.number, finished(trial, result), folder=folder if model else None)]

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


def _names(content: Mapping[str, Any]) -> set[str]:
    """The names of the arrays that a task may refer to: all its texts."""
    names: set[str] = set()
    waiting: list[Any] = [content["sources"], content["targets"], content["parts"]]
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
