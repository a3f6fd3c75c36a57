"""Exceptions of other libraries, which become errors of medley where their data crosses its border."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medley.errors import DataError, MedleyError

_LONGEST = 200


@contextmanager
def as_data_error(message: str) -> Iterator[None]:
    """Turns every exception inside that is not ours into a `DataError`: a border that foreign data crosses.

    Args:
        message: what cannot be done; the exception is named after it.

    >>> with as_data_error("Column 'x' cannot be read"):
    ...     float("y")
    Traceback (most recent call last):
        ...
    medley.errors.DataError: Column 'x' cannot be read (ValueError: could not convert string to float: 'y').
    """
    try:
        yield
    except (MedleyError, Warning, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"{message} ({described(error)}).") from error


def described(error: BaseException) -> str:
    """The class and the first line of an exception, cut to a readable length.

    >>> described(KeyError("a"))
    "KeyError: 'a'"
    """
    lines = str(error).strip().splitlines() or [""]
    text = lines[0].rstrip(".")
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
