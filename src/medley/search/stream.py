"""Rows that do not fit in memory: read in batches, encoded into files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from medley.core.codec import Codec, Encoded
from medley.search.part import Part


class Stream(ABC):
    """Rows that are read in batches: codecs learn from a sample of them, and all are encoded into files.

    Attributes:
        sample: training rows that codecs learn from; only their `x` and `numbers` are used.
        digest: a checksum of the rows and of how they are divided.
        bad_rows: input -> rows treated as missing, with reasons, as in `Encodings.bad_rows`; filled by `encode`.
    """

    sample: Part
    digest: str
    bad_rows: dict[str, list[dict[str, Any]]]

    @abstractmethod
    def encode(self, wanted: Mapping[str, tuple[str, Codec]]) -> dict[str, list[Encoded]]:
        """Encodes all rows, in one pass whatever is wanted.

        Args:
            wanted: key -> the input's name, and its fitted codec.

        Returns:
            Key -> training rows, validation rows.

        Raises:
            DataError: rows do not fit a codec.
        """
