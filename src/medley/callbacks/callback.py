"""Callbacks: what is called while a search runs, under the names of Keras."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from medley.errors import warn
from medley.model.records import Record

Logs = Mapping[str, Any]

EVENTS = ("on_search_begin", "on_train_begin", "on_epoch_end", "on_train_end", "on_search_end")
"""The methods that are called; a callback has some of them."""


class Callback(ABC):
    """Base class of callbacks; a subclass overrides the methods that it needs.

    Objects of other classes work as well if they have one of these methods, such as callbacks written for Keras that do
    not use its model.

    Attributes:
        trial: number of the trial to which a call belongs: trials may run side by side.
    """

    trial: int = 0

    is_essential: ClassVar[bool] = True
    """Whether an error in a method ends the trial. One in a callback that only writes down what happens is a warning,
    after which it is not called any more: a server that does not answer must not cost a search."""

    def on_search_begin(self, logs: Logs) -> None:
        """Called before the first trial.

        Args:
            logs: `trials` and `epochs`: the maximum numbers.
        """
        return None

    def on_train_begin(self, logs: Logs) -> None:
        """Called when a trial begins.

        Args:
            logs: `trial`: its number.
        """
        return None

    def on_epoch_end(self, epoch: int, logs: Logs) -> bool | None:
        """Called after every epoch of a trial.

        Args:
            epoch: from 0.
            logs: metrics under Keras's names (`loss`, `val_loss`, ...), and `learning_rate`.

        Returns:
            True to end the trial.
        """
        return None

    def on_train_end(self, logs: Logs) -> None:
        """Called when a trial has ended.

        Args:
            logs: `number`, `state`, `score`, `seconds`, `size`, `reason`, `param.<name>` per hyperparameter, and the
                metrics of the trained model, as in `AutoModel.history`.
        """
        return None

    def on_search_end(self, logs: Logs) -> None:
        """Called after the last trial.

        Args:
            logs: `trials`: their number; `trial` and `score` of the best one, unless all failed.
        """
        return None


class EpochEnd(Protocol):
    """Any object with the method of this name."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> Any:
        """As `Callback.on_epoch_end`."""
        ...


CallbackLike = Callback | EpochEnd | Callable[[Record], Any]
"""A callback: an object with methods such as `on_epoch_end`, or a function of the `Record` of an epoch."""


def is_callback(value: Any) -> bool:
    """Whether something can be a callback: it has one of the methods, or is a function.

    >>> is_callback(print), is_callback(Callback()), is_callback("tensorboard")
    (True, True, False)
    """
    return not isinstance(value, type) and (callable(value) or any(hasattr(value, event) for event in EVENTS))


class CallbackList:
    """Calls callbacks, in order; every one of them for every event.

    Args:
        callbacks: objects with methods, or functions of a record.
    """

    def __init__(self, callbacks: Sequence[CallbackLike] = ()) -> None:
        self._functions: list[Any] = [item for item in callbacks if not any(hasattr(item, event) for event in EVENTS)]
        self._objects: list[Any] = [item for item in callbacks if item not in self._functions]
        self._failed: list[Any] = []

    def search_begin(self, trials: int, epochs: int) -> None:
        """Before the first trial."""
        self._call("on_search_begin", None, {"trials": trials, "epochs": epochs})

    def train_begin(self, trial: int) -> None:
        """When a trial begins."""
        self._call("on_train_begin", trial, {"trial": trial})

    def epoch_end(self, trial: int, record: Record) -> bool:
        """After an epoch; returns whether a callback asks to end the trial."""
        answers = [function(record) for function in self._functions]
        logs = {**record.flat(), "learning_rate": record.learning_rate}
        answers += self._call("on_epoch_end", trial, record.epoch, logs)
        return any(answer is True for answer in answers)

    def train_end(self, trial: int, row: Mapping[str, Any]) -> None:
        """When a trial has ended; `row` is its row in the history."""
        self._call("on_train_end", trial, {name: value for name, value in row.items() if name != "curves"})

    def search_end(self, trials: int, best: tuple[int, float] | None) -> None:
        """After the last trial; `best` is the number of the best one, and its score."""
        known = {} if best is None else {"trial": best[0], "score": best[1]}
        self._call("on_search_end", None, {"trials": trials, **known})

    def _call(self, event: str, trial: int | None, *arguments: Any) -> list[Any]:
        answers = []
        for item in self._objects:
            if isinstance(item, Callback) and trial is not None:
                item.trial = trial
            method = getattr(item, event, None)
            if method is None or item in self._failed:
                continue
            try:
                answers.append(method(*arguments))
            except Exception as error:
                if getattr(item, "is_essential", True):
                    raise
                self._failed.append(item)
                warn(f"{type(item).__name__} is not called any more: {type(error).__name__} in {event}: {error}")
        return answers


def finite_numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers among logs, which is what trackers draw.

    >>> finite_numbers({"loss": 0.5, "state": "complete", "size": 3, "score": float("inf"), "is": True})
    {'loss': 0.5, 'size': 3.0}
    """
    numbers = {name: value for name, value in logs.items() if isinstance(value, int | float)}
    return {
        name: float(value)
        for name, value in numbers.items()
        if not isinstance(value, bool) and abs(float(value)) < float("inf")
    }


def hyperparameters(logs: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a trial among the logs of its end.

    >>> hyperparameters({"score": 1.0, "param.training.learning_rate": 0.01})
    {'training.learning_rate': 0.01}
    """
    prefix = "param."
    return {name.removeprefix(prefix): value for name, value in logs.items() if name.startswith(prefix)}
