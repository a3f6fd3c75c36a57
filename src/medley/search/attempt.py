"""One attempt at a trial: what goes wrong in it becomes its result, and does not end the search."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from time import monotonic

from medley.errors import ArtifactError, ConfigError, warn
from medley.model.model import Model
from medley.search.checkpoint import TrialCheckpoints
from medley.search.trial import OversizedError, TrialResult


def attempt(train: Callable[[], Model], result: TrialResult, checkpoints: TrialCheckpoints) -> Model | None:
    """Trains the network of a trial, from its checkpoints if they can be used.

    Args:
        train: trains the network and fills the result; called again, from the start, if a checkpoint cannot be used.
        result: of the trial; its state, reason and seconds are filled here.
        checkpoints: of the trial.

    Returns:
        The model; None if the trial failed or was interrupted before there was one.
    """
    start_time = monotonic()
    model = None
    try:
        model = _train(train, result.number, checkpoints)
        result.state = result.reason if result.reason in ("pruned", "interrupted") else "complete"
        if not isfinite(result.score) and result.state != "interrupted":
            result.state, result.reason = "failed", result.reason or "the objective is not finite"
    except KeyboardInterrupt:
        result.state = result.reason = "interrupted"
    except OversizedError as error:
        result.reason = str(error)
    except Exception as error:  # values that cannot be trained must not end the search; the reason is reported
        result.reason = f"{type(error).__name__}: {error}"
    result.seconds = monotonic() - start_time + checkpoints.seconds
    return model


def _train(train: Callable[[], Model], number: int, checkpoints: TrialCheckpoints) -> Model:
    try:
        return train()
    except (ArtifactError, ConfigError) as error:
        if not checkpoints.is_used:
            raise
        warn(f"The checkpoint of trial {number} cannot be used, so it begins again: {error}")
        checkpoints.remove()
    return train()
