"""Conversion of declarations to JSON and back: registered names, plain values, search spaces and nested blocks."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from medley.core import registry
from medley.core.block import Block
from medley.core.space import Float, Int, OneOf, Space
from medley.errors import ArtifactError

_SPACES = {"Int": Int, "Float": Float, "OneOf": OneOf}


def to_json(value: Any) -> Any:
    """Converts a value of a declaration to JSON.

    Args:
        value: a plain value, a list, a dict, a block, a search space, or a registered object.

    Raises:
        ArtifactError: the value (a lambda, a module) has no registered name, so it cannot be written to a file.

    >>> to_json((1, OneOf(3, 5)))
    [1, {'space': 'OneOf', 'choices': [3, 5], 'default': 3}]
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Block):
        return _block_to_json(value)
    if isinstance(value, Space):
        return _space_to_json(value)
    name = registry.name_of(value)
    if name is not None:
        return {"registered": name}
    raise ArtifactError(
        f"{value!r} cannot be written to a file: it has no registered name. "
        'Register the class or factory with @medley.extend.register("mine.part"), and pass the registered object.'
    )


def _block_to_json(block: Block) -> dict[str, Any]:
    name = registry.name_of(type(block))
    if name is None:
        raise ArtifactError(
            f"{type(block).__name__} has no registered name. Declare it as "
            f'`class {type(block).__name__}(..., register="mine.part")`.'
        )
    arguments = {f.name: to_json(getattr(block, f.name)) for f in fields(block) if getattr(block, f.name) is not None}
    return {"block": name, **({"fields": arguments} if arguments else {})}


def _space_to_json(space: Space) -> dict[str, Any]:
    if isinstance(space, OneOf):
        return {"space": "OneOf", "choices": to_json(space.choices), "default": to_json(space.default)}
    return {"space": type(space).__name__, **{key: to_json(item) for key, item in vars(space).items()}}


def from_json(value: Any) -> Any:
    """The inverse of `to_json`; sequences are returned as tuples.

    Args:
        value: as returned by `to_json`.

    Raises:
        ConfigError: a name is not registered.

    >>> from_json(to_json({"size": (1, 2)}))
    {'size': (1, 2)}
    """
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "block" in value:
        return registry.lookup(value["block"])(**{k: from_json(v) for k, v in value.get("fields", {}).items()})
    if "space" in value:
        return _space_from_json(value)
    if "registered" in value:
        return registry.lookup(value["registered"])
    return {key: from_json(item) for key, item in value.items()}


def _space_from_json(value: dict[str, Any]) -> Space:
    space_class = _SPACES.get(value["space"])
    if space_class is None:
        raise ArtifactError(f"Unknown search space {value['space']!r}.")
    arguments = {key: from_json(item) for key, item in value.items() if key != "space"}
    if space_class is not OneOf:
        return space_class(**arguments)
    choices, default = arguments["choices"], arguments["default"]
    # Blocks are compared by identity, so the default is identified by its position.
    index = value["choices"].index(value["default"]) if value["default"] in value["choices"] else None
    return OneOf(*choices, default=default if index is None else choices[index])
