"""Workers on any machines that share a folder with the search: `medley worker PROJECT`."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from medley.core.serialization import header
from medley.errors import warn
from medley.search.execute.arrays import ArrayFolder
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.messages import MAX_LOSSES, finished, hear, interrupted, lost
from medley.search.execute.shared_folder import SharedFolder, beat, beat_of, move, read_json_file, write_json
from medley.search.execute.task import TaskWriter, seconds_left
from medley.search.search_spec import SearchSpec

POLL_SECONDS = 0.1
"""Seconds between two looks at the folder."""

BEAT_SECONDS = 3.0
"""Seconds between two beats of a worker, and of the search."""

EXPIRY_BEATS = 10
"""Beats that a worker may miss before its trial is given to another."""


@dataclass
class _Attempt:
    """A trial that waits for a worker, or that one of them runs.

    Args:
        trial: the trial.
        content: as JSON.
        number: of the attempt, from 0.
        is_claimed: whether a worker has taken it.
        heard: bytes of messages that were read.
        last_beat: of its worker.
        missed: beats that its worker has missed.
    """

    trial: PendingTrial
    content: dict[str, Any] = field(repr=False)
    number: int = 0
    losses: int = 0
    is_claimed: bool = False
    heard: int = 0
    last_beat: int | None = None
    missed: int = 0

    @property
    def name(self) -> str:
        """Of the attempt's files."""
        return f"{self.trial.number}-{self.number}"


