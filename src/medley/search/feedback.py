"""Which results a tuner knows when it chooses the values of a trial, or prunes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna


class Feedback:
    """Passes on the results of trials to a study, in an order that does not depend on how trials are executed.

    Trial n knows the results of the trials up to number n - width, and no others, so that up to `width` trials can run
    at a time. Without a width, each result is passed on at once.

    Args:
        study: of the tuner.
        width: number of trials, or None.
    """

    def __init__(self, study: optuna.Study, width: int | None) -> None:
        self.study, self.width = study, width
        self._numbers: dict[int, int] = {}
        self._results: dict[int, Callable[[], object]] = {}

    def may_begin(self, number: int, running: Iterable[int]) -> bool:
        """Whether all results that a trial must know are there.

        Args:
            number: of the trial.
            running: numbers of the trials that have not ended.
        """
        return self.width is None or number - self.width < min(running, default=number)

    def ask(self, number: int) -> optuna.Trial:
        """Begins a trial, with the results that it may know."""
        if self.width is not None:
            for earlier in sorted(self._results):
                if earlier <= number - self.width:
                    self._results.pop(earlier)()
        trial = self.study.ask()
        self._numbers[trial.number] = number
        return trial

    def tell(self, number: int, trial: optuna.Trial, score: float | None, state: optuna.trial.TrialState) -> None:
        """Takes the result of a trial, and passes it on in its turn."""
        self._results[number] = lambda: self.study.tell(trial, score, state)
        if self.width is None:
            self._results.pop(number)()

    def should_prune(self, number: int, trial: optuna.Trial) -> bool:
        """Whether a trial is to be pruned, by the results that it may know."""
        if self.width is None:
            return trial.should_prune()
        hidden = {key for key, other in self._numbers.items() if number - self.width < other != number}
        study = _StudyView(self.study, hidden)
        pruner = self.study.pruner
        return pruner.prune(study, self.study.get_trials(deepcopy=False)[trial.number])  # pyright: ignore

    def knows(self, number: int, other: int) -> bool:
        """Whether a trial may know the result of another one."""
        return self.width is None or other <= number - self.width


class _StudyView:
    """A study without some of its trials.

    Args:
        study: of which this is a view.
        hidden: numbers of the trials to leave out.
    """

    def __init__(self, study: optuna.Study, hidden: set[int]) -> None:
        self._study, self._hidden = study, hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, *args: Any, **options: Any) -> list[optuna.trial.FrozenTrial]:
        """The other trials; see `optuna.Study.get_trials`."""
        return [trial for trial in self._study.get_trials(*args, **options) if trial.number not in self._hidden]
