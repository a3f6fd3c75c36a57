"""Encoded rows in memory-mapped files: written once, found again by the key of what they were made from."""

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
"""Where encoded tables are kept, under `cache.root()`."""

SHARE = 0.5
"""Of the disk that is free or already taken by encoded tables, what they may take; the longest unused make room."""

_DONE = "done.json"
_STALE = 86_400.0
_BLOCK = 2**24


@dataclass(frozen=True)
class Form:
    """Rows of one encoding.

    Args:
        sizes: the number of rows of each part (training, validation).
        shape: of one row.
        dtype: of its numbers.
    """

    sizes: Sequence[int]
    shape: tuple[int, ...]
    dtype: np.dtype


@dataclass(frozen=True)
class Kept:
    """An encoding that is there.

    Args:
        parts: one per part, its array memory-mapped and read-only.
        told: what was told when it was made (JSON).
    """

    parts: list[Encoded]
    told: Any


class EncodedFiles:
    """Encodings in a folder each, which holds either all of one or is not there.

    Args:
        folder: where; the user's cache, if left out; a temporary folder, where nothing is to be kept.

    >>> files = EncodedFiles(Path(tempfile.mkdtemp()))
    >>> with files.writing({"a": Form([2], (3,), np.dtype("float32"))}) as writers:
    ...     writers["a"].add(0, Encoded(np.ones((2, 3), "float32"), np.array([True, False])))
    >>> files.open("a").parts[0].array.shape, files.open("b")
    ((2, 3), None)
    """

    def __init__(self, folder: Path | None = None) -> None:
        kept = folder or cache_folder(FOLDER)
        if kept is None:
            kept = Path(tempfile.mkdtemp(prefix="medley-"))
            weakref.finalize(self, shutil.rmtree, kept, ignore_errors=True)
        self.folder = kept
        self.folder.mkdir(parents=True, exist_ok=True)

    def open(self, key: str) -> Kept | None:
        """The encoding of a key; None where there is none. One that is damaged is taken away."""
        place = self.folder / key
        try:
            told = json.loads((place / _DONE).read_text())
            parts = [_opened(place, number, told) for number in range(len(told["sizes"]))]
        except FileNotFoundError:
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            return None
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(place, ignore_errors=True)
            return None
        os.utime(place / _DONE)
        return Kept(parts, told["told"])

    @contextmanager
    def writing(self, forms: Mapping[str, Form]) -> Iterator[dict[str, Writer]]:
        """Writers by key; what they wrote is there once the block ends well, and never else.

        Args:
            forms: key -> the rows that will come.

        Raises:
            DataError: there is no room on the disk, or the folder cannot be written.
        """
        needed = {key: sum(one.sizes) * (_row_bytes(one) + 1) for key, one in forms.items()}
        self._make_room(sum(needed.values()))
        try:
            with ExitStack() as stack:
                writers = {key: stack.enter_context(Writer(self.folder, form)) for key, form in forms.items()}
                yield writers
                for key, writer in writers.items():
                    writer.finish(self.folder / key)
        except OSError as error:
            size = sum(needed.values()) / 2**30
            raise DataError(
                f"{self.folder} cannot hold the encoded table, {size:.1f} GiB ({error.strerror or error}). Make room, "
                "or set MEDLEY_CACHE to a folder on another disk."
            ) from error

    def _make_room(self, needed: int) -> None:
        for stale in self.folder.glob(".new-*"):  # of a process that was killed
            if time.time() - stale.stat().st_mtime > _STALE:
                shutil.rmtree(stale, ignore_errors=True)
        there = {one.parent: _size(one.parent) for one in self.folder.glob(f"*/{_DONE}")}
        limit = SHARE * (shutil.disk_usage(self.folder).free + sum(there.values()))
        for place in sorted(there, key=lambda one: (one / _DONE).stat().st_mtime):
            if sum(there.values()) + needed <= limit:
                return
            shutil.rmtree(place, ignore_errors=True)
            there.pop(place)


class Writer:
    """Writes one encoding, batch by batch; made by `EncodedFiles.writing`.

    Args:
        folder: where it will stand.
        form: what will come.
    """

    def __init__(self, folder: Path, form: Form) -> None:
        self.form = form
        self.told: Any = None
        """JSON that is kept with it."""
        self._folder = folder / f".new-{os.getpid()}-{token_hex(4)}"
        self._files: list[BinaryIO] = []
        self._sums = [0] * len(form.sizes)
        self._present: list[list[np.ndarray]] = [[] for _ in form.sizes]

    def __enter__(self) -> Self:
        self._folder.mkdir()
        self._files = [(self._folder / f"{place}.rows").open("wb") for place in range(len(self.form.sizes))]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, part: int, rows: Encoded) -> None:
        """Adds rows to a part, below those that are there."""
        content = np.ascontiguousarray(rows.array, self.form.dtype).tobytes()
        self._files[part].write(content)
        self._sums[part] = zlib.crc32(content, self._sums[part])
        self._present[part].append(np.asarray(rows.present, bool))

    def finish(self, place: Path) -> None:
        """Puts all in its place at once."""
        sums = []
        for number, (file, masks) in enumerate(zip(self._files, self._present, strict=True)):
            file.flush()
            os.fsync(file.fileno())
            present = np.concatenate([*masks, np.zeros(0, bool)])
            assert len(present) == self.form.sizes[number], (len(present), self.form.sizes[number])
            bits = np.packbits(present).tobytes()
            (self._folder / f"{number}.present").write_bytes(bits)
            sums.append([self._sums[number], zlib.crc32(bits)])
        told = {
            "sizes": list(self.form.sizes),
            "shape": list(self.form.shape),
            "dtype": self.form.dtype.str,
            "sums": sums,
            "told": self.told,
        }
        (self._folder / _DONE).write_text(json.dumps(told))
        try:
            os.rename(self._folder, place)
        except OSError:
            if not (place / _DONE).is_file():  # else another process was faster, with the same content
                raise


def _opened(place: Path, number: int, told: Mapping[str, Any]) -> Encoded:
    size, shape, dtype = told["sizes"][number], tuple(told["shape"]), np.dtype(told["dtype"])
    rows_sum, bits_sum = told["sums"][number]
    bits = (place / f"{number}.present").read_bytes()
    if zlib.crc32(bits) != bits_sum:
        raise ValueError("a file has changed")
    present = np.unpackbits(np.frombuffer(bits, np.uint8), count=size).astype(bool)
    path = place / f"{number}.rows"
    if path.stat().st_size != size * int(np.prod(shape)) * dtype.itemsize:
        raise ValueError("a file is too short or too long")
    if not path.stat().st_size:
        return Encoded(np.zeros((size, *shape), dtype), present)
    _check_sum(path, rows_sum)
    return Encoded(np.memmap(path, dtype, "r", shape=(size, *shape)), present)


def _check_sum(path: Path, known: int) -> None:
    found = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    if found != known:
        raise ValueError("a file has changed")


def _row_bytes(form: Form) -> int:
    return int(np.prod(form.shape)) * form.dtype.itemsize


def _size(place: Path) -> int:
    return sum(one.stat().st_size for one in place.iterdir() if one.is_file())
