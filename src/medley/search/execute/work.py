"""What a worker does with a trial that it was sent, whatever the way it came."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from medley.errors import MedleyWarning
from medley.model.model import Model
from medley.model.records import Record
from medley.search.attempt import attempt
from medley.search.checkpoint import TrialCheckpoints
from medley.search.execute.arrays import ReadArray
from medley.search.execute.task import Task, restore_task
from medley.search.learn_reference import learn_reference
from medley.search.trial import TrialResult, train
from medley.train.eager import EagerStepper
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.stepper import Stepper
from medley.train.steppers import Work, choose_stepper


class Link(Protocol):
    """A worker's connection to the search."""

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Sends a message; for the record of an epoch, returns the reason to stop, if there is one."""
        ...

    def is_interrupted(self) -> bool:
        """Whether the trial was cancelled, or the search is gone."""
        ...


ChooseStepper = Callable[[EagerStepper, Training, Work], Stepper]
"""See `TrainingHooks.choose_stepper`."""


def work(
    content: Mapping[str, Any],
    read: ReadArray,
    link: Link,
    checkpoints_folder: Path | None,
    model_folder: Path | None,
    seconds: float | None,
) -> dict[str, Any]:
    """Trains the network of a trial and saves its model; warnings are sent to the search.

    The arguments and the result are those of `train_trial`.
    """
    with reported_warnings(link):
        return train_trial(content, read, link, checkpoints_folder, model_folder, seconds)


def train_trial(
    content: Mapping[str, Any],
    read: ReadArray,
    link: Link,
    checkpoints_folder: Path | None,
    model_folder: Path | None,
    seconds: float | None,
    choose_stepper: ChooseStepper = choose_stepper,
) -> dict[str, Any]:
    """Trains the network of a trial and saves its model.

    Args:
        content: the task, as `TaskWriter.content` made it.
        read: reads its arrays.
        link: to the search.
        checkpoints_folder: where the trial is continued from, and its state is written to.
        model_folder: for the model; does not exist unless the trial has one. None saves none.
        seconds: until the training must be over, or None.
        choose_stepper: chooses the stepper of the training.

    Returns:
        The result, as JSON.
    """
    deadline = None if seconds is None else monotonic() + seconds
    result = TrialResult(content["number"], params=dict(content["params"]))
    interval = content["checkpoint_seconds"]
    checkpoints = TrialCheckpoints(checkpoints_folder, interval, is_interrupted=link.is_interrupted)
    tasks: list[Task] = []

    def trained() -> Model:
        task = tasks[0] if tasks else restore_task(content, read)
        tasks[:] = [task]
        hooks = _hooks(task, link, deadline, choose_stepper, keeps_partial=content["keeps_partial"])
        model = train(task.search_spec, task.search_spec.graph, task.plan, hooks, result, checkpoints)
        if content["stream"] is not None:  # the search does not encode these rows
            learn_reference(model, task.search_spec.data)
        return model

    model = attempt(trained, result, checkpoints)
    if model is not None and result.has_model and model_folder is not None:
        model.save(model_folder)
    return asdict(result)


def import_parts(modules: Sequence[str]) -> None:
    """Imports modules that register parts outside medley, as far as they can be found.

    A part that is missing is reported where it is looked up. Only names that came from the process that started this
    one are imported, never those in a file.
    """
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            continue


def _hooks(
    task: Task, link: Link, deadline: float | None, choose_stepper: ChooseStepper, *, keeps_partial: bool
) -> TrainingHooks:
    def watch(record: Record, score: float) -> str | None:
        return link.report({"kind": "record", "record": record.to_json(), "score": score})

    def on_work(name: str, done: int, total: int) -> None:
        if link.is_interrupted():
            raise KeyboardInterrupt

    return TrainingHooks(
        task.search_spec.score,
        watch,
        on_plan=lambda epochs, wanted: _send(link, "plan", epochs=epochs, wanted=wanted),
        on_work=on_work,
        log=lambda line: _send(link, "log", line=line),
        deadline=deadline,
        by_task=task.search_spec.by_task,
        is_interrupted=link.is_interrupted,
        on_resume=lambda records: _send(link, "resume", records=[record.to_json() for record in records]),
        keeps_partial=keeps_partial,
        choose_stepper=choose_stepper,
    )


def _send(link: Link, kind: str, **content: Any) -> None:
    link.report({"kind": kind, **content})


@contextmanager
def reported_warnings(link: Link) -> Iterator[None]:
    """Sends medley's warnings to the search, which shows them; others are shown here."""
    with warnings.catch_warnings():
        original = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *location: Any, **options: Any) -> None:
            if issubclass(category, MedleyWarning):
                _send(link, "warning", text=str(message))
            else:
                original(message, category, *location, **options)

        warnings.showwarning = show
        warnings.simplefilter("always", MedleyWarning)
        yield
