"""Values for the unset fields of a graph: from an Optuna trial, or the defaults, which trial 0 takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from medley.core.space import Float, Int, OneOf, Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Token = str | int | float | bool
"""Representation of a value in a study; blocks are represented by labels."""


PLANNED = "planned_epochs"
"""User attribute of a trial: how many epochs its training is planned to have."""


class DefaultSuggest:
    """Returns the default of every field and records it, for `study.enqueue_trial(suggest.params)`.

    >>> suggest = DefaultSuggest()
    >>> suggest("dense_block_1.num_layers", Int(1, 3), 2), suggest.params
    (2, {'dense_block_1.num_layers': 2})
    """

    def __init__(self) -> None:
        self.params: dict[str, Token] = {}
        """Parameter name -> representation of the value."""
        self._requests: list[tuple[str, Space, Any]] = []

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """Returns the default; on later calls with the same name, the first default."""
        if name not in self.params:
            self.params[name] = _token(space, default)
            self._requests.append((name, space, default))
        return _value(space, self.params[name])

    def replay(self, suggest: TrialSuggest) -> bool:
        """Asks another suggester for the same parameters in the same order.

        Args:
            suggest: of the trial for which the defaults were enqueued.

        Returns:
            Whether it chose the defaults, so that a graph resolved with the defaults is the graph of that trial.
        """
        for name, space, default in self._requests:
            suggest(name, space, default)
        return suggest.params == self.params


class TrialSuggest:
    """Asks an Optuna trial: `Int` and `Float` are suggested as such, `OneOf` as a categorical.

    Choices that are not plain scalars (blocks, tuples) are suggested by labels: `"ConvBlock"`, `"ResNetBlock#2"`. A
    parameter whose choices differ from those in earlier trials of the study (a graph that depends on the trial) gets
    a suffix, since a study cannot hold both under one name.

    Args:
        trial: the running trial.
    """

    def __init__(self, trial: Trial) -> None:
        self.params: dict[str, Token] = {}
        """Parameter name -> representation of the value, as in `DefaultSuggest.params`."""
        self._trial = trial
        self._distributions, self._fixed = _history(trial)

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """Returns a member of `space`; on later calls with the same name, the first value."""
        if name not in self.params:
            self.params[name] = self._ask(name, space)
        return _value(space, self.params[name])

    def _ask(self, name: str, space: Space) -> Token:
        key = self._key(name, space)
        match space:
            case Int(low=low, high=high, step=step, log=log):
                # Optuna does not support steps on a logarithmic range, so the number is rounded to the grid afterwards.
                step = 1 if log else step
                high = low + (high - low) // step * step
                return space.nearest(self._trial.suggest_int(key, low, high, step=step, log=log))
            case Float(low=low, high=high, log=log):
                return space.nearest(self._trial.suggest_float(key, low, high, log=log))
            case OneOf():
                return cast("Token", self._trial.suggest_categorical(key, labels(space)))
        raise TypeError(f"{name}: {type(space).__name__} is not an Int, Float or OneOf.")

    def _key(self, name: str, space: Space) -> str:
        distribution, fixed = self._distributions.get(name), self._fixed.get(name)
        is_compatible = distribution is None or _is_compatible(distribution, space)
        if is_compatible and (fixed is None or _contains(space, fixed)):
            return name
        return f"{name}@{_describe(space)}"


def labels(space: OneOf) -> list[Token]:
    """The representations of all choices in a study, all different.

    >>> labels(OneOf(3, 5, 7)), labels(OneOf((2, 2), (3, 3))), labels(OneOf("none", Int(1, 2), Int(1, 3)))
    ([3, 5, 7], ['(2, 2)', '(3, 3)'], ['none', 'Int', 'Int#2'])
    """
    choices = space.choices
    if all(isinstance(choice, str | int | float) for choice in choices) and len(set(choices)) == len(choices):
        return list(choices)
    seen: Counter[str] = Counter()
    names: list[Token] = []
    for name in map(_label, choices):
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _label(choice: Any) -> str:
    # Not the repr of an object: it may contain an address, but the label must be the same in another process.
    if isinstance(choice, str | int | float | np.generic):
        return str(choice)
    if isinstance(choice, tuple | list):
        return f"({', '.join(map(_label, choice))})"
    name = getattr(choice, "name", None) or getattr(choice, "__name__", None)
    return name if isinstance(name, str) else type(choice).__name__


def _token(space: Space, value: Any) -> Token:
    if isinstance(space, OneOf):
        value = space.nearest(value)
        positions = [i for i, choice in enumerate(space.choices) if choice is value or choice == value]
        return labels(space)[positions[0]]
    return value


def _value(space: Space, token: Token) -> Any:
    if isinstance(space, OneOf):
        names = labels(space)
        return space.choices[names.index(token)] if token in names else space.default
    return space.nearest(token)


def _contains(space: Space, token: Token) -> bool:
    return token in (labels(space) if isinstance(space, OneOf) else space)


def _history(trial: Trial) -> tuple[Mapping[str, BaseDistribution], Mapping[str, Token]]:
    """The distributions of the parameters of all trials of a study, and the values enqueued for this trial."""
    study = getattr(trial, "study", None)
    if study is None:  # a FixedTrial has no study
        return {}, {}
    trials = study.get_trials(deepcopy=False)
    distributions = {name: distribution for other in trials for name, distribution in other.distributions.items()}
    return distributions, trials[trial.number].system_attrs.get("fixed_params", {})


def _is_compatible(distribution: BaseDistribution, space: Space) -> bool:
    """Whether a parameter of a study may change from a distribution to `space`: only ranges of numbers may change."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match space:
        case OneOf():
            return isinstance(distribution, CategoricalDistribution) and list(distribution.choices) == labels(space)
        case Int(log=log):
            return isinstance(distribution, IntDistribution) and distribution.log == log
        case Float(log=log):
            return isinstance(distribution, FloatDistribution) and distribution.log == log
    return False


def _describe(space: Space) -> str:
    match space:
        case OneOf():
            return "|".join(map(str, labels(space)))
        case Int(log=log) | Float(log=log):
            return f"{type(space).__name__}{' log' if log else ''}"
    return type(space).__name__
