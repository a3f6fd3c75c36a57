"""Sources: what a network reads, with the codecs that make it from an input's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.codec import Codec, Encoded
from medley.core.numbering import gathered
from medley.data.rows import count
from medley.errors import DataError, ErrorCollector, within


@dataclass(frozen=True)
class Source:
    """One encoding of one input.

    Args:
        name: what the network calls it.
        input_name: whose rows it encodes.
        codec: fitted.
        reads: inputs whose rows, as a mapping, it encodes instead of those of one input.
    """

    name: str
    input_name: str
    codec: Codec
    reads: tuple[str, ...] = ()


def encode_inputs(sources: Sequence[Source], x: Mapping[str, Any]) -> dict[str, Encoded]:
    """Rows of every input -> encoded rows of every source.

    Args:
        sources: fitted.
        x: input name -> rows; None where the whole input is absent.

    Raises:
        DataError: all errors at once, each with its input's name.
    """
    size = next((count(values) for values in x.values() if values is not None), None)
    if size is None:
        raise DataError("Every input is None, so it is unknown how many rows there are; give at least one.")
    errors = ErrorCollector()
    found: dict[str, Encoded] = {}
    for source in sources:
        with errors.collecting(), within(source.input_name), gathered(f"{source.input_name}: "):
            if source.reads:
                values = {name: x[name] for name in source.reads}
                values = None if all(rows is None for rows in values.values()) else values
            else:
                values = x[source.input_name]  # rows may be derived only now, which may fail
            found[source.name] = absent(source.codec, size) if values is None else source.codec.encode(values)
    errors.raise_if_any(DataError)
    return found


def absent(codec: Codec, rows: int) -> Encoded:
    """`rows` rows of nothing."""
    dtype = {"int64": np.int32, "uint8": np.uint8}.get(codec.spec.dtype, np.float32)
    return Encoded(np.zeros((rows, *codec.spec.shape), dtype), np.zeros(rows, bool))
