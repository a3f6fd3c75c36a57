"""Encodings that several codecs of one call share: the linear path and the network read the same table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from medley.core.codec import Encoded

_Entry = tuple[Any, Any, Encoded]


@contextmanager
def sharing_encodings() -> Iterator[None]:
    """Within the context, `shared_encoding` encodes the same rows in the same way only once."""
    token = _ENTRIES.set([])
    try:
        yield
    finally:
        _ENTRIES.reset(token)


def shared_encoding(values: Any, way: Any, encode: Callable[[], Encoded]) -> Encoded:
    """Encodes rows, or returns their encoding of earlier in the context, which must not be changed.

    Args:
        values: rows; the same object is taken for the same rows.
        way: equal for codecs that encode alike.
        encode: computes the encoding.

    >>> import numpy as np
    >>> rows = [1.0]
    >>> def encode():
    ...     return Encoded(np.ones((1, 1)), np.ones(1, bool))
    >>> with sharing_encodings():
    ...     first, second = (shared_encoding(rows, "plain", encode) for _ in range(2))
    >>> first is second
    True
    """
    entries = _ENTRIES.get()
    if entries is None:
        return encode()
    for other_values, other_way, encoded in entries:
        if other_values is values and other_way == way:
            return encoded
    entries.append((values, way, encode()))
    return entries[-1][2]


_ENTRIES: ContextVar[list[_Entry] | None] = ContextVar("entries", default=None)
