"""Rules for what is read from saved files: each class declares those of its state once, in one place."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from reprlib import Repr
from typing import Any

import numpy as np

from medley.errors import ArtifactError, ErrorCollector

MOST_ITEMS = 10_000_000
"""Items of a list or an object of one state."""

MOST_NUMBERS = 2**27
"""Numbers in one encoded row: more than any row of a model that is trained on one machine."""

MOST_STEPS = 1_000_000
"""Steps of a sequence, tokens of a text."""

LARGEST = float(np.finfo(np.float64).max)

Sizes = dict[str, int]

_short = Repr()
_short.maxstring = _short.maxother = 60


class Mismatch(Exception):
    """A value that breaks a rule: where it stands below the value that was read, and what is wrong."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem, self.path = problem, path


class Rule(ABC):
    """What a value must be.

    `sizes` holds the sizes that have a name: all values of one state that name a size must agree on it.
    """

    @abstractmethod
    def read(self, value: Any, sizes: Sizes) -> Any:
        """The value in its type.

        Raises:
            Mismatch: the value breaks the rule.
        """


@dataclass(frozen=True)
class Flag(Rule):
    """True or False."""

    def read(self, value: Any, sizes: Sizes) -> bool:
        if not isinstance(value, bool):
            raise _mismatch("true or false", value)
        return value


@dataclass(frozen=True)
class Whole(Rule):
    """A whole number.

    Args:
        low: the smallest.
        high: the largest.
        size: a name; all sizes of this name are equal.
    """

    low: int = 0
    high: int = 2**31 - 1
    size: str | None = None

    def read(self, value: Any, sizes: Sizes) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise _mismatch(f"a whole number from {self.low} to {self.high}", value)
        _agree(self.size, value, sizes)
        return value


@dataclass(frozen=True)
class Real(Rule):
    """A number.

    Args:
        low: the smallest.
        high: the largest.
        is_finite: whether NaN and infinity are refused.
    """

    low: float = -LARGEST
    high: float = LARGEST
    is_finite: bool = True

    def read(self, value: Any, sizes: Sizes) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not self.is_finite and not math.isfinite(value):
            return float(value)
        if not is_number or not self.low <= value <= self.high:
            raise _mismatch(f"a number from {self.low:g} to {self.high:g}", value)
        return float(value)


@dataclass(frozen=True)
class Text(Rule):
    """A string, of valid Unicode."""

    def read(self, value: Any, sizes: Sizes) -> str:
        if not isinstance(value, str):
            raise _mismatch("a string", value)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _mismatch("valid Unicode", value) from None
        return value


class Choice(Rule):
    """One of a few values."""

    def __init__(self, *choices: Any) -> None:
        self.choices = choices

    def read(self, value: Any, sizes: Sizes) -> Any:
        if not any(type(value) is type(choice) and value == choice for choice in self.choices):
            raise _mismatch(f"one of {', '.join(map(repr, self.choices))}", value)
        return value


@dataclass(frozen=True)
class Maybe(Rule):
    """A value of another rule, or null."""

    rule: Rule

    def read(self, value: Any, sizes: Sizes) -> Any:
        return None if value is None else self.rule.read(value, sizes)


