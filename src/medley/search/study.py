"""Runs the trials of a search, and keeps the best models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING, Any

from medley.callbacks.callback import CallbackLike, CallbackList
from medley.errors import SearchError
from medley.model.records import Record
from medley.search.checkpoint import TrialCheckpoints
from medley.search.execute.automatic import automatic_executor, width_of
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.serial import Serial
from medley.search.feedback import Feedback
from medley.search.interrupt import Interrupts
from medley.search.progress import Progress
from medley.search.results import SearchResults
from medley.search.search_spec import ResolvedDefault, SearchSpec
from medley.search.store import Store
from medley.search.suggest import PLANNED, TrialSuggest
from medley.search.trial import TrialResult
from medley.search.tuners import Tuner, quiet
from medley.train.hooks import TrainingHooks

if TYPE_CHECKING:
    import optuna

MIN_TRIAL_SECONDS = 0.5
"""Seconds that a trial gets even if the time limit has passed."""

MIN_TIME_LEFT = 0.8
"""Fraction of the median time of a trial that must be left for another trial to begin."""

MAX_FAILURES = 3
"""Consecutive failures, without any completed trial, after which a search ends."""

GAIN = 0.001
"""Relative improvement of the score that counts as a gain."""

PATIENCE = 20
"""Default number of trials without a gain before a search ends: more than a tuner samples at random at its start."""


UNFINISHED = "unfinished"
"""User attribute of a trial: numbers of the trials that ran when its values were chosen, if several run at a time."""


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Args:
        max_trials: number of trials, including those of an earlier run of the same project.
        deadline: `time.monotonic()` at which the search must be over, or None.
        keep: number of best models to keep.
        patience: number of consecutive trials without improvement before the search ends (`is_out_of_patience`), or
            None.
    """

    max_trials: int
    deadline: float | None = None
    keep: int = 3
    patience: int | None = None


