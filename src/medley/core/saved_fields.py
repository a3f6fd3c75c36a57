"""Blocks of saved models: made of their JSON, each field checked against the type that it is declared with."""

from __future__ import annotations

import collections.abc
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from medley.core.block import Block
from medley.core.config import from_json
from medley.core.registry import lookup
from medley.core.rules import Json, Maybe, StateRules, Text
from medley.core.space import Space
from medley.errors import ArtifactError, MedleyError, as_artifact_error

MOST = 10_000_000
"""The largest whole number in a field: a size, a count or a limit of any model that is trained on one machine."""

MOST_OF_LIMITS = 2**53
"""Likewise of a field `max_...`: nothing is made in that size."""

MOST_NAMES = 100_000
"""The most items of a field."""


def block_from_json(content: Mapping[str, Any], name: str) -> Block:
    """A block of a saved model, all fields set.

    Args:
        content: `{"block": registered name, "fields": {...}}`.
        name: for messages.

    Raises:
        ArtifactError: it is no block, or a field has a value of another type.
        ConfigError: it is not registered.
    """
    StateRules(block=Text(), fields=Maybe(Json())).read(content)
    lookup(content["block"])
    try:
        block = from_json({"block": content["block"], "fields": content.get("fields", {})})
        if not isinstance(block, Block):
            raise ArtifactError(f"{content['block']!r} is no block.")
        check_saved_fields(block)
    except MedleyError as error:
        raise as_artifact_error(error).within(name) from error.__cause__
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:  # fields that it does not have
        raise ArtifactError(f"This version of {content['block']!r} cannot be made: {error}.", where=name) from error
    return block


def check_saved_fields(block: Block) -> None:
    """Checks that every field of a block, and of the blocks in it, has a value of its type; no field is open.

    A block's own `check` judges values that a caller passes, who means them. Those of a file may be anything.

    Args:
        block: with all fields set, as it stands in a saved model.

    Raises:
        ArtifactError: a field has a value of another type, a number of no usual size, or is still to be searched.
    """
    problems = list(_problems(block, depth=0))
    if problems:
        raise ArtifactError(f"{type(block).__name__}: {' '.join(problems)}")


def _problems(block: Block, depth: int) -> Iterator[str]:
    if depth > 20:
        yield "it is nested too deeply."
        return
    types = _types(type(block))
    for field in fields(block):
        value = getattr(block, field.name)
        if not _fits(value, types[field.name]):
            yield f"{field.name} must be {_described(types[field.name])}, got {_shown(value)}."
        for inner in _blocks(value):
            yield from _problems(inner, depth + 1)
        most = MOST_OF_LIMITS if field.name.startswith("max_") else MOST
        if problem := _size_problem(value, most):
            yield f"{field.name} {problem}"


@cache
def _types(cls: type[Block]) -> dict[str, Any]:
    types = {}
    for field in fields(cls):
        owner = next(base for base in cls.__mro__ if field.name in get_annotations(base))
        annotation: Any = get_annotations(owner)[field.name]
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, vars(sys.modules[owner.__module__]))  # of a class, never of a file
            except (NameError, KeyError):  # imported for type checkers alone
                annotation = Any
        types[field.name] = annotation
    return types


def _fits(value: Any, expected: Any) -> bool:
    origin, arguments = get_origin(expected), get_args(expected)
    if expected is Any or isinstance(expected, str):
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return any(type(value) is type(argument) and value == argument for argument in arguments)
    if expected in (None, NoneType):
        return value is None
    if expected is Space:
        return False
    if expected is bool:
        return isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if origin is tuple:
        return isinstance(value, tuple | list) and _items_fit(value, arguments)
    if origin in (collections.abc.Sequence, list) or expected in (Sequence, list):
        is_sequence = isinstance(value, tuple | list)
        return is_sequence and (not arguments or all(_fits(item, arguments[0]) for item in value))
    if origin in (collections.abc.Mapping, dict) or expected in (Mapping, dict):
        if not isinstance(value, Mapping):
            return False
        return not arguments or all(_fits(key, arguments[0]) and _fits(value[key], arguments[1]) for key in value)
    if origin is collections.abc.Callable or expected is collections.abc.Callable:
        return callable(value) and not isinstance(value, type | Block)
    if origin is os.PathLike or expected is os.PathLike:
        return isinstance(value, os.PathLike)
    if isinstance(expected, type):
        return isinstance(value, expected)
    return True


def _items_fit(value: Sequence[Any], types: tuple[Any, ...]) -> bool:
    if len(types) == 2 and types[1] is Ellipsis:
        return all(_fits(item, types[0]) for item in value)
    return len(value) == len(types) and all(map(_fits, value, types))


def _blocks(value: Any) -> Iterator[Block]:
    if isinstance(value, Block):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _blocks(item)


def _size_problem(value: Any, most: int, depth: int = 0) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return f"must lie between -{most:,} and {most:,}, got {_shown(value)}." if abs(value) > most else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"must be finite, got {value}."
    if isinstance(value, Mapping | tuple | list):
        if len(value) > MOST_NAMES or depth > 20:
            return "holds too many values."
        inner = value.values() if isinstance(value, Mapping) else value
        return next((problem for item in inner if (problem := _size_problem(item, most, depth + 1))), None)
    return None


def _described(expected: Any) -> str:
    if get_origin(expected) in (Union, UnionType):
        return " or ".join(_described(argument) for argument in get_args(expected) if argument not in (Space, NoneType))
    if get_origin(expected) is Literal:
        return " or ".join(map(repr, get_args(expected)))
    return expected.__name__ if isinstance(expected, type) and get_origin(expected) is None else str(expected)


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a larger number"
    return text if len(text) <= 60 else f"{text[:57]}..."