@final
class Files(Executor):
    """Hands trials to workers through the project's folder, which may lie on a network file system.

    Workers are started by hand, or by the queue of a cluster, and need nothing but that folder. They may come and go: a
    trial whose worker falls silent is given to another, which continues it from its last checkpoint. Trials are pruned
    when the search has heard of their last epochs, which may be an epoch later than in one process.

    Args:
        workers: number of trials that are handed out at a time; as many as workers will be started.
    """

    encodes = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._attempts: dict[int, _Attempt] = {}
        self._outcomes: list[TrialOutcome] = []
        self._beat_due = 0.0

    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        self._writer = TaskWriter(search_spec)
        self._shared = SharedFolder(folder.absolute())
        shutil.rmtree(self._shared.path, ignore_errors=True)  # of a search that was killed
        self._shared.make()
        self._arrays = ArrayFolder(self._shared.arrays)
        write_json(self._shared.search, {**header(), "beat_seconds": BEAT_SECONDS, "expiry_beats": EXPIRY_BEATS})
        self._has_worker = False

    def submit(self, trial: PendingTrial) -> None:
        content = self._writer.content(trial)
        self._arrays.write(self._writer.names.arrays)
        if not self._attempts and not self._has_worker:
            trial.hooks.log(f"waiting for workers; start them with: medley worker {self._shared.path.parent}")
        self._attempts[trial.number] = _Attempt(trial, content)
        self._offer(self._attempts[trial.number])

    def poll(self) -> list[TrialOutcome]:
        time.sleep(POLL_SECONDS)
        has_beat = time.monotonic() >= self._beat_due
        if has_beat:
            self._beat_due = time.monotonic() + BEAT_SECONDS
            beat(self._shared.search)
        for attempt in list(self._attempts.values()):
            self._hear(attempt)
            result = read_json_file(self._shared.result(attempt.name))
            if result is not None:
                self._hear(attempt)  # what came between the two looks
                self._finish(attempt, result)
            elif has_beat:
                self._watch(attempt)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def cancel(self, number: int) -> None:
        attempt = self._attempts.get(number)
        if attempt is None:
            return
        if self._withdraw(attempt):
            self._end(attempt, TrialOutcome(number, interrupted(attempt.trial)))
        elif not self._shared.stop(attempt.name).exists():
            write_json(self._shared.stop(attempt.name), {"reason": None, "is_cancelled": True})

    def close(self) -> None:
        self._attempts = {}
        if hasattr(self, "_shared"):
            shutil.rmtree(self._shared.path, ignore_errors=True)  # which tells the workers that the search has ended

    def _offer(self, attempt: _Attempt) -> None:
        left = seconds_left(attempt.trial)
        deadline = None if left is None else time.time() + left
        keeps_checkpoints = attempt.trial.checkpoints.folder is not None
        task = {"content": attempt.content, "deadline": deadline, "keeps_checkpoints": keeps_checkpoints}
        write_json(self._shared.task(attempt.name), task)

    def _hear(self, attempt: _Attempt) -> None:
        """Passes on what a worker has reported since the last time, line by line."""
        try:
            with self._shared.messages(attempt.name).open("rb") as file:
                file.seek(attempt.heard)
                content = file.read()
        except OSError:
            return
        complete = content[: content.rfind(b"\n") + 1]
        attempt.heard += len(complete)
        for line in complete.splitlines():
            reason = hear(attempt.trial, json.loads(line))
            if reason is not None and not self._shared.stop(attempt.name).exists():
                write_json(self._shared.stop(attempt.name), {"reason": reason, "is_cancelled": False})

    def _finish(self, attempt: _Attempt, result: dict[str, Any]) -> None:
        trial = attempt.trial
        try:
            outcome = TrialOutcome(trial.number, finished(trial, result), folder=self._shared.model(attempt.name))
        except (KeyError, TypeError, ValueError) as error:
            warn(f"The result of trial {trial.number} is damaged: {error!r}")
            self._give_on(attempt, "its result is damaged")
            return
        self._end(attempt, outcome)

    def _end(self, attempt: _Attempt, outcome: TrialOutcome) -> None:
        self._outcomes.append(outcome)
        del self._attempts[attempt.trial.number]
        for path in (self._shared.claim, self._shared.messages, self._shared.stop, self._shared.result):
            path(attempt.name).unlink(missing_ok=True)

    def _watch(self, attempt: _Attempt) -> None:
        """Looks after the worker of an attempt, and gives the trial to another where it has fallen silent."""
        last_beat = beat_of(self._shared.claim(attempt.name))
        if last_beat is not None and last_beat != attempt.last_beat:
            attempt.last_beat, attempt.missed, attempt.is_claimed, self._has_worker = last_beat, 0, True, True
            return
        if not attempt.is_claimed and self._shared.task(attempt.name).exists():
            left = seconds_left(attempt.trial)
            if left is not None and left < 0 and self._withdraw(attempt):
                attempt.trial.result.reason = "no worker took it before the time limit"
                self._end(attempt, TrialOutcome(attempt.trial.number, attempt.trial.result))
            return
        attempt.missed += 1
        if last_beat is None and attempt.missed >= 2:  # its worker was asked to end, and has handed it back
            self._give_on(attempt, "its worker has ended", is_loss=False)
        elif attempt.missed >= EXPIRY_BEATS:
            self._give_on(attempt, "its worker is silent")

    def _give_on(self, attempt: _Attempt, reason: str, *, is_loss: bool = True) -> None:
        trial = attempt.trial
        attempt.losses += is_loss
        if attempt.losses >= MAX_LOSSES:
            self._end(attempt, TrialOutcome(trial.number, lost(trial, MAX_LOSSES, reason)))
            return
        trial.hooks.log(f"trial {trial.number}: {reason}; another one continues it")
        for path in (self._shared.claim, self._shared.messages, self._shared.stop, self._shared.result):
            path(attempt.name).unlink(missing_ok=True)  # a worker that comes back sees that it has lost its claim
        shutil.rmtree(self._shared.model(attempt.name), ignore_errors=True)
        attempt.number += 1
        attempt.heard, attempt.last_beat, attempt.missed, attempt.is_claimed = 0, None, 0, False
        self._offer(attempt)

    def _withdraw(self, attempt: _Attempt) -> bool:
        """Takes a task back that no worker has claimed; returns whether it was there."""
        withdrawn = self._shared.path / f"withdrawn-{attempt.name}.json"
        if not move(self._shared.task(attempt.name), withdrawn):
            return False
        withdrawn.unlink(missing_ok=True)
        return True
