"""Rows of a table that is larger than memory, encoded batch by batch into memory-mapped files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any

import numpy as np

import medley.errors
from medley.cache import folder as cache
from medley.cache.encoded_files import EncodedFiles, EncodingLayout, StoredEncoding, Writer
from medley.core.codec import Codec, Encoded
from medley.core.numbering import Notice, gathered, numbered
from medley.errors import warn, within
from medley.search.part import Part
from medley.search.progress import Progress
from medley.search.stream import Stream
from medley.tables.reading.large_table import LargeTable
from medley.tables.reading.read import Table
from medley.tables.view import TableView

LEFT_OUT = -1
"""What `sides` says of rows that neither train nor are held out."""


class TableStream(Stream):
    """A table in files, read in batches; what codecs make of it is kept and found again by its content.

    Args:
        table: the files.
        view: how inputs are read out of it.
        sides: (N,) which part each row belongs to: 0 training, 1 validation, or `LEFT_OUT`.
        sample: training rows that codecs learn from.
        digest: of the table's content, of the files that it names, and of the division.
        progress: is told what is done.
    """

    def __init__(
        self,
        table: LargeTable,
        view: TableView,
        sides: np.ndarray,
        sample: Part,
        digest: str,
        progress: Progress,
    ) -> None:
        self.table = table
        self.view = view
        self.sides = sides
        self.sizes = [int((sides == part).sum()) for part in (0, 1)]
        self.sample = sample
        self.digest = digest
        self.progress = progress
        self.bad_rows: dict[str, list[dict[str, Any]]] = {}
        self._files = EncodedFiles()

    def encode(self, wanted: Mapping[str, tuple[str, Codec]]) -> dict[str, list[Encoded]]:
        """As `Stream.encode`; what was encoded before, by any process, is not encoded again.

        Warns:
            BadImageWarning: images cannot be read; told once for all rows, and again where they are taken from files.
        """
        keys = {name: self._key(under, codec) for name, (under, codec) in wanted.items()}
        kept = {name: self._files.open(key) for name, key in keys.items()}
        found = {name: one for name, one in kept.items() if one is not None}
        for name, one in found.items():
            self._tell(wanted[name][0], one.metadata)
        new = {name: one for name, one in wanted.items() if name not in found}
        if new:
            began = monotonic()
            self._write({keys[name]: one for name, one in new.items()})
            rows, inputs = sum(self.sizes), ", ".join(dict.fromkeys(under for under, _ in new.values()))
            self.progress.say(
                f"encoded {inputs}: {rows:,} rows in {monotonic() - began:.0f} s, kept in {self._files.folder}"
            )
            found.update({name: self._made(keys[name]) for name in new})
        else:
            self.progress.say(f"encoded before, and taken from {self._files.folder}")
        return {name: found[name].parts for name in wanted}

    def _made(self, key: str) -> StoredEncoding:
        kept = self._files.open(key)
        if kept is None:
            raise medley.errors.DataError(f"{self._files.folder / key} was removed or damaged just now; try again.")
        return kept

    def _key(self, under: str, codec: Codec) -> str:
        view = self.view.only([under])
        cells = [self.view.schema[name] for name in view.required]
        read = [[one.name, str(one.kind), one.form] for one in cells]
        state = sorted(codec.state().items())
        told = [value if isinstance(value, np.ndarray) else repr(value) for _, value in state]
        words = [type(codec).__qualname__, json.dumps([asdict(one) for one in view.feeds]), json.dumps(read)]
        return cache.digest(self.digest, *words, *(key for key, _ in state), *told)

    def _write(self, new: Mapping[str, tuple[str, Codec]]) -> None:
        """Encodes all rows for some keys at once."""
        view = self.view.only([under for under, _ in new.values()])
        forms = {key: _form(codec, self.sizes) for key, (_, codec) in new.items()}
        row = sum(int(np.prod(form.shape)) * form.dtype.itemsize for form in forms.values())
        total = len(self.sides)
        with gathered() as noted, self._files.writing(forms) as writers:
            for start, batch in self.table.batches(view.required, 2.0 * row):
                self._add(view, start, batch, new, writers)
                self.progress.share("encoding", start + len(batch), total)
            for key, (under, _) in new.items():
                writers[key].metadata = [_as_json(one) for one in noted.notices if one.told.startswith(f"{under}: ")]
                self._remember(under, writers[key].metadata)
        self.progress.share("", total, total)

    def _add(
        self,
        view: TableView,
        start: int,
        batch: Table,
        new: Mapping[str, tuple[str, Codec]],
        writers: Mapping[str, Writer],
    ) -> None:
        sides = self.sides[start : start + len(batch)]
        keep = np.flatnonzero(sides != LEFT_OUT)
        if not len(keep):
            return
        x = view.x(Table(batch.frame.iloc[keep], batch.root, batch.origin))
        for key, (under, codec) in new.items():
            with within(under), numbered(start + keep), gathered(f"{under}: "):
                encoded = codec.encode(x[under])
            for part in (0, 1):
                mine = sides[keep] == part
                writers[key].add(part, Encoded(encoded.array[mine], encoded.present[mine]))

    def _tell(self, under: str, told: Sequence[Mapping[str, Any]]) -> None:
        """Warns again of what was warned of when the files were written."""
        for one in told:
            warn(one["message"], getattr(medley.errors, one["category"]))
        self._remember(under, told)

    def _remember(self, under: str, told: Sequence[Mapping[str, Any]]) -> None:
        rows = [row for one in told for row in one["rows"]]
        if rows:
            self.bad_rows[under] = rows


def _form(codec: Codec, sizes: Sequence[int]) -> EncodingLayout:
    dtype = {"int64": np.int32, "uint8": np.uint8}.get(codec.spec.dtype, np.float32)
    return EncodingLayout(sizes, codec.spec.shape, np.dtype(dtype))


def _as_json(notice: Notice) -> dict[str, Any]:
    return {
        "message": f"{notice.told}{notice.sentence(notice.found, notice.total)}",
        "category": notice.category.__name__,
        "rows": [{"row": one.row, "why": f"{notice.told}{one}"} for one in notice.found],
    }
