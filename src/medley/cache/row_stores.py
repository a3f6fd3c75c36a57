"""Append-only stores of numeric rows and of texts, found by a key of their source."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from medley.cache.folder import KEY, VARIABLE, locked, warn_once


class RowStore:
    """Stores rows of one shape in two append-only files, `<shape>-<type>.rows` and `<shape>-<type>.keys`.

    Rows are written before their keys, so a killed process leaves at most rows without keys, which the next write
    removes. Several processes may read and write at once. If writing fails (a full disk), the store continues in
    memory, with one warning.

    Args:
        folder: the folder of the files; None keeps everything in memory.
        shape: of one row.
        dtype: of its numbers.

    >>> from medley.cache.folder import row_keys
    >>> store, keys = RowStore(None, (2,)), row_keys(np.eye(3))
    >>> store.add(keys[:2], np.ones((2, 2)))
    >>> store.missing(keys), store.take(keys[[1, 0, 1]]).shape
    (array([2]), (3, 2))
    """

    def __init__(self, folder: Path | None, shape: tuple[int, ...], dtype: str = "float32") -> None:
        self.folder = folder
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._keys = np.empty(0, KEY)
        self._order = np.empty(0, np.intp)
        self._mapped = np.empty((0, *self.shape), self.dtype)
        self._in_memory = np.empty((0, *self.shape), self.dtype)
        self.refresh()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def mapped(self) -> np.ndarray:
        """The rows on disk (N, *shape), memory-mapped and read-only; they have the positions 0 to N - 1."""
        return self._mapped

    def refresh(self) -> None:
        """Load what other processes have added."""
        if self.folder is None:
            return
        keys, rows = self._paths(self.folder)
        count = self._count(self.folder)
        if count == len(self._mapped):
            return
        # Rows are in memory only after writing has failed, and then nothing more is read from disk.
        self._mapped = (
            np.memmap(rows, self.dtype, "r", shape=(count, *self.shape)) if self._row_bytes else self._empty(count)
        )
        self._index(np.fromfile(keys, KEY, count))

    def positions(self, keys: np.ndarray) -> np.ndarray:
        """The positions of the rows with these keys (B,); -1 where there is none."""
        if not len(self._keys) or not len(keys):
            return np.full(len(keys), -1, np.intp)
        ranks = np.searchsorted(self._keys, keys, sorter=self._order)
        positions = self._order[np.minimum(ranks, len(self._keys) - 1)]
        return np.where(self._keys[positions] == keys, positions, -1)

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """The positions in `keys` (B,) of those that are not in the store, each key once, in order."""
        gaps = np.flatnonzero(self.positions(keys) < 0)
        first = np.unique(keys[gaps], return_index=True)[1]
        return gaps[np.sort(first)]

    def add(self, keys: np.ndarray, rows: np.ndarray) -> None:
        """Add rows; rows whose keys are in the store already are not changed.

        Args:
            keys: (B,).
            rows: (B, *shape).
        """
        rows = np.asarray(rows, self.dtype).reshape(len(keys), *self.shape)
        if self.folder is not None:
            try:
                return self._write(self.folder, keys, rows)
            except OSError as error:
                warn_once(
                    f"{self.folder} cannot be written ({error.strerror or error}), so results are kept in memory only "
                    f"from now on. Free disk space, or set {VARIABLE} to another folder."
                )
                self.refresh()
                self.folder = None
        new = self.missing(keys)
        self._in_memory = np.concatenate([self._in_memory, rows[new]])
        self._index(np.concatenate([self._keys, keys[new]]))

    def take(self, keys: np.ndarray) -> np.ndarray:
        """The rows of these keys (B, *shape).

        Raises:
            KeyError: one of them is not in the store.
        """
        positions = self.positions(keys)
        if (positions < 0).any():
            raise KeyError(f"{int((positions < 0).sum())} of {len(keys)} rows are not in this store.")
        rows = np.empty((len(keys), *self.shape), self.dtype)
        on_disk = positions < len(self._mapped)
        rows[on_disk] = self._mapped[positions[on_disk]]
        rows[~on_disk] = self._in_memory[positions[~on_disk] - len(self._mapped)]
        return rows

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def _empty(self, count: int) -> np.ndarray:
        return np.empty((count, *self.shape), self.dtype)

    def _paths(self, folder: Path) -> tuple[Path, Path]:
        stem = f"{'x'.join(map(str, self.shape)) or '1'}-{self.dtype.name}"
        return folder / f"{stem}.keys", folder / f"{stem}.rows"

    def _count(self, folder: Path) -> int:
        """The number of complete rows with a complete key."""
        sizes = [path.stat().st_size if path.exists() else 0 for path in self._paths(folder)]
        keyed = sizes[0] // KEY.itemsize
        return min(keyed, sizes[1] // self._row_bytes) if self._row_bytes else keyed

    def _write(self, folder: Path, keys: np.ndarray, rows: np.ndarray) -> None:
        with locked(folder):
            self.refresh()
            new = self.missing(keys)
            key_file, row_file = self._paths(folder)
            count = len(self._mapped)
            _append(row_file, count * self._row_bytes, rows[new].tobytes())
            _append(key_file, count * KEY.itemsize, keys[new].tobytes())
        self.refresh()

    def _index(self, keys: np.ndarray) -> None:
        self._keys = keys
        self._order = np.argsort(keys, kind="stable")


class TextStore:
    """Stores texts in a file of JSON lines, `{"key": ..., "text": ...}`, which any editor can edit.

    If several lines have the same key, the last one counts. Lines that are not valid JSON (left by a killed process)
    are ignored.

    Args:
        path: the file, created if missing, in an existing folder; None keeps everything in memory.

    >>> store = TextStore(None)
    >>> store.add({"a": "a red door", "b": "a bed"})
    >>> store.missing(["c", "a"]), store.take(["b", "a"])
    (['c'], ['a bed', 'a red door'])
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._texts: dict[str, str] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._texts)

    def refresh(self) -> None:
        """Load what other processes have written."""
        if self.path is None or not self.path.exists():
            return
        # Not splitlines: texts may contain other line separators than the file's.
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                record = json.loads(line)
                self._texts[record["key"]] = str(record["text"])
            except (ValueError, KeyError, TypeError):
                continue

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The keys that are not in the store, each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self._texts]

    def add(self, texts: Mapping[str, str]) -> None:
        """Add texts by key; the text of an existing key is replaced."""
        new = {key: text for key, text in texts.items() if self._texts.get(key) != text}
        self._texts.update(new)
        if self.path is None or not new:
            return
        lines = "".join(json.dumps({"key": key, "text": text}, ensure_ascii=False) + "\n" for key, text in new.items())
        try:
            with locked(self.path.parent):
                start = "\n" if _has_partial_line(self.path) else ""
                with self.path.open("ab") as file:
                    file.write((start + lines).encode())
        except OSError as error:
            warn_once(
                f"{self.path} cannot be written ({error.strerror or error}), so results are kept in memory only from "
                f"now on. Free disk space, or set {VARIABLE} to another folder."
            )
            self.path = None

    def take(self, keys: Sequence[str]) -> list[str]:
        """The texts of these keys.

        Raises:
            KeyError: one of them is not in the store.
        """
        return [self._texts[key] for key in keys]


def _append(path: Path, size: int, content: bytes) -> None:
    """Truncate a file to `size` bytes, append the content, and flush it to disk."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _has_partial_line(path: Path) -> bool:
    """Whether the last line of a file is incomplete."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
