"""Arrays that workers share: each is written once, and mapped into the memory of every process that reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.codec import Encoded
from medley.core.files import replacing, write_file
from medley.core.mapped import is_mapped
from medley.core.serialization import NUMBERS
from medley.errors import ArtifactError

ReadArray = Callable[[str], np.ndarray]
"""Name of an array -> the array."""


class ArrayNames:
    """Names of the arrays that tasks refer to: the same object has the same name in all of them.

    >>> names, array = ArrayNames(), np.zeros(2)
    >>> names.name(array), names.name(np.ones(2)), names.name(array)
    ('0', '1', '0')
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        """Name -> array."""
        self._names: dict[int, str] = {}

    def name(self, array: np.ndarray) -> str:
        """The name of an array, which is held from now on."""
        if id(array) not in self._names:
            name = str(len(self.arrays))
            self._names[id(array)], self.arrays[name] = name, array
        return self._names[id(array)]

    def encoded(self, rows: Encoded) -> dict[str, Any]:
        """Encoded rows as JSON, with names in place of arrays."""
        return {
            "array": self.name(rows.array),
            "present": self.name(rows.present),
            "is_mapped": is_mapped(rows.array),
        }


def restore_encoded(content: Mapping[str, Any], read: ReadArray) -> Encoded:
    """The inverse of `ArrayNames.encoded`.

    Rows that were in memory are in (shared) memory again, and rows that were read from files batch by batch are read so
    again, so that a training takes the same steps.
    """
    array = read(content["array"])
    return Encoded(array if content["is_mapped"] else np.asarray(array).view(np.ndarray), read(content["present"]))


class ArrayFolder:
    """Arrays as files in a folder.

    Args:
        folder: created if missing.

    >>> from tempfile import mkdtemp
    >>> folder = ArrayFolder(Path(mkdtemp()) / "arrays")
    >>> folder.write({"0": np.arange(3.0)})
    24
    >>> folder.read("0")
    memmap([0., 1., 2.])
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._arrays: dict[str, np.ndarray] = {}
        self._written: set[str] = set()

    def write(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Writes the arrays that it has not written yet; returns the number of bytes.

        An array that is a file already is linked, if the folder lies in the same file system: nothing is copied.
        """
        size = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in arrays.keys() - self._written:
            array = arrays[name]
            if not self._link(name, array):
                with replacing(self.folder / f"{name}.npy") as path, path.open("wb") as file:
                    np.save(file, array, allow_pickle=False)
                size += array.nbytes
            self._written.add(name)
        return size

    def _link(self, name: str, array: np.ndarray) -> bool:
        """Links the file that an array is mapped from, where it holds nothing but the array."""
        if not is_mapped(array) or not isinstance(array, np.memmap) or array.filename is None:
            return False
        source = Path(array.filename)
        try:
            if array.offset or source.stat().st_size != array.nbytes or not array.flags.c_contiguous:
                return False
            os.link(source, self.folder / f"{name}.rows")
        except OSError:  # another file system, or one without links
            return False
        layout = {"dtype": array.dtype.str, "shape": list(array.shape)}
        write_file(self.folder / f"{name}.json", json.dumps(layout).encode())
        return True

    def read(self, name: str) -> np.ndarray:
        """An array, mapped from its file: all processes of a machine share its pages. What is written to it is private.

        Raises:
            ArtifactError: there is no such array, or its file is damaged.
        """
        if name not in self._arrays:
            path = self.folder / f"{name}.npy"
            try:
                if not name.isalnum():
                    raise ValueError("no name of an array")
                layout = self.folder / f"{name}.json"
                self._arrays[name] = _linked(layout) if layout.is_file() else _mapped(path)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ArtifactError(f"{path} cannot be read as an array: {error}.") from error
        return self._arrays[name]


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except ValueError:  # an empty array cannot be mapped
        array = np.load(path, allow_pickle=False)
        if array.size:
            raise
        return array


def _linked(layout: Path) -> np.ndarray:
    content = json.loads(layout.read_text(encoding="utf-8"))
    dtype = np.dtype(content["dtype"])
    if dtype.kind not in NUMBERS:
        raise ValueError(f"numbers of type {dtype}")
    return np.memmap(layout.with_suffix(".rows"), dtype, "r", shape=tuple(content["shape"]))
