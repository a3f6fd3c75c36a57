"""A table on shared or object storage whose rows the processes of each machine encode together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self, final

import numpy as np

import medley.errors
from medley.cache.shared_writer import SharedWriter
from medley.core.codec import Encoded
from medley.core.row_reporting import WarningCollector
from medley.core.unreadable import list_message
from medley.errors import warn
from medley.search.labelled_rows import LabelledRows
from medley.search.progress import Progress
from medley.search.stream import StreamEncoding
from medley.search.table_stream import TRAIN, VALIDATION, TableStream, as_json, layout_of
from medley.tables.reading.files import TableFiles
from medley.tables.reading.large_table import LargeTable
from medley.tables.reading.shards import row_group_shards, shards_of
from medley.tables.view import TableView


@final
class NodeStream(TableStream):
    """A table in remote Parquet files, of which each process reads and encodes the row groups that no other one has.

    The processes of a machine share the encoded rows, in its cache. Which process encodes which row groups makes no
    difference to them.
    """

    _shards: np.ndarray

    @staticmethod
    def content(stream: TableStream, name: Callable[[np.ndarray], str]) -> dict[str, Any]:
        """A stream of remote files as JSON.

        Args:
            stream: of the search.
            name: array -> its name.
        """
        table = stream.table
        assert isinstance(table.path, TableFiles)
        arrays = {
            "part_of_row": stream.part_of_row,
            "fold_of_row": stream.fold_of_row,
            "sampled": stream.sample.numbers,
            "shards": row_group_shards(table.path.paths),
        }
        return {
            "urls": table.path.urls,
            "copies": [str(path) for path in table.path.paths],
            "partitions": table.path.partitions,
            "root": str(table.root.absolute()),
            "memory": table.memory,
            "row_bytes": table.row_bytes,
            "view": stream.view.state(),
            **{key: None if array is None else name(array) for key, array in arrays.items()},
        }

    @classmethod
    def restore(cls, content: Mapping[str, Any], read: Callable[[str], np.ndarray]) -> Self:
        """The inverse of `content`.

        Args:
            content: as it returned it.
            read: name of an array -> the array.
        """
        root, paths = Path(content["root"]), tuple(map(Path, content["copies"]))
        # The search's copy of a remote file is on its own machine only.
        urls = [
            url if url.startswith("file:") or not path.is_file() else ""
            for url, path in zip(content["urls"], paths, strict=True)
        ]
        files = TableFiles(paths, root, content["urls"][0], tuple(content["partitions"]), urls=tuple(urls))
        sampled = None if content["sampled"] is None else read(content["sampled"])
        sample = LabelledRows({}, {}, None, 0 if sampled is None else len(sampled), sampled)
        table = LargeTable(files, root, content["memory"], row_bytes=content["row_bytes"])
        view = TableView.restore(content["view"])
        stream = cls(table, view, read(content["part_of_row"]), sample, "", Progress(0))
        if content["fold_of_row"] is not None:
            stream.fold_of_row = read(content["fold_of_row"])
        stream._shards = read(content["shards"])
        return stream

    def encode(self, encodings: Mapping[str, StreamEncoding]) -> dict[str, list[Encoded]]:
        missing = {}
        for encoding in encodings.values():
            if self._files.open(encoding.key, verify=False) is None:
                missing[encoding.key] = encoding
        if missing:
            size = sum(layout_of(encoding.codec, self.sizes).row_bytes for encoding in missing.values())
            with self._files.reporting_errors(size * sum(self.sizes)):
                self._write(missing)
        stored = {name: self._open(encoding.key, verify=False) for name, encoding in encodings.items()}
        for name, encoding in stored.items():
            self._add_unreadable_rows(encodings[name].input_name, encoding.metadata)
        return {name: encoding.parts for name, encoding in stored.items()}

    def _write(self, new: Mapping[str, StreamEncoding]) -> None:
        assert isinstance(self.table.path, TableFiles)
        view = self._view_of(new)
        layouts = {key: layout_of(encoding.codec, self.sizes) for key, encoding in new.items()}
        row_bytes = sum(layout.row_bytes for layout in layouts.values())
        shards = shards_of(self.table.path.urls, self._shards)
        ends = [*(shard.start for shard in shards[1:]), len(self.part_of_row)]
        counts = [self._counts(shard.start, end) for shard, end in zip(shards, ends, strict=True)]
        starts = np.cumsum(np.array([[0, 0], *counts]), axis=0)
        writer = SharedWriter(self._files, layouts, len(shards))
        with closing(writer.shards()) as mine:
            for number in mine:
                places = starts[number].copy()

                def write(key: str, part: int, rows: Encoded, places: np.ndarray = places) -> None:
                    writer.write(key, part, int(places[part]), rows)

                with WarningCollector() as collector:
                    for start, batch in self.table.batches(view.required, 2.0 * row_bytes, shards[number]):
                        self._add(view, start, batch, new, write)
                        places += self._counts(start, start + len(batch))
                    writer.note, collector.warnings = list(map(as_json, collector.warnings)), []
        self._complete(new, writer)

    def _complete(self, new: Mapping[str, StreamEncoding], writer: SharedWriter) -> None:
        inputs = {key: encoding.input_name for key, encoding in new.items()}
        if writer.finish(lambda key, notes: _merged(f"{inputs[key]}: ", notes)):
            for encoding in new.values():
                for warning in self._open(encoding.key, verify=False).metadata:
                    warn(warning["message"], getattr(medley.errors, warning["category"]))

    def _counts(self, start: int, end: int) -> list[int]:
        """The numbers of training and validation rows among those of a range."""
        part_of_row = self.part_of_row[start:end]
        return [int(np.count_nonzero(part_of_row == part)) for part in (TRAIN, VALIDATION)]


def _merged(prefix: str, notes: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The warnings of all shards about one input, one for each class of warnings."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for note in notes:
        for warning in note:
            if warning["message"].startswith(prefix):
                rows.setdefault(warning["category"], []).extend(warning["rows"])
    return [
        {
            "message": list_message(
                f"{prefix}{len(items)} files or cells cannot be read and count as missing.",
                [item["reason"] for item in items],
            ),
            "category": category,
            "rows": items,
        }
        for category, items in rows.items()
    ]
