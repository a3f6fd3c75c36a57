"""Names and checksums of the models and functions that blocks refer to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeVar

from medley.cache.folder import digest, warn_once
from medley.core.block import Block
from medley.core.input import InputBlock
from medley.core.registry import name_of
from medley.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from medley.nn.hub import ModelFiles

AnyBlock = TypeVar("AnyBlock", bound=Block)


def function_name(fn: Callable[..., Any]) -> str:
    """A function's name in messages: its registered name, or its module and qualified name.

    >>> function_name(len)
    'builtins.len'
    """
    return name_of(fn) or f"{getattr(fn, '__module__', '?')}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"


def function_identity(fn: Callable[..., Any], version: str | int | None) -> str:
    """A checksum of a function: of its name and version or, if it has no version, of its name and source code.

    The functions that it calls and the values that it closes over are not part of it; change the version with them.

    Args:
        fn: a function, or a callable object, whose class's source is used.
        version: set by the caller.

    >>> function_identity(len, 1) == function_identity(len, 1), function_identity(len, 1) == function_identity(len, 2)
    (True, False)
    """
    return digest(function_name(fn), f"version {version}" if version is not None else _source(fn))


def _source(fn: Callable[..., Any]) -> str:
    definition = fn if inspect.isroutine(fn) else type(fn)
    try:
        return inspect.getsource(definition)
    except (OSError, TypeError):  # defined in an interactive session, or built in
        code = getattr(definition, "__code__", None)
        return repr(definition) if code is None else _bytecode(code)


def _bytecode(code: CodeType) -> str:
    constants = [_bytecode(const) if isinstance(const, CodeType) else repr(const) for const in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def model_label(model: Any) -> str:
    """How messages name a model that is a name on the hub, a folder or a function."""
    return function_name(model) if callable(model) else str(model)


def model_checksum(block: Any, *, cached: bool = False) -> str:
    """A checksum of a block's model: of its files or its commit on the hub, or of a function.

    Args:
        block: with the fields `model`, `revision` and `version`.
        cached: use the local cache only, do not contact the hub.

    Raises:
        WeightsNotFoundError: there is no such model.
    """
    if callable(block.model):
        return function_identity(block.model, block.version)
    from medley.nn.checkpoints import identity

    return identity(model_files(block, cached=cached))


def model_files(block: Any, *, cached: bool = False) -> ModelFiles:
    """The files of a block's model.

    Args:
        block: with the fields `model`, a name or folder, and `revision`.
        cached: as of `model_checksum`.

    Raises:
        WeightsNotFoundError: there is no such model.
    """
    from medley.nn.hub import find

    return find(str(block.model), block.revision, cached=cached)


def with_checksum(block: AnyBlock) -> AnyBlock:
    """The block with its model's checksum, so that a changed model is detected; unchanged if the model is not found."""
    try:
        return replace(block, checksum=model_checksum(block, cached=True))  # type: ignore[type-var]
    except (
        ConfigError,
        MissingDependencyError,
    ):  # the model is not needed as long as every row has the value it would generate
        return block


def verified_checksum(block: Any) -> str:
    """The checksum of a block's model, compared with the one that the block recorded.

    Warns:
        MedleyWarning: the model has changed since the block was called on its input; once per process.
    """
    current = model_checksum(block)
    if block.checksum not in (None, current):
        warn_once(
            f"{type(block).__name__}: {model_label(block.model)} has changed since this network was built and "
            "may give other results than those the network was trained on. Restore the former model, or train again."
        )
    return current


def stable_repr(block: Any) -> str:
    """A `repr` that is the same in every process: functions appear by name and the start of their checksum."""
    arguments = []
    for option in fields(block):
        value = getattr(block, option.name)
        if value != option.default and option.name != "checksum":
            text = (
                f"{function_name(value)}#{function_identity(value, block.version)[:8]}"
                if callable(value)
                else repr(value)
            )
            arguments.append(f"{option.name}={text}")
    return f"{type(block).__name__}({', '.join(arguments)})"


def has_one_image_per_row(source: InputBlock) -> bool:
    """Whether an input has one image per row, its own or computed."""
    return "image" in source.kinds and not hasattr(source, "max_images")
