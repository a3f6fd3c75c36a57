"""Rows that do not fit in memory: read in batches, encoded into files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medley.core.block import Node
from medley.core.codec import Codec, Encoded
from medley.search.labelled_rows import LabelledRows


@dataclass(frozen=True)
class StreamEncoding:
    """How the rows of a stream are encoded.

    Args:
        input_name: name of the input.
        codec: fitted to the sample.
        node: of the input where it is derived from others; else None.
        sample: the encoded rows of the sample, where the codec learnt from labels and encodes them out of fold.
        key: of its files, where another process has computed it.
    """

    input_name: str
    codec: Codec
    node: Node | None = None
    sample: Encoded | None = None
    key: str = ""


class Stream(ABC):
    """Rows that are read in batches: codecs are fitted to a sample of them, and all are encoded into files.

    Attributes:
        sample: training rows to which codecs are fitted; only their `x` and `numbers` are used.
        digest: a checksum of the rows and of their split.
        is_sharded: whether other machines can read parts of them.
        unreadable_rows: input -> rows treated as missing, as in `Encodings.unreadable_rows`; filled by `encode`.
    """

    sample: LabelledRows
    digest: str
    is_sharded: bool = False
    unreadable_rows: dict[str, list[dict[str, Any]]]

    @abstractmethod
    def key(self, encoding: StreamEncoding) -> str:
        """The key of an encoding in the cache: a checksum of all that it depends on."""

    @abstractmethod
    def encode(self, encodings: Mapping[str, StreamEncoding]) -> dict[str, list[Encoded]]:
        """Computes several encodings of all rows in one pass.

        Args:
            encodings: key -> how rows are encoded.

        Returns:
            Key -> encoded training rows, encoded validation rows.

        Raises:
            DataError: rows cannot be encoded by a codec.
        """
