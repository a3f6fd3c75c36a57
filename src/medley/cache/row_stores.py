"""Stores that only grow: rows of numbers and texts, found by the key of what they were made from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from medley.cache.folder import KEY, VARIABLE, locked, tell_once


class RowStore:
    """Rows of one shape, in two files that only grow: `<shape>-<type>.rows` and `.keys` beside it.

    Rows are written before their keys, so a process that is killed half-way leaves at most rows that nobody finds; the
    next that writes takes them away. Several processes may read and write at once. Where writing fails (a full disk),
    the store goes on in memory and says so once.

    Args:
        folder: where the files are; None keeps all in memory.
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
        self._held = np.empty((0, *self.shape), self.dtype)
        self.refresh()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def mapped(self) -> np.ndarray:
        """The rows on disk (N, *shape), memory-mapped and read-only; the first N places that `places` tells."""
        return self._mapped

    def refresh(self) -> None:
        """Sees what other processes have added."""
        if self.folder is None:
            return
        keys, rows = self._paths(self.folder)
        count = self._count(self.folder)
        if count == len(self._mapped):
            return
        # Held rows only exist once writing has failed, and then nothing more is read from disk.
        self._mapped = (
            np.memmap(rows, self.dtype, "r", shape=(count, *self.shape)) if self._size else self._empty(count)
        )
        self._index(np.fromfile(keys, KEY, count))

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Where the rows of these keys are (B,); -1 where there is none."""
        if not len(self._keys) or not len(keys):
            return np.full(len(keys), -1, np.intp)
        at = np.searchsorted(self._keys, keys, sorter=self._order)
        found = self._order[np.minimum(at, len(self._keys) - 1)]
        return np.where(self._keys[found] == keys, found, -1)

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """The places in `keys` (B,) of those that are not here, each key once, in order."""
        gaps = np.flatnonzero(self.places(keys) < 0)
        first = np.unique(keys[gaps], return_index=True)[1]
        return gaps[np.sort(first)]

    def add(self, keys: np.ndarray, rows: np.ndarray) -> None:
        """Keeps rows; those that are known already are left as they are.

        Args:
            keys: (B,).
            rows: (B, *shape).
        """
        rows = np.asarray(rows, self.dtype).reshape(len(keys), *self.shape)
        if self.folder is not None:
            try:
                return self._write(self.folder, keys, rows)
            except OSError as error:
                tell_once(
                    f"{self.folder} cannot be written ({error.strerror or error}), so results are kept in memory only "
                    f"from here on. Make room, or set {VARIABLE} to another folder."
                )
                self.refresh()
                self.folder = None
        new = self.missing(keys)
        self._held = np.concatenate([self._held, rows[new]])
        self._index(np.concatenate([self._keys, keys[new]]))

    def take(self, keys: np.ndarray) -> np.ndarray:
        """The rows of these keys (B, *shape).

        Raises:
            KeyError: one of them is not here.
        """
        places = self.places(keys)
        if (places < 0).any():
            raise KeyError(f"{int((places < 0).sum())} of {len(keys)} rows are not in this store.")
        found = np.empty((len(keys), *self.shape), self.dtype)
        on_disk = places < len(self._mapped)
        found[on_disk] = self._mapped[places[on_disk]]
        found[~on_disk] = self._held[places[~on_disk] - len(self._mapped)]
        return found

    @property
    def _size(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def _empty(self, count: int) -> np.ndarray:
        return np.empty((count, *self.shape), self.dtype)

    def _paths(self, folder: Path) -> tuple[Path, Path]:
        stem = f"{'x'.join(map(str, self.shape)) or '1'}-{self.dtype.name}"
        return folder / f"{stem}.keys", folder / f"{stem}.rows"

    def _count(self, folder: Path) -> int:
        """Whole rows that have a whole key."""
        sizes = [path.stat().st_size if path.exists() else 0 for path in self._paths(folder)]
        keyed = sizes[0] // KEY.itemsize
        return min(keyed, sizes[1] // self._size) if self._size else keyed

    def _write(self, folder: Path, keys: np.ndarray, rows: np.ndarray) -> None:
        with locked(folder):
            self.refresh()
            new = self.missing(keys)
            key_file, row_file = self._paths(folder)
            count = len(self._mapped)
            _extend(row_file, count * self._size, rows[new].tobytes())
            _extend(key_file, count * KEY.itemsize, keys[new].tobytes())
        self.refresh()

    def _index(self, keys: np.ndarray) -> None:
        self._keys = keys
        self._order = np.argsort(keys, kind="stable")


class TextStore:
    """Texts in a file of JSON lines, `{"key": ..., "text": ...}`, which may be read and edited with any editor.

    Of several lines with one key the last counts. A line that is no JSON (a killed process was writing it) is passed
    over.

    Args:
        path: the file, made where missing, in a folder that exists; None keeps all in memory.

    >>> store = TextStore(None)
    >>> store.add({"a": "a red door", "b": "a bed"})
    >>> store.missing(["c", "a"]), store.take(["b", "a"])
    (['c'], ['a bed', 'a red door'])
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[str, str] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._known)

    def refresh(self) -> None:
        """Sees what others have written."""
        if self.path is None or not self.path.exists():
            return
        # Not splitlines: texts may hold other ends of lines than the file's.
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                told = json.loads(line)
                self._known[told["key"]] = str(told["text"])
            except (ValueError, KeyError, TypeError):
                continue

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those that are not here, each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self._known]

    def add(self, texts: Mapping[str, str]) -> None:
        """Keeps texts by key; a known key gets the new text."""
        new = {key: text for key, text in texts.items() if self._known.get(key) != text}
        self._known.update(new)
        if self.path is None or not new:
            return
        lines = "".join(json.dumps({"key": key, "text": one}, ensure_ascii=False) + "\n" for key, one in new.items())
        try:
            with locked(self.path.parent):
                start = "\n" if _torn(self.path) else ""
                with self.path.open("ab") as file:
                    file.write((start + lines).encode())
        except OSError as error:
            tell_once(
                f"{self.path} cannot be written ({error.strerror or error}), so results are kept in memory only from "
                f"here on. Make room, or set {VARIABLE} to another folder."
            )
            self.path = None

    def take(self, keys: Sequence[str]) -> list[str]:
        """The texts of these keys.

        Raises:
            KeyError: one of them is not here.
        """
        return [self._known[key] for key in keys]


def _extend(path: Path, size: int, content: bytes) -> None:
    """Cuts a file to `size` bytes, appends, and waits until the disk has it."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _torn(path: Path) -> bool:
    """Whether the last line of a file was not finished."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
