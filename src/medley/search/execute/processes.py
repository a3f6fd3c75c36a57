"""Workers that are processes of this machine, one thread each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any, final

from medley.search.execute.arrays import ArrayFolder
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.messages import MAX_LOSSES, finished, hear, interrupted, lost
from medley.search.execute.shared_folder import EXECUTION
from medley.search.execute.task import TaskWriter, seconds_left
from medley.search.search_spec import SearchSpec

POLL_SECONDS = 0.2
"""Seconds that `poll` waits for a message."""

END_SECONDS = 5.0
"""Seconds that workers have to end by themselves."""

_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(eq=False)
class _Worker:
    """A process, and the trials that it runs, by number."""

    process: subprocess.Popen[bytes]
    trials: dict[int, PendingTrial] = field(default_factory=dict)

    def send(self, content: dict[str, Any]) -> None:
        """Sends a line; the end of a process is noticed where its messages are read."""
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):
            self.process.stdin.write(json.dumps(content).encode() + b"\n")
            self.process.stdin.flush()

    def end(self) -> None:
        """Tells the process that there are no more trials."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()


@final
class Processes(Executor):
    """Runs trials in processes of this machine. A process that dies is replaced, and its trial continued.

    Processes are started anew, not forked, so that threads and devices of this one do not matter. They speak over their
    standard input and output, so they notice at once when the search ends, and it when they do. Encoded rows are files
    that all of them map; checkpoints and models are written to the project.

    Args:
        workers: number of processes; None starts one per CPU core.
        lanes: number of trials that each of them runs at a time; with several, those whose networks have the same
            structure are trained together, as by `Stacked`.
        trials: number of trials among which the time of compiling is divided; None for `lanes`.
    """

    encodes = True

    def __init__(self, workers: int | None = None, lanes: int = 1, trials: int | None = None) -> None:
        self.lanes = lanes
        self._trials_expected = trials or lanes
        self._count = workers or os.cpu_count() or 1
        self.workers = self._count * lanes
        self._processes: list[_Worker] = []
        self._waiting: deque[tuple[PendingTrial, dict[str, Any]]] = deque()
        self._contents: dict[int, dict[str, Any]] = {}
        self._losses: dict[int, int] = {}
        self._cancelled: list[TrialOutcome] = []
        self._messages: Queue[tuple[_Worker, dict[str, Any] | None]] = Queue()

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes."""
        return [worker.process.pid for worker in self._processes]

    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        self._writer = TaskWriter(search_spec)
        self._folder = folder.absolute() / EXECUTION
        shutil.rmtree(self._folder, ignore_errors=True)
        self._arrays = ArrayFolder(self._folder / "arrays")
        for _ in range(self._count):
            self._start()

    def submit(self, trial: PendingTrial) -> None:
        content = self._writer.content(trial)
        self._arrays.write(self._writer.names.arrays)
        self._waiting.append((trial, content))

    def poll(self) -> list[TrialOutcome]:
        self._assign()  # all trials that were submitted by now, so that those of a process begin together
        outcomes, self._cancelled = self._cancelled, []
        for worker, message in self._next_messages():
            if message is None:
                outcomes += self._give_on(worker)
            elif (trial := worker.trials.get(message["number"])) is None:
                continue
            elif message["kind"] == "result":
                del worker.trials[trial.number]
                result = finished(trial, message["result"])
                outcomes.append(TrialOutcome(trial.number, result, folder=self._model(trial)))
            else:
                reason = hear(trial, message)
                if message["kind"] == "record":
                    worker.send({"kind": "answer", "number": trial.number, "reason": reason})
        return outcomes

    def cancel(self, number: int) -> None:
        for worker in self._processes:
            if number in worker.trials:
                worker.send({"kind": "cancel", "number": number})
        for entry in [entry for entry in self._waiting if entry[0].number == number]:
            self._waiting.remove(entry)
            self._cancelled.append(TrialOutcome(number, interrupted(entry[0])))

    def close(self) -> None:
        workers, self._processes = self._processes, []
        for worker in workers:
            worker.end()
        for worker in workers:
            try:
                worker.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._waiting.clear()
        if workers:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        environment = {**os.environ, **dict.fromkeys(_THREAD_LIMITS, "1")}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        command = [sys.executable, "-m", "medley.search.execute.process_worker"]
        command += [str(self.lanes), str(self._trials_expected)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        worker = _Worker(process)
        self._processes.append(worker)
        threading.Thread(target=self._listen, args=[worker], daemon=True).start()

    def _listen(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        with worker.process.stdout as lines:
            for line in lines:
                with suppress(ValueError):  # the half of a line, of a process that was killed
                    self._messages.put((worker, json.loads(line)))
        self._messages.put((worker, None))

    def _next_messages(self) -> Iterator[tuple[_Worker, dict[str, Any] | None]]:
        with suppress(Empty):
            yield self._messages.get(timeout=POLL_SECONDS)
            while True:
                yield self._messages.get_nowait()

    def _assign(self) -> None:
        for _ in range(min(len(self._waiting), self._count - len(self._processes))):  # in place of those that died
            self._start()
        tasks: dict[_Worker, list[dict[str, Any]]] = {}
        while self._waiting and (free := self._free_workers()):
            trial, content = self._waiting.popleft()
            worker = min(free, key=lambda worker: len(worker.trials))
            worker.trials[trial.number] = trial
            self._contents[trial.number] = content
            tasks.setdefault(worker, []).append(
                {
                    "number": trial.number,
                    "content": content,
                    "arrays": str(self._arrays.folder),
                    "checkpoints": str(trial.checkpoints.folder),
                    "model": str(self._model(trial)),
                    "seconds": seconds_left(trial),
                }
            )
        for worker, contents in tasks.items():
            worker.send({"kind": "tasks", "tasks": contents})

    def _free_workers(self) -> list[_Worker]:
        return [w for w in self._processes if len(w.trials) < self.lanes and w.process.poll() is None]

    def _give_on(self, worker: _Worker) -> list[TrialOutcome]:
        """Gives the trials of a process that has ended to others, except those that end every process."""
        if worker not in self._processes:
            return []
        self._processes.remove(worker)
        worker.end()
        code = worker.process.wait()
        outcomes = []
        for number, trial in reversed(worker.trials.items()):
            self._losses[number] = self._losses.get(number, 0) + 1
            if self._losses[number] >= MAX_LOSSES:
                outcomes.append(TrialOutcome(number, lost(trial, MAX_LOSSES, f"exit code {code}")))
                continue
            trial.hooks.log(f"trial {number}: its process ended with exit code {code}; another one continues it")
            self._waiting.appendleft((trial, self._contents[number]))
        return outcomes

    def _model(self, trial: PendingTrial) -> Path:
        return self._folder / "models" / str(trial.number)
