"""The number that trials are compared by: what a caller's `objective=` argument means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from typing import Any, Literal

from medley.core.codec import TargetCodec
from medley.core.head import Head
from medley.errors import ConfigError, ErrorCollector, did_you_mean

DEFAULT = "val_relative_loss"


@dataclass(frozen=True)
class Objective:
    """A recorded value and which way it is better: for metrics of one's own.

    Args:
        name: as in the records, `"val_f1_score"`.
        direction: `"min"` or `"max"`.

    >>> Objective("val_f1_score", "max").direction
    'max'
    """

    name: str
    direction: Literal["min", "max"]

    def __post_init__(self) -> None:
        if self.direction not in ("min", "max"):
            raise ConfigError(f"An objective's direction must be 'min' or 'max', got {self.direction!r}.")


@dataclass(frozen=True)
class Score:
    """One number per record, the smaller the better: the minimised values' sum less the maximised ones'.

    Args:
        terms: what it is made of.

    >>> score = Score((Objective("val_loss", "min"), Objective("val_accuracy", "max")))
    >>> score({"val_loss": 2.0, "val_accuracy": 0.5})
    1.5
    """

    terms: tuple[Objective, ...]

    @property
    def name(self) -> str:
        """What it is called where it is shown."""
        signed = [("- " if one.direction == "max" else "+ ") + one.name for one in self.terms]
        return " ".join(signed).removeprefix("+ ")

    def __call__(self, record: Mapping[str, float]) -> float:
        """The number; infinite, so the worst, where a value is NaN.

        Raises:
            ConfigError: the record lacks a value; tells what it has.
        """
        errors = ErrorCollector()
        for one in self.terms:
            if one.name not in record:
                errors.add(f"The objective {one.name!r} is not recorded.{did_you_mean(one.name, record)}")
        errors.raise_if_any(ConfigError)
        total = sum(record[one.name] * (1 if one.direction == "min" else -1) for one in self.terms)
        return inf if isnan(total) else float(total)


def read_objective(objective: Any, heads: Sequence[str], known_metrics: Mapping[str, bool]) -> Score:
    """What a caller's `objective=` argument means.

    Args:
        objective: None (the mean over heads of validation loss by the loss of the best constant prediction), a name
            (`"val_loss"`, `"val_<metric>"` with one head, `"val_<head>_<metric>"` with several; without `val_` it
            is the training rows' value), an `Objective`, or a list of them.
        heads: the heads' names.
        known_metrics: a metric's name as in the records, without `val_` (`"accuracy"`, with several heads
            `"<head>_accuracy"`) -> whether greater is better.

    Returns:
        A function of a record's flat values, to be minimised.

    Raises:
        ConfigError: names that no record will have; all are reported at once, with those that exist.

    >>> score = read_objective("val_accuracy", ["label"], {"accuracy": True})
    >>> score({"val_loss": 0.3, "val_accuracy": 0.9}), score.name
    (-0.9, '- val_accuracy')
    """
    given = objective if isinstance(objective, list | tuple) else [DEFAULT if objective is None else objective]
    directions = _directions(heads, known_metrics)
    errors, terms = ErrorCollector(), []
    for one in given:
        name, direction = (one, None) if isinstance(one, str) else _spelled_out(one)
        if name is None:
            errors.add(f"objective must be a name, an Objective or a list of them, got {one!r}.")
        elif name not in directions:
            errors.add(f"There is no objective {name!r}.{did_you_mean(name, directions)}")
        else:
            terms.append(Objective(name, direction or directions[name]))
    if not given:
        errors.add("objective must name at least one value, got an empty list.")
    errors.raise_if_any(ConfigError)
    return Score(tuple(terms))


def metric_directions(heads: Mapping[str, Head], targets: Mapping[str, TargetCodec]) -> dict[str, bool]:
    """Name of a recorded metric -> whether the greater is the better.

    Args:
        heads: by name.
        targets: head name -> fitted target codec.
    """
    return {
        metric_name if len(heads) == 1 else f"{name}_{metric_name}": metric.greater_is_better
        for name, head in heads.items()
        for metric_name, metric in head.metric_functions(targets[name]).items()
    }


def _directions(heads: Sequence[str], known_metrics: Mapping[str, bool]) -> dict[str, Literal["min", "max"]]:
    """Every name that a record may have, with its direction."""
    better = {"loss": False, **known_metrics}
    if len(heads) > 1:
        better |= {f"{head}_loss": False for head in heads}
    sides = {DEFAULT: False} | {f"val_{name}": greater for name, greater in better.items()} | better
    return {name: "max" if greater else "min" for name, greater in sides.items()}


def _spelled_out(objective: Any) -> tuple[Any, Any]:
    # keras_tuner's own Objective is as good as ours.
    return getattr(objective, "name", None), getattr(objective, "direction", None)
