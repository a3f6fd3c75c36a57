"""Codecs as JSON: the block that makes one, by its registered name, and what it has learnt."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.config import from_json, to_json
from medley.core.head import Head
from medley.core.input import Input, Preprocessing
from medley.errors import ArtifactError

NUMBERS = "biuf"
"""Kinds of arrays that a file may hold: truth values and numbers, which no reader has to run code for."""


def codec_to_json(block: Block, codec: Codec) -> dict[str, Any]:
    """A fitted codec as JSON.

    Of a head, functions are left out: losses and metrics are for training, and its codec needs none to decode.

    Args:
        block: the input, preprocessing or head that made the codec.
        codec: fitted.

    Raises:
        ArtifactError: the block has no registered name, or holds something that has none.
    """
    told = to_json(_without_functions(block) if isinstance(block, Head) else block)
    return {**told, "state": {key: _value_to_json(one) for key, one in codec.state().items()}}


def codec_from_json(told: Mapping[str, Any]) -> Any:
    """The inverse of `codec_to_json`.

    Raises:
        ArtifactError: the JSON holds no codec.
        ConfigError: it names something that is not registered here.
    """
    block = from_json({"block": told["block"], "fields": told.get("fields", {})})
    if not isinstance(block, Input | Preprocessing | Head):
        raise ArtifactError(f"{told['block']!r} is no input, preprocessing or head, so it makes no codec.")
    return block.codec().restore({key: _value_from_json(one) for key, one in told["state"].items()})


def _without_functions(head: Head) -> Block:
    # Not `replace`: what is left out of a declaration goes back to its default, which need not be None.
    kept = {f.name: getattr(head, f.name) for f in fields(head) if not _holds_function(getattr(head, f.name))}
    return type(head)(**kept)


def _holds_function(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_function, value))
    return callable(value)


def _value_to_json(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind not in NUMBERS:
        raise ArtifactError(f"The state of a codec may hold arrays of numbers, got one of {value.dtype}.")
    array = np.ascontiguousarray(value)
    packed = base64.b64encode(array.tobytes()).decode("ascii")
    return {"array": packed, "dtype": array.dtype.newbyteorder("<").str, "shape": list(value.shape)}


def _value_from_json(value: Any) -> Any:
    if not (isinstance(value, Mapping) and set(value) == {"array", "dtype", "shape"}):
        return value
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in NUMBERS:
        raise ArtifactError(f"The state of a codec may hold arrays of numbers, got one of {dtype}.")
    flat = np.frombuffer(base64.b64decode(value["array"]), dtype)
    return flat.astype(dtype.newbyteorder("=")).reshape(value["shape"])
