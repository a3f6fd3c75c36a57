"""Encoded rows in memory-mapped files: written once, found by a key of their source."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Self

import numpy as np

from medley.cache.folder import folder as cache_folder
from medley.core.codec import Encoded
from medley.errors import DataError

FOLDER = "tables"
"""The folder of encoded tables, under `folder.root()`."""

DISK_FRACTION = 0.5
"""The fraction of the free disk space, or of what encoded tables use already, that they may use; the least
recently used are removed first."""

_MANIFEST = "done.json"
_STALE_SECONDS = 86_400.0
_BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class EncodingLayout:
    """The number, shape and type of the rows of one encoding.

    Args:
        sizes: the number of rows of each part (training, validation).
        shape: of one row.
        dtype: of its numbers.
    """

    sizes: Sequence[int]
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def row_bytes(self) -> int:
        """Size of a row."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


@dataclass(frozen=True)
class StoredEncoding:
    """An encoding that was read from its files.

    Args:
        parts: the encoded rows of each part; arrays are memory-mapped and read-only.
        metadata: JSON values that were stored with it.
    """

    parts: list[Encoded]
    metadata: Any


class EncodedFiles:
    """Stores each encoding in a folder of its own, which is either complete or does not exist.

    Args:
        folder: the parent folder; by default in the user's cache, or a temporary folder if caching is off.

    >>> files = EncodedFiles(Path(tempfile.mkdtemp()))
    >>> with files.writing({"a": EncodingLayout([2], (3,), np.dtype("float32"))}) as writers:
    ...     writers["a"].add(0, Encoded(np.ones((2, 3), "float32"), np.array([True, False])))
    >>> files.open("a").parts[0].array.shape, files.open("b")
    ((2, 3), None)
    """

    def __init__(self, folder: Path | None = None) -> None:
        chosen = folder or cache_folder(FOLDER)
        if chosen is None:
            chosen = Path(tempfile.mkdtemp(prefix="medley-"))
            weakref.finalize(self, shutil.rmtree, chosen, ignore_errors=True)
        self.folder = chosen
        self.folder.mkdir(parents=True, exist_ok=True)

    def open(self, key: str, *, verify: bool = True) -> StoredEncoding | None:
        """Read the encoding of a key; None if there is none. A damaged one is removed.

        Args:
            key: of the encoding.
            verify: whether to read all of it and compare checksums.
        """
        folder = self.folder / key
        try:
            manifest = json.loads((folder / _MANIFEST).read_text())
            numbers = range(len(manifest["sizes"]))
            parts = [_read_part(folder, number, manifest, verify=verify) for number in numbers]
            encoding = StoredEncoding(parts, manifest["metadata"])
        except FileNotFoundError:
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
            return None
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(folder, ignore_errors=True)
            return None
        os.utime(folder / _MANIFEST)
        return encoding

    @contextmanager
    def writing(self, layouts: Mapping[str, EncodingLayout]) -> Iterator[dict[str, Writer]]:
        """Provide writers by key; encodings are stored only if the block ends without an error.

        Args:
            layouts: key -> number, shape and type of the rows that will be written.

        Raises:
            DataError: the disk is full, or the folder cannot be written.
        """
        needed = {key: sum(layout.sizes) * (layout.row_bytes + 1) for key, layout in layouts.items()}
        self.make_room(sum(needed.values()))
        with self.reporting_errors(sum(needed.values())), ExitStack() as stack:
            writers = {key: stack.enter_context(Writer(self.folder, layout)) for key, layout in layouts.items()}
            yield writers
            for key, writer in writers.items():
                writer.finish(self.folder / key)

    @contextmanager
    def reporting_errors(self, needed: int) -> Iterator[None]:
        """Turns an error of the file system into one that names the folder, and the bytes that are needed.

        Raises:
            DataError: the disk is full, or the folder cannot be written.
        """
        try:
            yield
        except OSError as error:
            raise DataError(
                f"{self.folder} cannot hold the encoded table, {needed / 2**30:.1f} GiB ({error.strerror or error}). "
                "Free disk space, or set MEDLEY_CACHE to a folder on another disk."
            ) from error

    def make_room(self, needed: int) -> None:
        """Removes the least recently used encodings where there is no room for as many bytes."""
        for stale in self.folder.glob(".new-*"):  # left by a killed process
            if time.time() - stale.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(stale, ignore_errors=True)
        sizes = {path.parent: _folder_bytes(path.parent) for path in self.folder.glob(f"*/{_MANIFEST}")}
        limit = DISK_FRACTION * (shutil.disk_usage(self.folder).free + sum(sizes.values()))
        for oldest in sorted(sizes, key=lambda path: (path / _MANIFEST).stat().st_mtime):
            if sum(sizes.values()) + needed <= limit:
                return
            shutil.rmtree(oldest, ignore_errors=True)
            sizes.pop(oldest)


