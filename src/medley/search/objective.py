"""The objective: the number by which trials are compared."""

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
    """A recorded value and its direction, for custom metrics.

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
    """One number per record, lower is better: the sum of the values to minimise minus those to maximise.

    Args:
        terms: the values, with their directions.

    >>> score = Score((Objective("val_loss", "min"), Objective("val_accuracy", "max")))
    >>> score({"val_loss": 2.0, "val_accuracy": 0.5})
    1.5
    """

    terms: tuple[Objective, ...]

    @property
    def name(self) -> str:
        """The name that is shown to users."""
        signed = [("- " if term.direction == "max" else "+ ") + term.name for term in self.terms]
        return " ".join(signed).removeprefix("+ ")

    def __call__(self, record: Mapping[str, float]) -> float:
        """The score of a record; infinite, so the worst, if a value is NaN.

        Args:
            record: name -> value, as in `Record.flat`.

        Raises:
            ConfigError: the record lacks a value; the message lists those it has.
        """
        errors = ErrorCollector()
        for term in self.terms:
            if term.name not in record:
                errors.add(f"The objective {term.name!r} is not recorded.{did_you_mean(term.name, record)}")
        errors.raise_if_any(ConfigError)
        total = sum(record[term.name] * (1 if term.direction == "min" else -1) for term in self.terms)
        return inf if isnan(total) else float(total)


def read_objective(objective: Any, heads: Sequence[str], metrics: Mapping[str, bool]) -> Score:
    """Checks and resolves a caller's `objective=` argument.

    Args:
        objective: None (validation loss divided by the loss of the constant baseline, averaged over heads), a name
            (`"val_loss"`, `"val_<metric>"` with one head, `"val_<head>_<metric>"` with several; without `val_`, the
            value for training rows), an `Objective`, or a list of these.
        heads: names of the heads.
        metrics: name of a metric as in the records, without `val_` (`"accuracy"`, with several heads
            `"<head>_accuracy"`) -> whether higher is better.

    Returns:
        A function of a record's values, to be minimised.

    Raises:
        ConfigError: unknown names; all are reported at once, with the names that exist.

    >>> score = read_objective("val_accuracy", ["label"], {"accuracy": True})
    >>> score({"val_loss": 0.3, "val_accuracy": 0.9}), score.name
    (-0.9, '- val_accuracy')
    """
    entries = objective if isinstance(objective, list | tuple) else [DEFAULT if objective is None else objective]
    directions = _directions(heads, metrics)
    errors, terms = ErrorCollector(), []
    for entry in entries:
        name, direction = (entry, None) if isinstance(entry, str) else _name_and_direction(entry)
        if name is None:
            errors.add(f"objective must be a name, an Objective or a list of them, got {entry!r}.")
        elif name not in directions:
            errors.add(f"There is no objective {name!r}.{did_you_mean(name, directions)}")
        else:
            terms.append(Objective(name, direction or directions[name]))
    if not entries:
        errors.add("objective must name at least one value, got an empty list.")
    errors.raise_if_any(ConfigError)
    return Score(tuple(terms))


def metric_directions(heads: Mapping[str, Head], targets: Mapping[str, TargetCodec]) -> dict[str, bool]:
    """Name of a recorded metric -> whether higher is better.

    Args:
        heads: by name.
        targets: head name -> fitted target codec.
    """
    return {
        metric_name if len(heads) == 1 else f"{name}_{metric_name}": metric.greater_is_better
        for name, head in heads.items()
        for metric_name, metric in head.metric_functions(targets[name]).items()
    }


def _directions(heads: Sequence[str], metrics: Mapping[str, bool]) -> dict[str, Literal["min", "max"]]:
    """The names of all values that a record may have, with their directions."""
    higher_is_better = {"loss": False, **metrics}
    if len(heads) > 1:
        higher_is_better |= {f"{head}_loss": False for head in heads}
    validation = {f"val_{name}": is_higher for name, is_higher in higher_is_better.items()}
    higher_is_better = {DEFAULT: False} | validation | higher_is_better
    return {name: "max" if is_higher else "min" for name, is_higher in higher_is_better.items()}


def _name_and_direction(objective: Any) -> tuple[Any, Any]:
    # Objects of other classes are accepted: keras_tuner.Objective has the same attributes.
    return getattr(objective, "name", None), getattr(objective, "direction", None)