class Either(Rule):
    """A value of one of several rules; the first that fits reads it."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def read(self, value: Any, sizes: Sizes) -> Any:
        problems = []
        for rule in self.rules:
            try:
                return rule.read(value, sizes)
            except Mismatch as mismatch:
                problems.append(f"{mismatch.path}{' ' if mismatch.path else ''}{mismatch.problem}")
        raise Mismatch("; or ".join(problems))


@dataclass(frozen=True)
class Items(Rule):
    """A list.

    Args:
        rule: of its items.
        size: their number, or its name.
        low: the smallest number of them.
        high: the largest.
        is_unique: whether no two are equal.
    """

    rule: Rule
    size: str | int | None = None
    low: int = 0
    high: int = MOST_ITEMS
    is_unique: bool = False

    def read(self, value: Any, sizes: Sizes) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise _mismatch("a list", value)
        if not self.low <= len(value) <= self.high:
            raise Mismatch(f"must have {self.low} to {self.high} items, got {len(value)}.")
        _agree(self.size, len(value), sizes)
        items = [_inside(f"[{place}]", self.rule, item, sizes) for place, item in enumerate(value)]
        if self.is_unique and len({(type(item), item) for item in items}) < len(items):
            raise Mismatch("must have no item twice.")
        return items


@dataclass(frozen=True)
class Named(Rule):
    """An object with any names, whose values are alike.

    Args:
        rule: of its values.
        size: their number, or its name.
    """

    rule: Rule
    size: str | int | None = None

    def read(self, value: Any, sizes: Sizes) -> dict[str, Any]:
        if not isinstance(value, Mapping) or len(value) > MOST_ITEMS:
            raise _mismatch("an object", value)
        _agree(self.size, len(value), sizes)
        return {name: _inside(f".{name}", self.rule, item, sizes) for name, item in value.items()}


@dataclass(frozen=True)
class Fields(Rule):
    """An object with these names; others are left out.

    Args:
        rules: name -> rule.
        optional: names that may be missing.
        keeps_others: whether values of other names are kept, unchecked.
        make: builds something of the values; by default they stay a dict. What it raises is a mismatch.
    """

    rules: Mapping[str, Rule]
    optional: frozenset[str] = frozenset()
    keeps_others: bool = False
    make: Callable[..., Any] = field(default=dict)

    def read(self, value: Any, sizes: Sizes) -> Any:
        if not isinstance(value, Mapping):
            raise _mismatch("an object", value)
        values = dict(value) if self.keeps_others else {}
        for name, rule in self.rules.items():
            if name in value:
                values[name] = _inside(f".{name}", rule, value[name], sizes)
            elif name not in self.optional:
                raise Mismatch("is missing.", f".{name}")
        return self.make(**values)


@dataclass(frozen=True)
class Json(Rule):
    """Any plain values, in no more than `depth` levels of lists and objects."""

    depth: int = 20

    def read(self, value: Any, sizes: Sizes) -> Any:
        if isinstance(value, Mapping | list | tuple):
            if self.depth == 0:
                raise Mismatch("is nested too deeply.")
            deeper = Json(self.depth - 1)
            for item in value.values() if isinstance(value, Mapping) else value:
                deeper.read(item, sizes)
        return value


@dataclass(frozen=True)
class Array(Rule):
    """An array of finite numbers.

    Args:
        dtype: the type that it is converted to.
        shape: one size per axis: a number, a name, or None for any.
        low: the smallest number.
        high: the largest.
        is_finite: whether NaN and infinity are refused.
    """

    dtype: Any
    shape: tuple[str | int | None, ...]
    low: float | None = None
    high: float | None = None
    is_finite: bool = True

    def read(self, value: Any, sizes: Sizes) -> np.ndarray:
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise _mismatch("an array of numbers", value)
        if value.ndim != len(self.shape):
            raise Mismatch(f"must have {len(self.shape)} axes, got the shape {value.shape}.")
        for size, name in zip(value.shape, self.shape, strict=True):
            _agree(name, size, sizes)
        if np.dtype(self.dtype).kind == "b" and value.dtype.kind != "b":
            raise Mismatch(f"must hold booleans, got {value.dtype}.")
        if np.dtype(self.dtype).kind in "iu" and value.dtype.kind == "f":
            raise Mismatch(f"must hold whole numbers, got {value.dtype}.")
        with np.errstate(over="ignore"):
            array = np.array(value, self.dtype)
        if array.dtype.kind == "f" and self.is_finite and not np.isfinite(array).all():
            raise Mismatch("must hold finite numbers, got NaN or infinity.")
        if array.size and array.dtype.kind != "b":
            if self.low is not None and not array.min() >= self.low:
                raise Mismatch(f"must hold numbers from {self.low:g} on, got {array.min()}.")
            if self.high is not None and not array.max() <= self.high:
                raise Mismatch(f"must hold numbers up to {self.high:g}, got {array.max()}.")
        return array


class StateRules:
    """The rules of a saved state, by the names of its values.

    >>> rules = StateRules(steps=Whole(1, 512), mean=Array(np.float32, ("C",)), scale=Array(np.float32, ("C",)))
    >>> rules.read({"steps": 3, "mean": np.zeros(2), "scale": np.ones(2)})["steps"]
    3
    >>> rules.read({"steps": 0, "mean": np.zeros(2), "scale": np.ones(3)})
    Traceback (most recent call last):
        ...
    medley.errors.ArtifactError: 2 errors:
    - steps must be a whole number from 1 to 512, got 0.
    - scale must agree with what stands beside it: the size C is 3 here and 2 there.
    """

    def __init__(self, **rules: Rule) -> None:
        self.rules = rules

    def read(self, state: Mapping[str, Any], sizes: Sizes | None = None) -> dict[str, Any]:
        """The values, each in its type; what has no rule is left out.

        Args:
            state: as it was read from a file.
            sizes: sizes by name that are known already; those of this state are added.

        Raises:
            ArtifactError: values are missing or break their rules; all are named.
        """
        errors, values = ErrorCollector(), {}
        if not isinstance(state, Mapping):
            raise ArtifactError(f"The state must be an object, got {_short.repr(state)}.")
        sizes = {} if sizes is None else sizes
        for name, rule in self.rules.items():
            if name not in state:
                if isinstance(rule, Maybe):
                    values[name] = None
                else:
                    errors.add(f"{name} is missing.")
                continue
            try:
                values[name] = rule.read(state[name], sizes)
            except Mismatch as mismatch:
                errors.add(f"{name}{mismatch.path} {mismatch.problem}")
        errors.raise_if_any(ArtifactError)
        return values


def require(holds: object, problem: str) -> None:
    """Raises an `ArtifactError` where values of a state do not fit each other.

    Args:
        holds: whether they do.
        problem: a sentence that says what does not fit.
    """
    if not holds:
        raise ArtifactError(problem)


def _mismatch(expected: str, value: Any) -> Mismatch:
    number = isinstance(value, float) and not math.isfinite(value)
    return Mismatch(f"must be {expected}, got {value if number else _short.repr(value)}.")


def _inside(path: str, rule: Rule, value: Any, sizes: Sizes) -> Any:
    try:
        return rule.read(value, sizes)
    except Mismatch as mismatch:
        raise Mismatch(mismatch.problem, path + mismatch.path) from None


def _agree(name: str | int | None, size: int, sizes: Sizes) -> None:
    expected = sizes.setdefault(name, size) if isinstance(name, str) else size if name is None else name
    if size != expected:
        there = f"the size {name} is {size} here and {expected} there" if isinstance(name, str) else f"got {size}"
        rule = "agree with what stands beside it" if isinstance(name, str) else f"have the size {expected}"
        raise Mismatch(f"must {rule}: {there}.")
