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
from medley.core.row_reporting import RowWarning, WarningCollector, using_row_numbers
from medley.errors import warn, within
from medley.search.labelled_rows import LabelledRows
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
        sample: LabelledRows,
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
        self.unreadable_rows: dict[str, list[dict[str, Any]]] = {}
        self._files = EncodedFiles()

    def encode(self, encodings: Mapping[str, tuple[str, Codec]]) -> dict[str, list[Encoded]]:
        """As `Stream.encode`; what was encoded before, by any process, is not encoded again.

        Warns:
            BadImageWarning: images cannot be read; told once for all rows, and again where they are taken from files.
        """
        keys = {name: self._key(input_name, codec) for name, (input_name, codec) in encodings.items()}
        stored = {name: self._files.open(key) for name, key in keys.items()}
        found = {name: one for name, one in stored.items() if one is not None}
        for name, one in found.items():
            self._tell(encodings[name][0], one.metadata)
        new = {name: one for name, one in encodings.items() if name not in found}
        if new:
            start_time = monotonic()
            self._write({keys[name]: one for name, one in new.items()})
            rows, inputs = sum(self.sizes), ", ".join(dict.fromkeys(input_name for input_name, _ in new.values()))
            self.progress.log(
                f"encoded {inputs}: {rows:,} rows in {monotonic() - start_time:.0f} s, kept in {self._files.folder}"
            )
            found.update({name: self._made(keys[name]) for name in new})
        else:
            self.progress.log(f"encoded before, and taken from {self._files.folder}")
        return {name: found[name].parts for name in encodings}

    def _made(self, key: str) -> StoredEncoding:
        stored = self._files.open(key)
        if stored is None:
            raise medley.errors.DataError(f"{self._files.folder / key} was removed or damaged just now; try again.")
        return stored

    def _key(self, input_name: str, codec: Codec) -> str:
        view = self.view.only([input_name])
        cells = [self.view.schema[name] for name in view.required]
        read = [[one.name, str(one.kind), one.form] for one in cells]
        state = sorted(codec.state().items())
        values = [value if isinstance(value, np.ndarray) else repr(value) for _, value in state]
        words = [type(codec).__qualname__, json.dumps([asdict(one) for one in view.feeds]), json.dumps(read)]
        return cache.digest(self.digest, *words, *(key for key, _ in state), *values)

    def _write(self, new: Mapping[str, tuple[str, Codec]]) -> None:
        """Encodes all rows for some keys at once."""
        view = self.view.only([input_name for input_name, _ in new.values()])
        forms = {key: _form(codec, self.sizes) for key, (_, codec) in new.items()}
        row = sum(int(np.prod(form.shape)) * form.dtype.itemsize for form in forms.values())
        total = len(self.sides)
        with WarningCollector() as collector, self._files.writing(forms) as writers:
            for start, batch in self.table.batches(view.required, 2.0 * row):
                self._add(view, start, batch, new, writers)
                self.progress.show_rows("encoding", start + len(batch), total)
            for key, (input_name, _) in new.items():
                prefix = f"{input_name}: "
                warnings = [warning for warning in collector.warnings if warning.prefix.startswith(prefix)]
                writers[key].metadata = list(map(_as_json, warnings))
                self._remember(input_name, writers[key].metadata)
        self.progress.show_rows("", total, total)

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
        for key, (input_name, codec) in new.items():
            with within(input_name), using_row_numbers(start + keep), WarningCollector(f"{input_name}: "):
                encoded = codec.encode(x[input_name])
            for part in (0, 1):
                mine = sides[keep] == part
                writers[key].add(part, Encoded(encoded.array[mine], encoded.present[mine]))

    def _tell(self, input_name: str, warnings: Sequence[Mapping[str, Any]]) -> None:
        """Warns again of what was warned of when the files were written."""
        for one in warnings:
            warn(one["message"], getattr(medley.errors, one["category"]))
        self._remember(input_name, warnings)

    def _remember(self, input_name: str, warnings: Sequence[Mapping[str, Any]]) -> None:
        rows = [row for one in warnings for row in one["rows"]]
        if rows:
            self.unreadable_rows[input_name] = rows


def _form(codec: Codec, sizes: Sequence[int]) -> EncodingLayout:
    dtype = {"int64": np.int32, "uint8": np.uint8}.get(codec.spec.dtype, np.float32)
    return EncodingLayout(sizes, codec.spec.shape, np.dtype(dtype))


def _as_json(warning: RowWarning) -> dict[str, Any]:
    return {
        "message": warning.text,
        "category": warning.category.__name__,
        "rows": [{"row": item.row, "reason": f"{warning.prefix}{item}"} for item in warning.items],
    }
