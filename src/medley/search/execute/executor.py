"""The interface of executors: a trial is submitted, polled for, and may be cancelled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from medley.model.model import Model
from medley.search.checkpoint import TrialCheckpoints
from medley.search.search_spec import ResolvedDefault, SearchSpec
from medley.search.suggest import TrialSuggest
from medley.search.trial import TrialResult
from medley.train.hooks import TrainingHooks


@dataclass(frozen=True)
class PendingTrial:
    """A trial that a search hands to an executor.

    Args:
        number: of the trial.
        suggest: chooses the values; asked in the process of the search, before `submit` returns or in `poll`.
        hooks: what hears of its training, and the deadline; called in the process of the search only.
        result: filled in place with the parameters.
        default: the resolved default, for trial 0; None for others.
        checkpoints: of the trial.
    """

    number: int
    suggest: TrialSuggest
    hooks: TrainingHooks
    result: TrialResult
    default: ResolvedDefault | None
    checkpoints: TrialCheckpoints


@dataclass(frozen=True)
class TrialOutcome:
    """A trial that has ended.

    Args:
        number: of the trial.
        result: complete, pruned, failed or interrupted.
        model: in memory, if it is there.
        folder: of the saved model, if it is there; its receiver moves it away.
    """

    number: int
    result: TrialResult
    model: Model | None = None
    folder: Path | None = None


class Executor(ABC):
    """Runs the trials of one search. It decides nothing: what is tried, pruned and kept is decided by the search.

    Attributes:
        workers: number of trials that may run at the same time.
        encodes: whether its workers read and encode a table on object storage by themselves.
    """

    workers: int = 1
    encodes: bool = False

    @abstractmethod
    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        """Prepares for the trials of a search.

        Args:
            search_spec: the search specification.
            folder: of the project; executors keep their files in its folder `execution`.
        """

    @abstractmethod
    def submit(self, trial: PendingTrial) -> None:
        """Takes a trial; called when fewer than `workers` trials run.

        Raises:
            MedleyError: the values that the trial was given make no network, or one that cannot be sent.
        """

    @abstractmethod
    def poll(self) -> list[TrialOutcome]:
        """Waits a moment for trials to end, and passes on what they report.

        Returns:
            The trials that have ended since the last call; may be empty.
        """

    @abstractmethod
    def cancel(self, number: int) -> None:
        """Asks a running trial to end where it can be continued; its outcome follows from `poll`."""

    @abstractmethod
    def close(self) -> None:
        """Ends all workers; trials that still run are lost up to their last checkpoint. May be called twice."""