class Writer:
    """Writes one encoding in batches; created by `EncodedFiles.writing`.

    Args:
        folder: the parent folder.
        layout: number, shape and type of the rows.
    """

    def __init__(self, folder: Path, layout: EncodingLayout) -> None:
        self.layout = layout
        self.metadata: Any = None
        """JSON values to store with the encoding."""
        self._folder = folder / f".new-{os.getpid()}-{token_hex(4)}"
        self._files: list[BinaryIO] = []
        self._sums = [0] * len(layout.sizes)
        self._present: list[list[np.ndarray]] = [[] for _ in layout.sizes]

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self._files = [(self._folder / f"{number}.rows").open("wb") for number in range(len(self.layout.sizes))]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, part: int, rows: Encoded) -> None:
        """Append rows to a part."""
        content = np.ascontiguousarray(rows.array, self.layout.dtype).tobytes()
        self._files[part].write(content)
        self._sums[part] = zlib.crc32(content, self._sums[part])
        self._present[part].append(np.asarray(rows.present, bool))

    def finish(self, target: Path) -> None:
        """Complete the files and move them to their final folder in one step."""
        for file, masks, size in zip(self._files, self._present, self.layout.sizes, strict=True):
            file.flush()
            os.fsync(file.fileno())
            assert sum(map(len, masks)) == size, (sum(map(len, masks)), size)
        present = [np.concatenate([*masks, np.zeros(0, bool)]) for masks in self._present]
        complete(self._folder, target, self.layout, present, self._sums, self.metadata)


def complete(
    folder: Path,
    target: Path,
    layout: EncodingLayout,
    present: Sequence[np.ndarray],
    sums: Sequence[int],
    metadata: Any,
) -> None:
    """Writes what is missing beside the rows of an encoding, and moves it to its final folder in one step.

    Args:
        folder: with the files of rows.
        target: the final folder; what another process has put there meanwhile, with the same content, stays.
        layout: number, shape and type of the rows.
        present: of each part (N,).
        sums: checksums of the files of rows.
        metadata: JSON values to store with the encoding.
    """
    all_sums = []
    for number, (mask, rows_sum) in enumerate(zip(present, sums, strict=True)):
        bits = np.packbits(mask).tobytes()
        (folder / f"{number}.present").write_bytes(bits)
        all_sums.append([rows_sum, zlib.crc32(bits)])
    manifest = {
        "sizes": list(layout.sizes),
        "shape": list(layout.shape),
        "dtype": layout.dtype.str,
        "sums": all_sums,
        "metadata": metadata,
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest))
    try:
        os.rename(folder, target)
    except OSError:
        if not (target / _MANIFEST).is_file():  # otherwise another process was faster, with the same content
            raise


def _read_part(folder: Path, number: int, manifest: Mapping[str, Any], *, verify: bool) -> Encoded:
    size, shape, dtype = manifest["sizes"][number], tuple(manifest["shape"]), np.dtype(manifest["dtype"])
    rows_sum, bits_sum = manifest["sums"][number]
    bits = (folder / f"{number}.present").read_bytes()
    if zlib.crc32(bits) != bits_sum:
        raise ValueError("a file has changed")
    present = np.unpackbits(np.frombuffer(bits, np.uint8), count=size).astype(bool)
    path = folder / f"{number}.rows"
    if path.stat().st_size != size * int(np.prod(shape)) * dtype.itemsize:
        raise ValueError("a file is too short or too long")
    if not path.stat().st_size:
        return Encoded(np.zeros((size, *shape), dtype), present)
    if verify and file_sum(path) != rows_sum:
        raise ValueError("a file has changed")
    return Encoded(np.memmap(path, dtype, "r", shape=(size, *shape)), present)


def file_sum(path: Path) -> int:
    """The checksum of a file."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
