"""An encoded data set that all trials share: every encoding is fitted and computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from medley.core.block import Node
from medley.core.codec import Codec, Encoded, TargetCodec
from medley.core.foreign_errors import as_data_error
from medley.core.input import InputBlock, Preprocessing
from medley.core.linear import Labels, SupervisedCodec
from medley.core.row_reporting import WarningCollector, using_row_numbers
from medley.core.spec import Spec
from medley.data.sources import absent
from medley.errors import ConfigError, DataError, within
from medley.graph.graph import Graph
from medley.model.derived import InputRows, derived_nodes
from medley.model.encoding import encode_targets, loss_targets, source_nodes, take_weights, warn_of_unlearned
from medley.search.labelled_rows import LabelledRows, row_numbers
from medley.search.stream import Stream, StreamEncoding
from medley.search.trial_data import TrialData

_LABELS, _ROWS = "its labels cannot be encoded", "its rows cannot be encoded"


class Encodings(TrialData):
    """Fits codecs to training rows, encodes training and validation rows once, and returns them as tensors.

    Args:
        train: training rows.
        val: validation rows or None.
        targets: head name -> target codec, not fitted yet.
        device: where tensors are held.
        stream: reads the rows of inputs in batches; `train` and `val` then hold labels only.
        seconds: returns the seconds that codecs that learn from labels may take; None for no limit.
        choices: input name -> fields of its declaration, as `choices()` of an earlier call returned them.

    Raises:
        DataError: labels cannot be encoded.
    """

    def __init__(
        self,
        train: LabelledRows,
        val: LabelledRows | None,
        targets: Mapping[str, TargetCodec],
        device: torch.device,
        stream: Stream | None = None,
        seconds: Callable[[], float] | None = None,
        choices: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(targets, device)
        self.seconds = seconds
        self._choices = dict(choices or {})
        parts = [train] if val is None else [train, val]
        self._columns = [InputRows(part.x, numbers=part.numbers) for part in parts]
        self.parts = [replace(part, x=columns) for part, columns in zip(parts, self._columns, strict=True)]
        self.stream = stream
        self._fitted_rows = self.parts[0]
        if stream is not None:
            self._columns.append(InputRows(stream.sample.x, numbers=stream.sample.numbers))
            self._fitted_rows = replace(stream.sample, x=self._columns[-1])
        self._samples: dict[str, Encoded] = {}  # key -> rows of the stream's sample, encoded out of fold
        self._encodings: dict[str, tuple[Codec, list[Encoded]]] = {}
        self._fit_targets()
        self.labels = [self._labels(part) for part in self.parts]
        self.loss_labels = [self.labels[0], *(loss_targets(self.targets, labels) for labels in self.labels[1:])]
        folds = train.folds if val is None else None
        if folds is not None:  # training rows are what is validated on
            self.loss_labels[0] = loss_targets(self.targets, self.labels[0], folds)
        where = parts[-1].where
        noun = "row" if where or folds is not None else "validation row"
        warn_of_unlearned(self.targets, self.labels[-1], where, noun, folds)

    def _fit_targets(self) -> None:
        for name, codec in self.targets.items():
            for part in self.parts[1:]:  # all rows are the caller's: their classes are classes
                with within(part.where), within(name), using_row_numbers(part.numbers), as_data_error(_LABELS):
                    codec.admit(part.y[name])
            with within(name), using_row_numbers(self.parts[0].numbers), as_data_error(_LABELS):
                codec.fit(self.parts[0].y[name])

    def _labels(self, part: LabelledRows) -> dict[str, Encoded]:
        with within(part.where), using_row_numbers(part.numbers):
            return encode_targets(self.targets, part.y)

    def spec(self, node: Node) -> Spec:
        """The spec of a resolved source node; encodes its rows on the first call."""
        block: Any = node.block
        source_node = node if isinstance(block, InputBlock) else node.inputs[0]
        name = str(source_node.block.name)
        if True in [
            columns.add(source_node) for columns in self._columns
        ]:  # an earlier trial had other rows of this name
            self._encodings = {key: pair for key, pair in self._encodings.items() if not key.startswith(f"{name}: ")}
        return self._encoded(name, block)[0].spec

    def _encoded(self, input_name: str, block: InputBlock | Preprocessing) -> tuple[Codec, list[Encoded]]:
        key = _key(input_name, block)
        if key not in self._encodings:
            # Resolving the graph adds the block's name to errors, so only the input of a preprocessing is added here.
            with within("" if isinstance(block, InputBlock) else input_name):
                self._encodings[key] = self._encode(key, input_name, self._codec(input_name, block))
        return self._encodings[key]

    def _codec(self, input_name: str, block: InputBlock | Preprocessing) -> Codec:
        """A codec that is not fitted, with the choices of an earlier call."""
        codec, choices = block.codec(), self._choices.get(input_name)
        if isinstance(codec, SupervisedCodec) and isinstance(choices, dict):
            fields = {name: value for name, value in choices.items() if name in block.__dataclass_fields__}
            with suppress(ConfigError):  # the file was edited
                return replace(block, **fields).codec()
        return codec

    def choices(self) -> dict[str, dict[str, Any]]:
        """Input name -> what was chosen by the time there was, as fields of its declaration."""
        codecs = {key.partition(": ")[0]: codec for key, (codec, _) in self._encodings.items()}
        return {name: dict(codec.choices) for name, codec in codecs.items() if isinstance(codec, SupervisedCodec)}

    def _encode(self, key: str, input_name: str, codec: Codec) -> tuple[Codec, list[Encoded]]:
        rows = self._fitted_rows
        with WarningCollector() as collector:  # one warning for training and validation rows
            values = rows.x[input_name]
            if values is None:
                raise DataError(
                    "the input is None in the training rows, so nothing can be learnt from it; leave it out."
                )
            if isinstance(codec, SupervisedCodec):
                with using_row_numbers(rows.numbers):
                    training = codec.fit_encode(values, self._training_labels())
                if self.stream is not None:  # `_encode_stream` encodes all sources of a graph in one pass
                    self._samples[key] = training
                    return codec, []
                encoded = [training, *(_encode_part(codec, part, input_name) for part in self.parts[1:])]
            else:
                with using_row_numbers(rows.numbers), as_data_error(_ROWS):
                    codec.fit(values)
                if self.stream is not None:
                    return codec, []
                encoded = [_encode_part(codec, part, input_name) for part in self.parts]
        check_has_training_rows(encoded)
        unreadable = [
            {"row": item.row, "reason": f"{warning.prefix}{item}"}
            for warning in collector.warnings
            for item in warning.items
        ]
        if unreadable:
            self.unreadable_rows[input_name] = unreadable
        return codec, encoded

    def _training_labels(self) -> Labels:
        """The labels of the rows that codecs are fitted to."""
        part, encoded, weight, folds = self.parts[0], self.labels[0], self.parts[0].weight, self.parts[0].folds
        if self.stream is not None:
            index = np.searchsorted(row_numbers(part), row_numbers(self._fitted_rows))
            encoded = {name: Encoded(rows.array[index], rows.present[index]) for name, rows in encoded.items()}
            weight, folds = take_weights(weight, index), None if folds is None else folds[index]
        seconds = None if self.seconds is None else self.seconds()
        is_sample = self._fitted_rows.size < part.size
        return Labels(self.targets, encoded, weight, folds, seconds, is_sample=is_sample)

    def source_codec(self, name: str, input_name: str, block: InputBlock | Preprocessing) -> Codec:
        return self._encoded(input_name, block)[0]

    def read(self, graph: Graph) -> dict[str, list[Encoded]]:
        sources = source_nodes(graph)
        self._encode_stream(graph)
        return {name: self._encoded(input_name, block)[1] for name, input_name, block in sources}

    def node_encodings(self, graph: Graph) -> dict[str, StreamEncoding]:
        if self.stream is None or not self.stream.is_sharded:
            return {}
        encodings = self._stream_encodings(graph)
        return {name: replace(encoding, key=self.stream.key(encoding)) for name, encoding in encodings.items()}

    def _stream_encodings(self, graph: Graph) -> dict[str, StreamEncoding]:
        """Source name -> how its rows are encoded."""
        derived = {str(node.block.name): node for node in derived_nodes(graph)}
        return {
            name: StreamEncoding(
                input_name,
                self._encoded(input_name, block)[0],
                derived.get(input_name),
                self._samples.get(_key(input_name, block)),
            )
            for name, input_name, block in source_nodes(graph)
        }

    def _encode_stream(self, graph: Graph) -> None:
        """Encodes the sources that have not been encoded yet, in one pass over the stream's rows."""
        if self.stream is None:
            return
        encodings = self._stream_encodings(graph)
        keys = {name: _key(input_name, block) for name, input_name, block in source_nodes(graph)}
        new = {keys[name]: encoding for name, encoding in encodings.items() if not self._encodings[keys[name]][1]}
        if not new:
            return
        for key, encoded in self.stream.encode(new).items():
            check_has_training_rows(encoded)
            self._encodings[key] = (new[key].codec, encoded[: len(self.parts)])
        self.unreadable_rows.update(self.stream.unreadable_rows)

    def digest(self, settings: Sequence[str]) -> str:
        """A checksum of all rows encoded so far and of `settings`; it identifies the data of a project."""
        digest = hashlib.blake2b(digest_size=16)
        rows = [] if self.stream is None else [self.stream.digest]
        for text in [*settings, *rows, *sorted(self._encodings)]:
            digest.update(f"{len(text)} {text}".encode())
        inputs = [self._encodings[key] for key in sorted(self._encodings)]
        # Codecs that learn from labels depend on the time available; that must not make another project of a call.
        plain = [(codec, parts) for codec, parts in inputs if not isinstance(codec, SupervisedCodec)]
        for codec, _ in inputs:
            digest.update(codec.fingerprint.encode() if isinstance(codec, SupervisedCodec) else b"")
        # Rows in another unit have the same encoding; the state of their codecs differs.
        for codec in [*(codec for codec, _ in plain), *self.targets.values()]:
            for key, value in sorted(codec.state().items()):
                digest.update(key.encode())
                digest.update(_bytes(value) if isinstance(value, np.ndarray) else repr(value).encode())
        encoded = [part for _, parts in plain for part in parts] if self.stream is None else []
        for part in [*encoded, *(labels for y in self.labels for labels in y.values())]:
            digest.update(_bytes(part.array))
            digest.update(_bytes(part.present))
        for part in self.parts:
            digest.update(b"" if part.folds is None else _bytes(part.folds))
            weights = part.weight if isinstance(part.weight, Mapping) else {"": part.weight}
            for name, weight in weights.items():
                digest.update(b"" if weight is None else name.encode() + _bytes(weight))
        return digest.hexdigest()


def check_has_training_rows(encoded: Sequence[Encoded]) -> None:
    """Checks that an input is present in at least one training row.

    Args:
        encoded: encoded training rows, then validation rows.

    Raises:
        DataError: it is absent in all training rows.
    """
    if not encoded[0].present.any():
        rows = len(encoded[0].present)
        message = f"none of the {rows} training rows has it (all are None, empty or not finite)"
        raise DataError(f"{message}, so nothing can be learnt from it; leave it out.")


def _key(input_name: str, block: InputBlock | Preprocessing) -> str:
    return f"{input_name}: {replace(block, name=None)!r}"


def _encode_part(codec: Codec, part: LabelledRows, input_name: str) -> Encoded:
    values = part.x[input_name]
    if values is None:
        return absent(codec, part.size)
    with (
        within(part.where),
        using_row_numbers(part.numbers),
        WarningCollector("".join(f"{prefix}: " for prefix in (part.where, input_name) if prefix)),
        as_data_error(_ROWS),
    ):
        return codec.encode(values)


def _bytes(array: np.ndarray) -> bytes:
    return f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()
