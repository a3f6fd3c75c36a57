"""Encodings that several processes of a machine write together, shard by shard."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from medley.cache.encoded_files import EncodedFiles, EncodingLayout, complete, file_sum
from medley.cache.folder import digest, locked
from medley.core.codec import Encoded
from medley.core.files import write_file


class SharedWriter:
    """Writes encodings of which each process that needs them writes the shards that no other one is writing.

    Nobody coordinates them: whoever writes a shard holds a lock, which ends with its process, so a shard of a process
    that dies is written by another. What has been written is kept where all of them die.

    Args:
        files: the encodings of this machine.
        layouts: key -> number, shape and type of the rows; the same in all processes.
        shards: number of shards.

    >>> from tempfile import mkdtemp
    >>> files = EncodedFiles(Path(mkdtemp()))
    >>> writer = SharedWriter(files, {"a": EncodingLayout([3], (1,), np.dtype("int32"))}, 3)
    >>> for shard in writer.shards():
    ...     writer.write("a", 0, shard, Encoded(np.array([[shard]]), np.array([True])))
    >>> writer.finish(lambda key, notes: notes)
    True
    >>> files.open("a").parts[0].array.tolist()
    [[0], [1], [2]]
    """

    def __init__(self, files: EncodedFiles, layouts: Mapping[str, EncodingLayout], shards: int) -> None:
        self.files, self.layouts, self.count = files, layouts, shards
        self.folder = files.folder / f".new-{digest(*sorted(layouts))}"
        self.note: Any = None
        """JSON value to keep with the present shard."""
        with locked(files.folder):
            if not self.folder.exists() and not self._is_complete():
                files.make_room(sum(sum(layout.sizes) * (layout.row_bytes + 1) for layout in layouts.values()))
                self._create()

    def _is_complete(self) -> bool:
        return all((self.files.folder / key).exists() for key in self.layouts)

    def _create(self) -> None:
        draft = self.folder.with_name(f"{self.folder.name}-{token_hex(4)}")
        for key, layout in self.layouts.items():
            (draft / key).mkdir(parents=True)
            for number, size in enumerate(layout.sizes):
                for name, row_bytes in (("rows", layout.row_bytes), ("mask", 1)):
                    with (draft / key / f"{number}.{name}").open("wb") as file:
                        file.truncate(size * row_bytes)
        os.rename(draft, self.folder)

    def shards(self) -> Generator[int, None, None]:
        """Yields the shards that this process shall write; ends when all of them are written, by whichever process."""
        start = os.getpid() % self.count if self.count else 0
        order = [(start + place) % self.count for place in range(self.count)]
        for wait in (False, True):  # first those that nobody writes, then those of others, where these have died
            for shard in order:
                with suppress(FileNotFoundError):  # all is written, and was moved away
                    if self._note(shard).exists():
                        continue
                    with locked(self.folder, f"{shard}.lock", wait=wait) as is_locked:
                        if is_locked and not self._note(shard).exists() and self.folder.exists():
                            self.note = None
                            yield shard
                            write_file(self._note(shard), json.dumps(self.note).encode())

    def _note(self, shard: int) -> Path:
        return self.folder / f"{shard}.json"

    def write(self, key: str, part: int, start: int, rows: Encoded) -> None:
        """Writes consecutive rows of the present shard.

        Args:
            key: of the encoding.
            part: of its rows.
            start: position of the first row in the part.
            rows: encoded.
        """
        layout = self.layouts[key]
        content = np.ascontiguousarray(rows.array, layout.dtype).tobytes()
        mask = np.asarray(rows.present, np.uint8).tobytes()
        for name, data, row_bytes in (("rows", content, layout.row_bytes), ("mask", mask, 1)):
            with (self.folder / key / f"{part}.{name}").open("r+b") as file:
                file.seek(start * row_bytes)
                file.write(data)

    def finish(self, metadata: Callable[[str, Sequence[Any]], Any]) -> bool:
        """Completes the encodings, unless another process has done so.

        Args:
            metadata: of a key and the notes of all shards: JSON value to store with the encoding.

        Returns:
            Whether this process did it.
        """
        with locked(self.files.folder):
            if not self.folder.exists():
                return False
            notes = [json.loads(self._note(shard).read_bytes()) for shard in range(self.count)]
            for key, layout in self.layouts.items():
                folder, present, sums = self.folder / key, [], []
                for number in range(len(layout.sizes)):
                    with (folder / f"{number}.rows").open("rb+") as file:
                        os.fsync(file.fileno())
                    sums.append(file_sum(folder / f"{number}.rows"))
                    present.append(np.fromfile(folder / f"{number}.mask", bool))
                    (folder / f"{number}.mask").unlink()
                complete(folder, self.files.folder / key, layout, present, sums, metadata(key, notes))
            shutil.rmtree(self.folder, ignore_errors=True)
            return True
