"""From what a user writes as `loss_weights=` to a balancer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from medley.balance.aggregators import AGGREGATORS
from medley.balance.balancer import Balancer
from medley.balance.dwa import DynamicWeightAverage
from medley.balance.famo import FastAdaptiveMultitask
from medley.balance.fixed import FixedWeights
from medley.balance.jacobian import JacobianDescent
from medley.balance.scalarize import SCALARIZERS, Scalarization
from medley.balance.uncertainty import UncertaintyWeights
from medley.errors import ConfigError, ErrorCollector, did_you_mean

OWN = {"uncertainty": UncertaintyWeights, "dwa": DynamicWeightAverage, "famo": FastAdaptiveMultitask}
NAMES = (*OWN, *SCALARIZERS, *AGGREGATORS)
ALIASES = {"rlw": "random", "gls": "geometric_mean"}

# What these learn or multiply takes a constant factor on a loss back out: weights would drop in silence.
_BLIND = ("famo", "geometric_mean", "imtl_l", "uw")


def balancer(loss_weights: Any, names: Sequence[str], head_weights: Sequence[float] | None = None) -> Balancer:
    """The balancer of K tasks.

    Args:
        loss_weights: None (all 1), K numbers in the order of the outputs, one number for a single output, a
            dict from output to number (an output that it leaves out weighs 1), the name of a method, or a
            `Balancer` (which is copied, so that every training starts from it).
        names: the K outputs' names.
        head_weights: the outputs' own K weights, which multiply those above; None is all 1.

    Raises:
        ConfigError: a wrong count, a weight that is negative, not finite or no number, weights that are all
            zero, an unknown output or method, weights for a method that cannot honour them; all errors at
            once.
        MissingDependencyError: the method needs a package that is not installed.

    >>> balancer({"price": 0.5}, ["price", "breed"]).describe()
    {'name': 'fixed', 'weights': [0.5, 1.0]}
    >>> balancer("pcgrad", ["price", "breed"], [2.0, 1.0]).describe()
    {'name': 'pcgrad', 'weights': [2.0, 1.0]}
    >>> balancer([1, -1], ["price", "breed"])
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: loss_weights: the weight of 'breed' must be a finite number >= 0, got -1.
    """
    errors = ErrorCollector()
    heads = _weights("loss_weight", [1.0] * len(names) if head_weights is None else head_weights, names, errors)
    if isinstance(loss_weights, Balancer):
        return _of_instance(loss_weights, names, heads, errors)
    method, given = "", [1.0] * len(names)
    if isinstance(loss_weights, str):
        method = _method(loss_weights, errors)
    elif loss_weights is not None:
        given = _weights("loss_weights", loss_weights, names, errors)
    _check_sight(method, heads, errors)
    weights = [w * h for w, h in zip(given, heads, strict=True)]
    if not any(weights):
        errors.add(f"Every output of {list(names)} weighs zero: nothing would be trained.")
    errors.raise_if_any(ConfigError)
    return _build(method, weights)


def _of_instance(given: Balancer, names: Sequence[str], heads: list[float], errors: ErrorCollector) -> Balancer:
    if len(given.loss_weights) != len(names):
        errors.add(_miscount("loss_weights", len(given.loss_weights), names))
    _check_sight(given.name, heads, errors)
    errors.raise_if_any(ConfigError)
    return given.rescaled(heads)


def _check_sight(method: str, heads: list[float], errors: ErrorCollector) -> None:
    if method in _BLIND and len(set(heads)) > 1:
        errors.add(
            f"loss_weight={heads} of the heads has no effect under {method!r}, which is blind to the scale "
            'of a loss. Leave it at 1, or use fixed weights, "uncertainty" or "dwa".'
        )


def _build(method: str, weights: Sequence[float]) -> Balancer:
    if method in OWN:
        return OWN[method](weights)
    if method in SCALARIZERS:
        return Scalarization(method, weights)
    return JacobianDescent(method, weights) if method else FixedWeights(weights)


def _method(word: str, errors: ErrorCollector) -> str:
    name = word.strip().lower().replace("-", "_").replace(" ", "_")
    name = ALIASES.get(name, name)
    if name not in NAMES:
        hint = did_you_mean(name, NAMES)
        every = "" if "Choose" in hint else f" Choose from: {', '.join(map(repr, NAMES))}."
        errors.add(f"loss_weights={word!r} names no way of balancing losses.{hint}{every}")
    return name


def _weights(argument: str, given: Any, names: Sequence[str], errors: ErrorCollector) -> list[float]:
    """K numbers out of a dict, a sequence or a number; 1 wherever there was an error."""
    if isinstance(given, Mapping):
        for word in given:
            if word not in names:
                errors.add(f"{argument} names {word!r}, which is no output.{did_you_mean(word, names)}")
        given = [given.get(name, 1.0) for name in names]
    elif isinstance(given, Real):
        given = [given]
    elif not isinstance(given, Iterable):
        errors.add(f"{argument} must be numbers, a dict, the name of a method or a Balancer, got {given!r}.")
        return [1.0] * len(names)
    found = list(given)
    if len(found) != len(names):
        errors.add(_miscount(argument, len(found), names))
        return [1.0] * len(names)
    return [_weight(argument, value, name, errors) for value, name in zip(found, names, strict=True)]


def _weight(argument: str, value: Any, name: str, errors: ErrorCollector) -> float:
    if isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < math.inf:
        return float(value)
    errors.add(f"{argument}: the weight of {name!r} must be a finite number >= 0, got {value!r}.")
    return 1.0


def _miscount(argument: str, count: int, names: Sequence[str]) -> str:
    return f"{argument} has {count} weights for {len(names)} outputs: {', '.join(map(repr, names))}."
