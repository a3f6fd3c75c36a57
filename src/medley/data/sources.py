"""Sources: the encoded inputs of a network, and the codecs that encode them from rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.codec import Codec, Encoded
from medley.core.foreign_errors import as_data_error
from medley.core.row_reporting import WarningCollector
from medley.core.shared_encodings import sharing_encodings
from medley.data.rows import count
from medley.errors import DataError, ErrorCollector, within


@dataclass(frozen=True)
class Source:
    """One encoding of one input.

    Args:
        name: its name in the network.
        input_name: the input whose rows it encodes.
        codec: a fitted codec.
        reads: inputs whose rows, as a mapping, it encodes instead of those of one input.
    """

    name: str
    input_name: str
    codec: Codec
    reads: tuple[str, ...] = ()


def encode_inputs(sources: Sequence[Source], x: Mapping[str, Any]) -> dict[str, Encoded]:
    """Encode the rows of every input for every source.

    Args:
        sources: sources with fitted codecs.
        x: input name -> rows; None if the input is absent in all rows.

    Raises:
        DataError: rows cannot be encoded; all errors are reported at once, each with the name of its input.
    """
    size = next((count(values) for values in x.values() if values is not None), None)
    if size is None:
        raise DataError("Every input is None, so the number of rows is unknown; pass at least one input.")
    errors = ErrorCollector()
    encoded: dict[str, Encoded] = {}
    with sharing_encodings():
        for source in sources:
            with errors.collecting(), within(source.input_name), WarningCollector(f"{source.input_name}: "):
                encoded[source.name] = _encode(source, x, size)
    errors.raise_if_any(DataError)
    return encoded


def _encode(source: Source, x: Mapping[str, Any], size: int) -> Encoded:
    if source.reads:
        values = {name: x[name] for name in source.reads}
        values = None if all(rows is None for rows in values.values()) else values
    else:
        values = x[source.input_name]  # derived rows are computed here, which may fail
    with as_data_error("its rows cannot be encoded"):
        return absent(source.codec, size) if values is None else source.codec.encode(values)


def absent(codec: Codec, rows: int) -> Encoded:
    """Encoded rows of an input that is absent in all of them."""
    dtype = {"int64": np.int32, "uint8": np.uint8}.get(codec.spec.dtype, np.float32)
    return Encoded(np.zeros((rows, *codec.spec.shape), dtype), np.zeros(rows, bool))
