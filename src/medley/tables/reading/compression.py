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

# RuntimeError and NotImplementedError: of zip archives that are encrypted, or compressed in a way that is not known.
_DAMAGES = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file as a binary stream; gzip, bzip2, xz, zip and zstandard are recognised by their first bytes.

    Raises:
        DataError: the file is damaged, encrypted, cannot be opened, or is an archive of several files.
    """
    try:
        with path.open("rb") as file:
            start = file.read(6)
        compression = next((name for signature, name in _SIGNATURES.items() if start.startswith(signature)), "")
        with _stream(path, compression) as stream:
            yield stream
    except _DAMAGES as error:
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
    with zipfile.ZipFile(path) as archive, archive.open(_only_name(path, archive)) as member:
        yield member


def _only_name(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    names = [name for name in names if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")]
    if len(names) != 1:
        listed = ", ".join(map(repr, names[:5])) or "none"
        raise DataError(f"{str(path)!r} holds {len(names)} files ({listed}): extract it and pass the one to read.")
    return names[0]


def content_name(path: Path) -> str:
    """The name of what a file holds: without the ending of a compression, or of the only file of a zip archive.

    >>> content_name(Path("pets.csv.gz"))
    'pets.csv'
    """
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                return _only_name(path, archive).rpartition("/")[2]
        except (OSError, zipfile.BadZipFile, RuntimeError):  # reported when it is read
            return path.stem
    return path.stem if path.suffix.lower() in COMPRESSED else path.name
