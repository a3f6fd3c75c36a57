"""Functions of the caller's own in declarations: what they are called, and what tells one from another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from types import CodeType
from typing import Any

from medley.core.block import Input
from medley.core.kinds import Kind
from medley.core.registry import name_of
from medley.data.cache import digest


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


def declaration(block: Any) -> str:
    """A declaration as code, the same in every process: a function by its name and the beginning of its identity."""
    words = []
    for one in fields(block):
        value = getattr(block, one.name)
        if value != one.default:
            named = f"{told(value)}#{identity(value, block.version)[:8]}" if callable(value) else repr(value)
            words.append(f"{one.name}={named}")
    return f"{type(block).__name__}({', '.join(words)})"


def gives_one_picture(one: Input) -> bool:
    """Whether an input has one picture per row, given or made."""
    return Kind.IMAGE in one.kinds and not hasattr(one, "max_images")
