"""The executor for a caller's `executor=` and `workers=` arguments."""

from __future__ import annotations

from typing import Any

from medley.core.arguments import check_whole_number
from medley.errors import ConfigError, ErrorCollector, did_you_mean
from medley.search.execute.executor import Executor
from medley.search.execute.files import Files
from medley.search.execute.processes import Processes
from medley.search.execute.serial import Serial
from medley.search.execute.stacked import LANES, Stacked

EXECUTORS = ("serial", "stacked", "processes", "files", "ray")


def resolve_executor(executor: str | Executor | None = None, workers: int | None = None) -> Executor | None:
    """The executor for a caller's arguments.

    Args:
        executor: a name or an `Executor`; None lets the search choose (`automatic_executor`).
        workers: number of trials that run at the same time; None lets the executor choose.

    Returns:
        The executor, or None if the search chooses.

    Raises:
        ConfigError: an argument is invalid, or the executor has no workers of its own; all errors are reported.

    >>> resolve_executor() is None, resolve_executor("processes", 2).workers
    (True, 2)
    >>> resolve_executor("proceses")
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: executor must be one of ... Did you mean 'processes'?
    """
    errors = ErrorCollector()
    check_whole_number(errors, workers, "workers")
    if isinstance(executor, Executor):
        if workers is not None:
            errors.add("is set by the executor that was passed; leave it out.", argument="workers")
        errors.raise_if_any(ConfigError)
        return executor
    name: Any = "serial" if executor is None else executor
    if name not in EXECUTORS:
        hint = did_you_mean(name, EXECUTORS) if isinstance(name, str) else ""
        names = ", ".join(map(repr, EXECUTORS))
        errors.add(f"must be one of {names} or an Executor, got {name!r}.{hint}", argument="executor")
    elif name == "serial" and workers not in (None, 1):
        message = (
            f'needs an executor with workers, such as "processes", for more than one trial at a time, got {workers}.'
        )
        errors.add(message, argument="workers")
    elif name == "files" and workers is None:
        errors.add("must be the number of workers that you start, with the executor 'files'.", argument="workers")
    errors.raise_if_any(ConfigError)
    match name:
        case "serial" if executor is None and workers is None:
            return None
        case "stacked":
            return Stacked(workers or LANES)
        case "processes":
            return Processes(workers)
        case "files" if workers is not None:
            return Files(workers)
        case "ray":
            from medley.search.execute.ray_executor import Ray

            return Ray(workers)
    return Serial()
