"""Encodes the rows of a table that does not fit into memory, in batches, into memory-mapped files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any, cast

import numpy as np

import medley.errors
from medley.cache import folder as cache
from medley.cache.encoded_files import EncodedFiles, EncodingLayout, StoredEncoding
from medley.core.codec import Codec, Encoded
from medley.core.linear import SupervisedCodec
from medley.core.row_reporting import RowWarning, WarningCollector, using_row_numbers
from medley.data.rows import take
from medley.errors import warn, within
from medley.graph.graph import Graph
from medley.model.derived import InputRows
from medley.search.labelled_rows import LabelledRows, row_numbers
from medley.search.progress import Progress
from medley.search.stream import Stream, StreamEncoding
from medley.tables.reading.large_table import LargeTable
from medley.tables.reading.read import Table
from medley.tables.view import TableView

TRAIN, VALIDATION, LEFT_OUT = 0, 1, -1
"""The part that a row belongs to."""


class TableStream(Stream):
    """A table in files, read in batches; its encodings are cached by the content of the table.

    Args:
        table: the files.
        view: reads inputs from the table.
        part_of_row: (N,) `TRAIN`, `VALIDATION` or `LEFT_OUT`.
        sample: training rows to which codecs are fitted.
        digest: a checksum of the table, of the files whose paths it contains, and of the split.
        progress: logs.
        folds: the fold of each training row, or None.

    Attributes:
        fold_of_row: (N,) the fold of each row, 0 for rows that are not trained on; or None.
    """

    def __init__(
        self,
        table: LargeTable,
        view: TableView,
        part_of_row: np.ndarray,
        sample: LabelledRows,
        digest: str,
        progress: Progress,
        folds: np.ndarray | None = None,
    ) -> None:
        self.table = table
        self.view = view
        self.part_of_row = part_of_row
        self.sizes = [int((part_of_row == part).sum()) for part in (TRAIN, VALIDATION)]
        self.sample = sample
        self.digest = digest
        self.progress = progress
        self.fold_of_row: np.ndarray | None = None
        if folds is not None:
            self.fold_of_row = np.zeros(len(part_of_row), np.int8)
            self.fold_of_row[part_of_row == TRAIN] = folds
        self.unreadable_rows: dict[str, list[dict[str, Any]]] = {}
        self.is_sharded = table.is_sharded and cache.root() is not None  # else nothing is shared
        self._files = EncodedFiles()

    def encode(self, encodings: Mapping[str, StreamEncoding]) -> dict[str, list[Encoded]]:
        """As `Stream.encode`; encodings in the cache, of any process, are reused.

        Warns:
            BadImageWarning: images cannot be read; once for all rows, and again when cached encodings are reused.
        """
        keys = {name: self.key(encoding) for name, encoding in encodings.items()}
        cached = {name: self._files.open(key) for name, key in keys.items()}
        stored = {name: encoding for name, encoding in cached.items() if encoding is not None}
        for name, encoding in stored.items():
            self._repeat_warnings(encodings[name].input_name, encoding.metadata)
        new = {name: encoding for name, encoding in encodings.items() if name not in stored}
        if new:
            start_time = monotonic()
            self._write({keys[name]: encoding for name, encoding in new.items()})
            rows, inputs = sum(self.sizes), ", ".join(dict.fromkeys(encoding.input_name for encoding in new.values()))
            self.progress.log(
                f"encoded {inputs}: {rows:,} rows in {monotonic() - start_time:.0f} s, kept in {self._files.folder}"
            )
            stored.update({name: self._open(keys[name]) for name in new})
        else:
            self.progress.log(f"encoded before, and taken from {self._files.folder}")
        return {name: stored[name].parts for name in encodings}

    def _open(self, key: str, *, verify: bool = True) -> StoredEncoding:
        encoding = self._files.open(key, verify=verify)
        if encoding is None:
            raise medley.errors.DataError(f"{self._files.folder / key} was removed or damaged just now; try again.")
        return encoding

    def key(self, encoding: StreamEncoding) -> str:
        codec, view = encoding.codec, self.view.only(_inputs_of(encoding))
        guesses = [self.view.schema[name] for name in view.required]
        kinds = [[guess.name, str(guess.kind), guess.form] for guess in guesses]
        state = sorted(codec.state().items())
        values = [value if isinstance(value, np.ndarray) else repr(value) for _, value in state]
        texts = [type(codec).__qualname__, json.dumps([asdict(feed) for feed in view.feeds]), json.dumps(kinds)]
        if encoding.sample is not None:  # out of fold, which the state of a codec does not determine
            values += [encoding.sample.array, *([] if self.fold_of_row is None else [self.fold_of_row])]
        return cache.digest(self.digest, *texts, *(key for key, _ in state), *values)

    def _write(self, new: Mapping[str, StreamEncoding]) -> None:
        """Encodes all rows for several keys at once."""
        view = self._view_of(new)
        layouts = {key: layout_of(encoding.codec, self.sizes) for key, encoding in new.items()}
        row_bytes = sum(layout.row_bytes for layout in layouts.values())
        total = len(self.part_of_row)
        with WarningCollector() as collector, self._files.writing(layouts) as writers:
            for start, batch in self.table.batches(view.required, 2.0 * row_bytes):
                self._add(view, start, batch, new, lambda key, part, rows: writers[key].add(part, rows))
                self.progress.show_rows("encoding", start + len(batch), total)
            for key, encoding in new.items():
                prefix = f"{encoding.input_name}: "
                warnings = [warning for warning in collector.warnings if warning.prefix.startswith(prefix)]
                writers[key].metadata = list(map(as_json, warnings))
                self._add_unreadable_rows(encoding.input_name, writers[key].metadata)
        self.progress.show_rows("", total, total)

    def _view_of(self, encodings: Mapping[str, StreamEncoding]) -> TableView:
        """A view of what encodings read."""
        return self.view.only([name for encoding in encodings.values() for name in _inputs_of(encoding)])

    def _add(
        self,
        view: TableView,
        start: int,
        batch: Table,
        new: Mapping[str, StreamEncoding],
        write: Callable[[str, int, Encoded], None],
    ) -> None:
        """Encodes a batch, and writes its rows by key and part."""
        part_of_row = self.part_of_row[start : start + len(batch)]
        used = np.flatnonzero(part_of_row != LEFT_OUT)
        if not len(used):
            return
        x = view.x(Table(batch.frame.iloc[used], batch.root, batch.origin))
        for key, encoding in new.items():
            name = encoding.input_name
            with within(name), using_row_numbers(start + used), WarningCollector(f"{name}: "):
                if encoding.sample is None:
                    encoded = encoding.codec.encode(_values_of(encoding, x, start + used))
                else:
                    encoded = self._encode_out_of_fold(encoding, encoding.sample, x, start + used)
            for part in (TRAIN, VALIDATION):
                rows = part_of_row[used] == part
                write(key, part, Encoded(encoded.array[rows], encoded.present[rows]))

    def _encode_out_of_fold(
        self, encoding: StreamEncoding, sample: Encoded, x: Mapping[str, Any], numbers: np.ndarray
    ) -> Encoded:
        """Encodes rows by a codec that learnt from labels: training rows out of fold, those of the sample as then.

        Args:
            encoding: of the rows.
            sample: the encoded rows of the sample.
            x: input name -> B rows.
            numbers: (B,) their positions in the table.
        """
        codec = cast(SupervisedCodec, encoding.codec)
        positions = row_numbers(self.sample)
        places = np.minimum(np.searchsorted(positions, numbers), len(positions) - 1)
        is_sampled = positions[places] == numbers
        array = np.zeros((len(numbers), *codec.spec.shape), np.float32)
        present = np.zeros(len(numbers), bool)
        array[is_sampled], present[is_sampled] = sample.array[places[is_sampled]], sample.present[places[is_sampled]]
        is_training = self.part_of_row[numbers] == TRAIN
        for rows in (np.flatnonzero(is_training & ~is_sampled), np.flatnonzero(~is_training)):
            if not len(rows):
                continue
            selected = {name: take(column, rows) for name, column in x.items()}
            values = _values_of(encoding, selected, numbers[rows])
            if is_training[rows[0]]:
                folds = None if self.fold_of_row is None else self.fold_of_row[numbers[rows]]
                encoded = codec.encode_training(values, folds)
            else:
                encoded = codec.encode(values)
            array[rows], present[rows] = encoded.array, encoded.present
        return Encoded(array, present)

    def _repeat_warnings(self, input_name: str, warnings: Sequence[Mapping[str, Any]]) -> None:
        """Repeats the warnings that were given when the files were written."""
        for warning in warnings:
            warn(warning["message"], getattr(medley.errors, warning["category"]))
        self._add_unreadable_rows(input_name, warnings)

    def _add_unreadable_rows(self, input_name: str, warnings: Sequence[Mapping[str, Any]]) -> None:
        rows = [row for warning in warnings for row in warning["rows"]]
        if rows:
            self.unreadable_rows[input_name] = rows


def _inputs_of(encoding: StreamEncoding) -> list[str]:
    """The inputs with columns of the table that an encoding reads."""
    if encoding.node is None:
        return [encoding.input_name]
    return [str(node.block.name) for node in Graph.walk([encoding.node]) if not node.inputs]


def _values_of(encoding: StreamEncoding, x: Mapping[str, Any], numbers: np.ndarray) -> Any:
    """The rows of an encoding's input, which may be derived from others."""
    rows = InputRows(x, numbers=numbers)
    if encoding.node is not None:
        rows.add(encoding.node)
    return rows[encoding.input_name]


def layout_of(codec: Codec, sizes: Sequence[int]) -> EncodingLayout:
    """How the rows of a codec are stored; `sizes` are the numbers of rows of the parts."""
    dtype = {"int64": np.int32, "uint8": np.uint8}.get(codec.spec.dtype, np.float32)
    return EncodingLayout(sizes, codec.spec.shape, np.dtype(dtype))


def as_json(warning: RowWarning) -> dict[str, Any]:
    """A warning as it is stored with encoded rows."""
    return {
        "message": warning.text,
        "category": warning.category.__name__,
        "rows": [{"row": item.row, "reason": f"{warning.prefix}{item}"} for item in warning.items],
    }
