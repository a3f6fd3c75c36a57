"""Files as streams of bytes, unpacked where they are packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medley.errors import DataError

PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_MARKS = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"PK\x03\x04": ".zip", b"\x28\xb5\x2f\xfd": ".zst"}


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A binary stream of a file's content; gzip, bzip2, xz, zip and zstandard are known by their first bytes.

    Raises:
        DataError: the file is damaged, cannot be opened, or is an archive of several files.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        packing = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "")
        with _stream(path, packing) as stream:
            yield stream
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: {error}") from error


def _stream(path: Path, packing: str) -> Any:
    match packing:
        case ".gz":
            return gzip.open(path)
        case ".bz2":
            return bz2.open(path)
        case ".xz":
            return lzma.open(path)
        case ".zip":
            return _only_member(path)
        case ".zst":
            import pyarrow

            return pyarrow.input_stream(str(path), compression="zstd")
    return path.open("rb")


@contextmanager
def _only_member(path: Path) -> Iterator[Any]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            told = ", ".join(map(repr, names[:5]))
            raise DataError(f"{str(path)!r} holds {len(names)} files ({told}): unpack it and name the one to read.")
        with archive.open(names[0]) as member:
            yield member