class Study:
    """Runs trials and keeps the best models. Trial 0 takes the defaults; the tuner chooses the values of the others.

    Args:
        search_spec: the search specification.
        tuner: samples values and prunes trials.
        limits: when to stop.
        store: writes results and models.
        progress: shows progress.
        callbacks: called with every record, and when trials begin and end.
        default: the resolved default; None lets `run` resolve it.
        executor: runs the trials; None lets the search choose (`automatic_executor`).

    Attributes:
        search_results: the trials, and the best models.
        ended: why the search ended: "trials", "time", "patience", "interrupted" or "failures"; None before.
    """

    def __init__(
        self,
        search_spec: SearchSpec,
        tuner: Tuner,
        limits: Limits,
        store: Store,
        progress: Progress,
        callbacks: Sequence[CallbackLike] = (),
        default: ResolvedDefault | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.search_spec = search_spec
        self.tuner = tuner
        self.limits = limits
        self.store = store
        self.progress = progress
        self.callbacks = CallbackList(callbacks)
        self.default = default
        self.executor: Executor = executor or Serial()
        self._is_executor_open = executor is None
        self.search_results = SearchResults(store.results(), limits.keep, store, search_spec.data.device)
        self.interrupted = False
        self.interrupts = Interrupts()
        self.ended: str | None = None
        self._running: dict[int, tuple[optuna.Trial, PendingTrial]] = {}

    def run(self) -> list[TrialResult]:
        """Runs the remaining trials.

        Returns:
            The results of all trials, including those of earlier runs.

        Raises:
            SearchError: all trials failed; the message contains all reasons.
            MedleyError: the default cannot be resolved: an error in the graph or the data.
        """
        if self.default is None:
            self.default = ResolvedDefault(self.search_spec)
        limits = self.limits
        width = width_of(self.search_spec, self.default, self.tuner, limits.max_trials, limits.deadline)
        if self._is_executor_open:
            self.executor, message = automatic_executor(self.search_spec, self.default, width, limits.max_trials)
            if message is not None:
                self.progress.log(message)
        elif width > 1:
            width = max(width, self.executor.workers)
        feedback = Feedback(self._study(), None if width == 1 else width)
        with self.interrupts, self.progress.running(limits.max_trials, self.search_spec.epochs, limits.deadline):
            try:
                self.callbacks.search_begin(limits.max_trials, self.search_spec.epochs)
                self.executor.begin(self.search_spec, self.store.folder)
                self._trials(feedback)
            finally:
                self.executor.close()
                best = (self.ranked[0].number, self.ranked[0].score) if self.ranked else None
                self.callbacks.search_end(len(self.results), best)
        if not self.ranked:
            raise SearchError(_failures(self.results))
        return self.results

    def _trials(self, feedback: Feedback) -> None:
        try:
            ended = self._run_trials(feedback)
        except KeyboardInterrupt:  # between two trials
            if not self.ranked:
                raise
            ended = "interrupted"
        self.ended = ended
        if ended == "patience":
            self.progress.log(
                f"the last {len(self.results) - 1 - _last_gain(self.results)} trials did not improve the score, so "
                "the search ends; pass a number of trials to continue"
            )

    def _run_trials(self, feedback: Feedback) -> str:
        """Keeps the executor busy until the search ends; returns the reason."""
        running = self._running
        while True:
            ended = None
            if self.interrupts.is_acknowledged() and running:
                for number in running:
                    self.executor.cancel(number)
            else:
                while len(running) < self.executor.workers and feedback.may_begin(self._next_number(), running):
                    if (ended := self._end(feedback)) is not None:
                        break
                    self._begin(feedback, self._next_number())
            if ended is not None and not running:
                return ended
            for outcome in self.executor.poll():
                self._finish(feedback, outcome)

    @property
    def results(self) -> list[TrialResult]:
        """Of all trials, in order."""
        return self.search_results.trials

    @property
    def ranked(self) -> list[TrialResult]:
        """Results of completed trials, the best first."""
        return self.search_results.ranked

    def _next_number(self) -> int:
        """The number of the next trial: the first that has no result, as the record of one may have been damaged."""
        numbers = {result.number for result in self.results} | self._running.keys()
        return next(number for number in count() if number not in numbers)

    def _end(self, feedback: Feedback) -> str | None:
        """The reason to end the search now, or None."""
        number = self._next_number()
        results = [result for result in self.results if feedback.knows(number, result.number)]
        if feedback.width is not None:
            results.sort(key=lambda result: result.number)
        if self.interrupts.is_acknowledged() and not self.ranked:
            raise KeyboardInterrupt
        if self.interrupted or self.interrupts.is_requested:
            return "interrupted"
        if len(self.results) + len(self._running) >= self.limits.max_trials:
            return "trials"
        if self.limits.patience is not None and is_out_of_patience(results, self.limits.patience):
            return "patience"
        # A network that is too large costs no time, and a smaller one may follow: it does not count as a failure.
        max_size = self.search_spec.max_model_size or inf
        tail = [result for result in results if result.size <= max_size][-MAX_FAILURES:]
        if not self.ranked and len(tail) == MAX_FAILURES and all(result.state == "failed" for result in tail):
            return "failures"
        if self.limits.deadline is None or not self.results:
            return None
        seconds = [result.seconds for result in self.results if result.state == "complete"]
        left = self.limits.deadline - monotonic()
        # A trial that cannot finish is not worth starting.
        return None if left > (median(seconds) * MIN_TIME_LEFT if seconds else 1.0) else "time"

    def _study(self) -> optuna.Study:
        with quiet():
            import optuna

            # The name is constant because Hyperband's brackets depend on it.
            study = optuna.create_study(pruner=self.tuner.pruner(self.search_spec.epochs), study_name="medley")
            self.store.replay(study)
        return study

    def _begin(self, feedback: Feedback, number: int) -> None:
        """Asks the tuner for the values of a trial, and hands it to the executor."""
        with quiet():
            # Each trial has its own sampler, so that a resumed search samples the same values.
            feedback.study.sampler = self.tuner.sampler(self.search_spec.seed + number)
            params: Mapping[str, Any] | None = self.store.repeats.get(number)
            if number == 0 and self.default is not None:
                params = self.default.params
            if params is not None:
                feedback.study.enqueue_trial(dict(params))
            trial = feedback.ask(number)
            unknown = [result.number for result in self.results if not feedback.knows(number, result.number)]
            if unknown or self.executor.workers > 1:  # the tuner has not seen the results of these
                trial.set_user_attr(UNFINISHED, sorted([*self._running, *unknown]))
        suggest = TrialSuggest(trial)
        pending = PendingTrial(
            number,
            suggest,
            self._hooks(feedback, trial, number),
            TrialResult(number, params=suggest.params),  # filled by `suggest`; the model's metadata holds it too
            self.default if number == 0 else None,
            TrialCheckpoints(self.store.checkpoints_folder(number), is_interrupted=self.interrupts.is_acknowledged),
        )
        self.progress.begin(number)
        self.callbacks.train_begin(number)
        self._running[number] = trial, pending
        try:
            self.executor.submit(pending)
        except Exception as error:  # these values make no network, or one that cannot be sent
            pending.result.reason = f"{type(error).__name__}: {error}"
            self._finish(feedback, TrialOutcome(number, pending.result))
        else:
            if trial.params:  # chosen by now, unless the trial runs in this process
                self.store.note_running(number, trial.params)

    def _finish(self, feedback: Feedback, outcome: TrialOutcome) -> None:
        """Records a trial that has ended, tells the tuner, and keeps its model if it is among the best."""
        from optuna.trial import TrialState

        trial, pending = self._running.pop(outcome.number)
        result = outcome.result
        if result.state == "interrupted":
            self.interrupted = True
            if not self.ranked and outcome.model is None and outcome.folder is None:
                raise KeyboardInterrupt
        self.results.append(result)
        self._save(outcome)
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        with quiet():
            score = result.score if result.state == "complete" else None
            frozen = feedback.study.get_trials(deepcopy=False)[trial.number]
            feedback.tell(result.number, trial, score, states.get(result.state, TrialState.FAIL))
        self.store.add(result, frozen)
        if result.state != "interrupted":
            pending.checkpoints.remove()
        self._drop_models()  # after the line is written: a run that is killed in between must not lose its best model
        self.progress.end(result, self.ranked[0] if self.ranked else None)
        self.callbacks.train_end(result.number, result.row())

    def _hooks(self, feedback: Feedback, trial: optuna.Trial, number: int) -> TrainingHooks:
        reported: set[int] = set()

        def report(score: float, epoch: int) -> None:
            if epoch not in reported:  # by a worker that died, after its last checkpoint
                trial.report(score, epoch)
            reported.add(epoch)

        def resume(records: Sequence[Record]) -> None:
            self.progress.log(f"trial {number} is resumed in epoch {len(records)}")
            for record in records:
                report(self.search_spec.score(record.flat()) if record.val else 0.0, record.epoch)

        def work(name: str, done: int, total: int) -> None:
            self.progress.work(name, done, total)
            if self.interrupts.is_acknowledged():
                raise KeyboardInterrupt

        def watch(record: Record, score: float) -> str | None:
            self.progress.record(record, score)
            if self.callbacks.epoch_end(number, record):
                return "a callback asked for it"
            report(score, record.epoch)
            is_last = record.epoch == self.search_spec.epochs - 1
            return "pruned" if not is_last and feedback.should_prune(number, trial) else None

        def on_plan(epochs: int, wanted: int) -> None:
            trial.set_user_attr(PLANNED, epochs)
            progress.show_plan(epochs, wanted)

        progress = self.progress
        return TrainingHooks(
            self.search_spec.score,
            watch,
            on_step=progress.step,
            on_plan=on_plan,
            on_work=work,
            log=progress.log,
            deadline=self._deadline(),
            by_task=self.search_spec.by_task,
            is_interrupted=self.interrupts.is_acknowledged,
            on_resume=resume,
            keeps_partial=not self.ranked,
        )

    def _deadline(self) -> float | None:
        if self.limits.deadline is None:
            return None
        return max(self.limits.deadline, monotonic() + MIN_TRIAL_SECONDS)

    def _save(self, outcome: TrialOutcome) -> None:
        number = outcome.number
        if outcome.result.has_model and number in self.search_results.best_numbers:
            if outcome.model is not None:
                self.search_results.models[number] = outcome.model
                self.store.save(number, outcome.model)
            elif outcome.folder is not None:
                self.store.adopt(number, outcome.folder)

    def _drop_models(self) -> None:
        numbers = self.search_results.best_numbers
        self.search_results.models = {
            number: model for number, model in self.search_results.models.items() if number in numbers
        }
        self.store.retain(numbers)


def _failures(results: Sequence[TrialResult]) -> str:
    if not results:
        return "No trial was run: the time limit passed before the first one began."
    title = "The trial failed:" if len(results) == 1 else f"All {len(results)} trials failed:"
    return "\n".join([title, *(f"- trial {result.number}: {result.reason}" for result in results)])


def is_out_of_patience(results: Sequence[TrialResult], patience: int) -> bool:
    """Whether the last trials brought no improvement: `patience` of them, and as many as it took to find the best.

    >>> good, bad = TrialResult(0, "complete", 0.5), TrialResult(1, "complete", 0.6)
    >>> is_out_of_patience([good, *[bad] * 3], 3), is_out_of_patience([*[bad] * 6, good, *[bad] * 3], 3)
    (True, False)
    """
    if not any(result.state == "complete" for result in results):
        return False
    last_gain = _last_gain(results)
    return len(results) - 1 - last_gain >= max(patience, last_gain + 1)


def _last_gain(results: Sequence[TrialResult]) -> int:
    """The position of the last trial that improved on all earlier trials by at least `GAIN`."""
    last_gain, best = 0, inf
    for position, result in enumerate(results):
        if result.state == "complete" and (best == inf or result.score < best - GAIN * abs(best)):
            last_gain, best = position, result.score
    return last_gain
