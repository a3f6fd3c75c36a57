"""Micro-batching: requests of several clients are predicted together, in the order in which they came."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from medley.serve.loaded import Loaded, Predicted
from medley.serve.logs import log
from medley.serve.refusal import Refusal
from medley.serve.rows import Options, Rows
from medley.serve.settings import Batching

_EXACT = 2**53
"""Whole numbers beyond are not exact as floats, which a column becomes where another row lacks its cell."""


@dataclass
class Job:
    """A request that waits.

    Args:
        model: the version that its rows were checked for.
        rows: at least one.
        options: of the request.
        result: is set once it is predicted.
        arrived: by `time.monotonic`.
    """

    model: Loaded
    rows: Rows
    options: Options
    result: asyncio.Future[Predicted]
    arrived: float = field(default_factory=time.monotonic)


class Batcher:
    """Predicts the requests for a model: one batch at a time, in a thread of its own.

    Args:
        batching: sizes and waiting time.
        observe: is called with the number of rows of each batch.
    """

    def __init__(self, batching: Batching, observe: Callable[[int], None] = lambda rows: None) -> None:
        self.batching = batching
        self._observe = observe
        self._jobs: deque[Job] = deque()
        self._arriving = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = _new_thread()
        self._seconds_per_row = 0.001

    @property
    def waiting_rows(self) -> int:
        """The number of rows that wait."""
        return sum(len(job.rows) for job in self._jobs)

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """While a request is read: a batch that is not full waits for it a little."""
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1
            self._changed.set()

    async def submit(self, model: Loaded, rows: Rows, options: Options, seconds: float) -> Predicted:
        """Predicts the rows of a request.

        Args:
            model: the version that the rows were checked for.
            rows: as `rows.checked_rows` returns them.
            options: of the request.
            seconds: how long the client waits.

        Raises:
            Refusal: the rows cannot be predicted, too many others wait, or there is no result in time.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a host that runs the application again: nobody waits for the old loop any more
            self._loop, self._changed, self._task = loop, asyncio.Event(), None
            self._jobs.clear()
        waiting = self.waiting_rows
        if self._jobs and waiting + len(rows) > self.batching.queue:
            after = max(1, math.ceil(waiting * self._seconds_per_row))
            raise Refusal(503, f"{waiting:,} rows are waiting already; try again later.", retry_after=after)
        job = Job(model, rows, options, loop.create_future())
        self._jobs.append(job)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        late = Refusal(504, f"There is no result after {seconds:g} seconds; send fewer rows at once.")
        timer = loop.call_later(seconds, lambda: None if job.result.done() else job.result.set_exception(late))
        try:
            return await job.result
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Finishes what was taken."""
        while self._jobs or (self._task is not None and not self._task.done()):
            await asyncio.sleep(0.005)
        self._thread.shutdown()
        self._thread = _new_thread()  # for a host that runs the application again; it starts with the first batch

    async def run(self, function: Callable[[], Any]) -> Any:
        """Runs a function in the thread of the batches, so that it does not compete with them."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _work(self) -> None:
        while self._jobs:
            await self._wait_for_more()
            jobs = self._next_jobs()
            if not jobs:
                continue
            size = sum(len(job.rows) for job in jobs)
            self._observe(size)
            start = time.perf_counter()
            results = await self.run(lambda jobs=jobs: predict_jobs(jobs))
            self._seconds_per_row += 0.2 * ((time.perf_counter() - start) / max(size, 1) - self._seconds_per_row)
            for job, result in zip(jobs, results, strict=True):
                if job.result.done():  # its client has gone, or has waited too long
                    continue
                if isinstance(result, Predicted):
                    job.result.set_result(result)
                else:
                    job.result.set_exception(result)

    async def _wait_for_more(self) -> None:
        end = time.monotonic() + self.batching.milliseconds / 1000
        while self._arriving and self.waiting_rows < self.batching.rows:
            left = end - time.monotonic()
            if left <= 0:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return

    def _next_jobs(self) -> list[Job]:
        """The jobs of the next batch: the first, and those after it that fit."""
        jobs: list[Job] = []
        rows = 0
        while self._jobs and (not jobs or rows + len(self._jobs[0].rows) <= self.batching.rows):
            job = self._jobs.popleft()
            if not job.result.done():
                jobs.append(job)
                rows += len(job.rows)
        return jobs


def _new_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="medley-serve")


def predict_jobs(jobs: Sequence[Job]) -> list[Predicted | Exception]:
    """The result of each job, or the exception that it ends with."""
    results: list[Predicted | Exception] = [Refusal(500, "There is no result.")] * len(jobs)
    for places in groups_of(jobs):
        for place, outcome in zip(places, _predict_group([jobs[place] for place in places]), strict=True):
            results[place] = outcome
    return results


def _predict_group(group: Sequence[Job]) -> Sequence[Predicted | Exception]:
    try:
        return group[0].model.predict_all([(job.rows, job.options) for job in group])
    except Exception as error:  # a defect: it must neither end the server nor leave a client waiting
        if len(group) > 1:
            return [result for job in group for result in _predict_group([job])]
        log("prediction failed", level=logging.ERROR, error=error, model=group[0].model.name)
        return [Refusal(500, "The prediction failed; the log of the server says why.")]


def groups_of(jobs: Sequence[Job]) -> list[list[int]]:
    """Positions of jobs that can be one table: of the same version of a model, with the same types in every column.

    The type of a column decides how its cells are read: one text among numbers makes all of them texts. What a request
    gets must not depend on others, so those of other types go into another table.
    """
    groups: list[tuple[Loaded, dict[str, str], list[int]]] = []
    for place, job in enumerate(jobs):
        types = column_types(job.rows)
        for model, group_types, places in groups:
            if model is job.model and all(
                group_types.get(name, kind) == kind != "mixed" for name, kind in types.items()
            ):
                group_types.update(types)
                places.append(place)
                break
        else:
            groups.append((job.model, types, [place]))
    return [places for _, _, places in groups]


def column_types(rows: Rows) -> dict[str, str]:
    """Column -> the type of its cells; columns without any cell are left out.

    >>> column_types([{"age": 3, "kind": None}, {"age": 2.5, "kind": "dog"}])
    {'age': 'number', 'kind': 'str'}
    """
    types: dict[str, str] = {}
    for row in rows:
        for name, cell in row.items():
            if cell is None:
                continue
            kind = type(cell).__name__
            if kind in ("int", "float"):
                kind = "number" if abs(cell) <= _EXACT else "mixed"
            if types.setdefault(name, kind) != kind:
                types[name] = "mixed"
    return types
