"""What fills a graph's open fields: an Optuna trial, or the defaults that trial 0 takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from medley.core.space import Float, Int, OneOf, Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

# What stands for a value in a study: a number, a truth value or a text. Whole blocks go by their labels.
Token = str | int | float | bool


class DefaultSuggest:
    """Takes every default and records it: resolve a graph with it, then `study.enqueue_trial(suggest.params)`.

    >>> suggest = DefaultSuggest()
    >>> suggest("dense_block_1.num_layers", Int(1, 3), 2), suggest.params
    (2, {'dense_block_1.num_layers': 2})
    """

    def __init__(self) -> None:
        self.params: dict[str, Token] = {}
        """Parameter name -> what stands for the value."""
        self._requests: list[tuple[str, Space, Any]] = []

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """Returns the default, the first one if the name is asked for again."""
        if name not in self.params:
            self.params[name] = _token(space, default)
            self._requests.append((name, space, default))
        return _value(space, self.params[name])

    def replay(self, suggest: TrialSuggest) -> bool:
        """Asks another suggester for the same parameters in the same order.

        Args:
            suggest: of the trial that the defaults were enqueued for.

        Returns:
            Whether it chose the defaults, so that what was resolved with them is what it would resolve to.
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
        """Parameter name -> what stands for the value: the form of `DefaultSuggest.params`."""
        self._trial = trial
        self._known, self._fixed = _history(trial)

    def __call__(self, name: str, space: Space, default: Any, /) -> Any:
        """Returns a member of `space`; the same one if the name is asked for again."""
        if name not in self.params:
            self.params[name] = self._ask(name, space)
        return _value(space, self.params[name])

    def _ask(self, name: str, space: Space) -> Token:
        key = self._key(name, space)
        match space:
            case Int(low=low, high=high, step=step, log=log):
                # Optuna knows no steps on a logarithmic range: such a number is moved to the grid afterwards.
                step = 1 if log else step
                high = low + (high - low) // step * step
                return space.nearest(self._trial.suggest_int(key, low, high, step=step, log=log))
            case Float(low=low, high=high, log=log):
                return space.nearest(self._trial.suggest_float(key, low, high, log=log))
            case OneOf():
                return cast("Token", self._trial.suggest_categorical(key, labels(space)))
        raise TypeError(f"{name}: {type(space).__name__} is not an Int, Float or OneOf.")

    def _key(self, name: str, space: Space) -> str:
        known, fixed = self._known.get(name), self._fixed.get(name)
        fits = (known is None or _agree(known, space)) and (fixed is None or _holds(space, fixed))
        return name if fits else f"{name}@{_spelled(space)}"


def labels(space: OneOf) -> list[Token]:
    """What stands for each choice in a study, all different.

    >>> labels(OneOf(3, 5, 7)), labels(OneOf((2, 2), (3, 3))), labels(OneOf("none", Int(1, 2), Int(1, 3)))
    ([3, 5, 7], ['(2, 2)', '(3, 3)'], ['none', 'Int', 'Int#2'])
    """
    choices = space.choices
    if all(isinstance(one, str | int | float) for one in choices) and len(set(choices)) == len(choices):
        return list(choices)
    seen: Counter[str] = Counter()
    named: list[Token] = []
    for word in map(_word, choices):
        seen[word] += 1
        named.append(word if seen[word] == 1 else f"{word}#{seen[word]}")
    return named


def _word(choice: Any) -> str:
    # Never the repr of an object: it may hold an address, and the next process must find the same label.
    if isinstance(choice, str | int | float | np.generic):
        return str(choice)
    if isinstance(choice, tuple | list):
        return f"({', '.join(map(_word, choice))})"
    name = getattr(choice, "name", None) or getattr(choice, "__name__", None)
    return name if isinstance(name, str) else type(choice).__name__


def _token(space: Space, value: Any) -> Token:
    if isinstance(space, OneOf):
        value = space.nearest(value)
        places = [i for i, one in enumerate(space.choices) if one is value or one == value]
        return labels(space)[places[0]]
    return value


def _value(space: Space, token: Token) -> Any:
    if isinstance(space, OneOf):
        named = labels(space)
        return space.choices[named.index(token)] if token in named else space.default
    return space.nearest(token)


def _holds(space: Space, token: Token) -> bool:
    return token in (labels(space) if isinstance(space, OneOf) else space)


def _history(trial: Trial) -> tuple[Mapping[str, BaseDistribution], Mapping[str, Token]]:
    """The forms that the study's trials gave their parameters, and the values enqueued for this trial."""
    study = getattr(trial, "study", None)
    if study is None:  # a FixedTrial stands alone
        return {}, {}
    trials = study.get_trials(deepcopy=False)
    known = {name: form for one in trials for name, form in one.distributions.items()}
    return known, trials[trial.number].system_attrs.get("fixed_params", {})


def _agree(form: BaseDistribution, space: Space) -> bool:
    """Whether a study can hold `space` where it holds `form`: ranges of numbers may change, all else may not."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match space:
        case OneOf():
            return isinstance(form, CategoricalDistribution) and list(form.choices) == labels(space)
        case Int(log=log):
            return isinstance(form, IntDistribution) and form.log == log
        case Float(log=log):
            return isinstance(form, FloatDistribution) and form.log == log
    return False


def _spelled(space: Space) -> str:
    match space:
        case OneOf():
            return "|".join(map(str, labels(space)))
        case Int(log=log) | Float(log=log):
            return f"{type(space).__name__}{' log' if log else ''}"
    return type(space).__name__
