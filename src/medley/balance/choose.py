"""Creation of a balancer from the argument `loss_weights=`."""

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

_BALANCERS = {"uncertainty": UncertaintyWeights, "dwa": DynamicWeightAverage, "famo": FastAdaptiveMultitask}
NAMES = (*_BALANCERS, *SCALARIZERS, *AGGREGATORS)
ALIASES = {"rlw": "random", "gls": "geometric_mean"}

# These are invariant to a constant factor on a loss, so that weights would have no effect.
_SCALE_INVARIANT = ("famo", "geometric_mean", "imtl_l", "uw")


def balancer(loss_weights: Any, names: Sequence[str], head_weights: Sequence[float] | None = None) -> Balancer:
    """Create the balancer of K tasks.

    Args:
        loss_weights: None (all 1), K numbers in the order of the outputs, one number for a single output, a
            dict from output to number (1 for outputs that are not in it), the name of a method, or a `Balancer`
            (which is copied, so that every training starts from it).
        names: the names of the K outputs.
        head_weights: the K weights of the heads, which multiply those above; None means all 1.

    Raises:
        ConfigError: a wrong number of weights; a weight that is negative, not finite or not a number; weights that are
            all zero; an unknown output or method; weights for a method that they do not affect (all are reported).
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
    parsed_head_weights = _parse_weights(
        "loss_weight", [1.0] * len(names) if head_weights is None else head_weights, names, errors
    )
    if isinstance(loss_weights, Balancer):
        return _from_instance(loss_weights, names, parsed_head_weights, errors)
    method, passed_weights = "", [1.0] * len(names)
    if isinstance(loss_weights, str):
        method = _method_name(loss_weights, errors)
    elif loss_weights is not None:
        passed_weights = _parse_weights("loss_weights", loss_weights, names, errors)
    _check_head_weights(method, parsed_head_weights, errors)
    weights = [w * h for w, h in zip(passed_weights, parsed_head_weights, strict=True)]
    if not any(weights):
        errors.add(f"Every output of {list(names)} has weight zero: nothing would be trained.")
    errors.raise_if_any(ConfigError)
    return _build(method, weights)


def _from_instance(
    passed: Balancer, names: Sequence[str], head_weights: list[float], errors: ErrorCollector
) -> Balancer:
    if len(passed.loss_weights) != len(names):
        errors.add(_wrong_number_of_weights("loss_weights", len(passed.loss_weights), names))
    _check_head_weights(passed.name, head_weights, errors)
    errors.raise_if_any(ConfigError)
    return passed.rescaled(head_weights)


def _check_head_weights(method: str, head_weights: list[float], errors: ErrorCollector) -> None:
    if method in _SCALE_INVARIANT and len(set(head_weights)) > 1:
        errors.add(
            f"loss_weight={head_weights} of the heads has no effect with {method!r}, which is invariant to the scale "
            'of a loss. Leave it at 1, or use fixed weights, "uncertainty" or "dwa".'
        )


def _build(method: str, weights: Sequence[float]) -> Balancer:
    if method in _BALANCERS:
        return _BALANCERS[method](weights)
    if method in SCALARIZERS:
        return Scalarization(method, weights)
    return JacobianDescent(method, weights) if method else FixedWeights(weights)


def _method_name(text: str, errors: ErrorCollector) -> str:
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    name = ALIASES.get(name, name)
    if name not in NAMES:
        hint = did_you_mean(name, NAMES)
        choices = "" if "Choose" in hint else f" Choose from: {', '.join(map(repr, NAMES))}."
        errors.add(f"loss_weights={text!r} is not a known method.{hint}{choices}")
    return name


def _parse_weights(argument: str, values: Any, names: Sequence[str], errors: ErrorCollector) -> list[float]:
    """Parse K numbers from a dict, a sequence or a number; invalid ones are replaced by 1."""
    if isinstance(values, Mapping):
        for key in values:
            if key not in names:
                errors.add(f"{argument} names {key!r}, which is not an output.{did_you_mean(key, names)}")
        values = [values.get(name, 1.0) for name in names]
    elif isinstance(values, Real):
        values = [values]
    elif not isinstance(values, Iterable):
        errors.add(f"{argument} must be numbers, a dict, the name of a method or a Balancer, got {values!r}.")
        return [1.0] * len(names)
    numbers = list(values)
    if len(numbers) != len(names):
        errors.add(_wrong_number_of_weights(argument, len(numbers), names))
        return [1.0] * len(names)
    return [_parse_weight(argument, value, name, errors) for value, name in zip(numbers, names, strict=True)]


def _parse_weight(argument: str, value: Any, name: str, errors: ErrorCollector) -> float:
    if isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < math.inf:
        return float(value)
    errors.add(f"{argument}: the weight of {name!r} must be a finite number >= 0, got {value!r}.")
    return 1.0


def _wrong_number_of_weights(argument: str, count: int, names: Sequence[str]) -> str:
    return f"{argument} has {count} weights for {len(names)} outputs: {', '.join(map(repr, names))}."
