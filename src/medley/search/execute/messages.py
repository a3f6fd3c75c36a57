"""Messages of workers, as the search hears them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medley.errors import warn
from medley.model.records import Record
from medley.search.execute.executor import PendingTrial
from medley.search.trial import TrialResult
from medley.search.trial_log import result_of

MAX_LOSSES = 3
"""Workers that may die of one trial before it counts as failed."""


def hear(trial: PendingTrial, message: Mapping[str, Any]) -> str | None:
    """Passes a message of a worker on to the search.

    Args:
        trial: that the worker runs.
        message: as `work` sends it.

    Returns:
        The reason to stop the training, or None.
    """
    hooks = trial.hooks
    match message["kind"]:
        case "record":
            return hooks.watch(Record(**message["record"]), message["score"])
        case "plan":
            hooks.on_plan(message["epochs"], message["wanted"])
        case "resume":
            hooks.on_resume([Record(**record) for record in message["records"]])
        case "log":
            hooks.log(f"trial {trial.number}: {message['line']}")
        case "warning":
            warn(f"Trial {trial.number}: {message['text']}")
    return None


def finished(trial: PendingTrial, result: Mapping[str, Any]) -> TrialResult:
    """The result of a worker, with the parameters as the search has chosen them."""
    finished_result = result_of(result)
    finished_result.params = trial.result.params
    return finished_result


def lost(trial: PendingTrial, times: int, reason: str) -> TrialResult:
    """The result of a trial whose workers die."""
    trial.result.reason = f"its worker ended {times} times before the trial did ({reason}); is there enough memory?"
    return trial.result


def interrupted(trial: PendingTrial) -> TrialResult:
    """The result of a trial that is cancelled before it has begun."""
    trial.result.state = trial.result.reason = "interrupted"
    return trial.result
