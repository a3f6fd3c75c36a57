"""Models and functions in declarations: what they are called, and what tells one from another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from types import CodeType
from typing import Any, TypeVar

from medley.cache.folder import digest, warn_once
from medley.core.block import Block
from medley.core.input import Input
from medley.core.registry import name_of
from medley.errors import ConfigError, MissingDependencyError

AnyBlock = TypeVar("AnyBlock", bound=Block)


def told(fn: Callable[..., Any]) -> str:
    """What messages call a function.

    >>> told(len)
    'builtins.len'
    """
    return name_of(fn) or f"{getattr(fn, '__module__', '?')}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"


def identity(fn: Callable[..., Any], version: str | int | None) -> str:
    """A checksum of a function: of its name and version, and of its source where no version was given.

    What it calls, and values that it takes from elsewhere, are not seen: whoever changes these gives another version.

    Args:
        fn: a function, or an object that can be called (then its class's source counts).
        version: the caller's own word for it.

    >>> identity(told, 1) == identity(told, 1), identity(told, 1) == identity(told, 2)
    (True, False)
    """
    return digest(told(fn), f"version {version}" if version is not None else _source(fn))


def _source(fn: Callable[..., Any]) -> str:
    thing = fn if inspect.isroutine(fn) else type(fn)
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):  # typed into an interpreter, or built in
        code = getattr(thing, "__code__", None)
        return repr(thing) if code is None else _code(code)


def _code(code: CodeType) -> str:
    inner = [_code(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"


def told_model(model: Any) -> str:
    """What is told of a model that is a name, a folder or a function."""
    return told(model) if callable(model) else str(model)


def checksum(block: Any, *, cached: bool = False) -> str:
    """What tells a block's model from any other: its files or its commit on the hub, or a function's name and source.

    Args:
        block: has the fields `model`, `revision` and `version`.
        cached: never ask the hub.

    Raises:
        WeightsNotFoundError: there is no such model here.
    """
    if callable(block.model):
        return identity(block.model, block.version)
    from medley.nn import checkpoints, hub

    return checkpoints.identity(hub.find(str(block.model), block.revision, cached=cached))


def remembering(block: AnyBlock) -> AnyBlock:
    """The block with its model's checksum, so that another one in its place is noticed; as it is where none is here."""
    try:
        return replace(block, checksum=checksum(block, cached=True))  # type: ignore[type-var]
    except (ConfigError, MissingDependencyError):  # nobody needs it as long as every row brings what it would make
        return block


def recognised(block: Any) -> str:
    """The checksum of a block's model.

    Warns:
        MedleyWarning: it is not the one that was there when the block was joined to its input; once per process.
    """
    now = checksum(block)
    if block.checksum not in (None, now):
        warn_once(
            f"{type(block).__name__}: {told_model(block.model)} is not what it was when this network was drawn, and "
            "may make something else than the network was trained on. Give back the former one, or train anew."
        )
    return now


def declaration(block: Any) -> str:
    """A declaration as code, the same in every process: a function by its name and the beginning of its identity."""
    words = []
    for one in fields(block):
        value = getattr(block, one.name)
        if value != one.default and one.name != "checksum":
            named = f"{told(value)}#{identity(value, block.version)[:8]}" if callable(value) else repr(value)
            words.append(f"{one.name}={named}")
    return f"{type(block).__name__}({', '.join(words)})"


def gives_one_image(one: Input) -> bool:
    """Whether an input has one image per row, given or made."""
    return "image" in one.kinds and not hasattr(one, "max_images")
