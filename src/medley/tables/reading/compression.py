"""Files as streams of bytes, decompressed if they are compressed."""

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

COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_SIGNATURES = {
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ": ".xz",
    b"PK\x03\x04": ".zip",
    b"\x28\xb5\x2f\xfd": ".zst",
}


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file as a binary stream; gzip, bzip2, xz, zip and zstandard are recognised by their first bytes.

    Raises:
        DataError: the file is damaged, cannot be opened, or is an archive of several files.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        compression = next((name for signature, name in _SIGNATURES.items() if start.startswith(signature)), "")
        with _stream(path, compression) as stream:
            yield stream
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: {error}") from error


def _stream(path: Path, compression: str) -> Any:
    match compression:
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
            listed = ", ".join(map(repr, names[:5]))
            raise DataError(f"{str(path)!r} holds {len(names)} files ({listed}): extract it and pass the one to read.")
        with archive.open(names[0]) as member:
            yield member
