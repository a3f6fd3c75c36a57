"""One encoded data set that all trials share: every encoding is fitted and made once, whoever asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.block import HeadSummary, Node
from medley.core.codec import Codec, Encoded, TargetCodec
from medley.core.input import Input, Preprocessing
from medley.core.linear import Labels, SupervisedCodec
from medley.core.numbering import gathered, numbered
from medley.core.spec import Spec
from medley.data.sources import Source, absent
from medley.errors import DataError, within
from medley.graph.graph import Graph
from medley.model.derived import InputRows
from medley.model.encoding import encode_targets, loss_targets, source_nodes, warn_of_unlearned
from medley.search.frozen import NO_RESULTS, FrozenResults, FrozenRows, rows_with_results
from medley.search.part import Part
from medley.search.stream import Stream

if TYPE_CHECKING:
    from medley.graph.network import Network
    from medley.train.hooks import TrainingHooks


class Encodings:
    """Fits codecs on training rows, encodes every part once, hands out tensors.

    Args:
        train: training rows.
        val: validation rows or None.
        targets: head name -> target codec, not fitted yet.
        device: where tensors are held.
        seconds: what codecs that learn from labels may take now; None is no limit.
        stream: where the rows of inputs come from, if not from `train` and `val`, which then have none.

    Attributes:
        frozen: runs frozen parts, once per row.
        bad_rows: input -> the rows that were taken as missing and why, as `{"row": 3, "why": "row 3: ..."}`.

    Raises:
        DataError: labels or rows break a rule.
    """

    def __init__(
        self,
        train: Part,
        val: Part | None,
        targets: Mapping[str, TargetCodec],
        device: torch.device,
        stream: Stream | None = None,
        seconds: Callable[[], float] | None = None,
    ) -> None:
        self.seconds = seconds
        parts = [train] if val is None else [train, val]
        self._columns = [InputRows(part.x, numbers=part.numbers) for part in parts]
        self.parts = [replace(part, x=columns) for part, columns in zip(parts, self._columns, strict=True)]
        self.stream = stream
        self.targets = dict(targets)
        self.device = device
        self.bad_rows: dict[str, list[dict[str, Any]]] = {}
        self._known: dict[str, tuple[Codec, list[Encoded]]] = {}
        self.frozen = FrozenRows(device)
        self._rows: tuple[tuple[str, ...], list[Rows]] | None = None
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
                with within(part.where), within(name), numbered(part.numbers):
                    codec.admit(part.y[name])
            with within(name), numbered(self.parts[0].numbers):
                codec.fit(self.parts[0].y[name])

    def _labels(self, part: Part) -> dict[str, Encoded]:
        with within(part.where), numbered(part.numbers):
            return encode_targets(self.targets, part.y)

    def spec(self, node: Node) -> Spec:
        """The spec of a source, given its resolved node; encodes it where nobody has asked before."""
        block: Any = node.block
        under = node if isinstance(block, Input) else node.inputs[0]
        name = str(under.block.name)
        if True in [columns.add(under) for columns in self._columns]:  # a trial before had other rows by that name
            self._known = {key: known for key, known in self._known.items() if not key.startswith(f"{name}: ")}
        return self._encoded(name, block)[0].spec

    def _encoded(self, input_name: str, block: Input | Preprocessing) -> tuple[Codec, list[Encoded]]:
        key = _key(input_name, block)
        if key not in self._known:
            # Whoever resolves the graph names the part itself, so only an input under another part is told here.
            with within("" if isinstance(block, Input) else input_name):
                self._known[key] = self._encode(input_name, block.codec())
        return self._known[key]

    def _encode(self, input_name: str, codec: Codec) -> tuple[Codec, list[Encoded]]:
        learnt = self.parts[0] if self.stream is None else self.stream.sample
        with gathered() as noted:  # one warning for all rows, though they are made and encoded part by part
            values = learnt.x[input_name]
            if values is None:
                raise DataError(
                    "the input is None in the training rows, so nothing can be learnt from it; leave it out."
                )
            if isinstance(codec, SupervisedCodec):
                with numbered(learnt.numbers):
                    first = codec.fit_encode(values, self._training_labels())
                encoded = [first, *(_encode_part(codec, part, input_name) for part in self.parts[1:])]
            else:
                with numbered(learnt.numbers):
                    codec.fit(values)
                if self.stream is not None:  # encoded by `rows`, with all else that a graph reads
                    return codec, []
                encoded = [_encode_part(codec, part, input_name) for part in self.parts]
        check_learnt(encoded)
        found = [{"row": one.row, "why": f"{notice.told}{one}"} for notice in noted.notices for one in notice.found]
        if found:
            self.bad_rows[input_name] = found
        return codec, encoded

    @property
    def heads(self) -> tuple[HeadSummary, ...]:
        """What is known of the heads' targets."""
        return tuple(
            HeadSummary(name, len(codec.prior), codec.linear_link, tuple(map(float, codec.prior)))
            for name, codec in self.targets.items()
        )

    def _training_labels(self) -> Labels:
        part = self.parts[0]
        return Labels(
            self.targets, self.labels[0], part.weight, part.folds, None if self.seconds is None else self.seconds()
        )

    def sources(self, graph: Graph) -> list[Source]:
        """The fitted sources that a resolved graph reads."""
        return [Source(name, under, self._encoded(under, block)[0]) for name, under, block in source_nodes(graph)]

    def frozen_results(self, graph: Graph, network: Network, hooks: TrainingHooks) -> FrozenResults:
        """The results of the frozen parts of a resolved graph's network for all rows, computed once.

        Args:
            graph: resolved.
            network: built from it, on the device.
            hooks: shows progress, takes notes, knows when time is over.
        """
        specs = {one.name: one.codec.spec for one in self.sources(graph)}
        return self.frozen.results(network, specs, self._read(graph), hooks)

    def rows(self, graph: Graph, results: FrozenResults = NO_RESULTS) -> list[Rows]:
        """Training rows, then validation rows where there are any, as a resolved graph reads them.

        Args:
            graph: resolved.
            results: of its frozen parts, which take the place of sources that nothing else reads.
        """
        key = (*(f"{name}<{under}>{block!r}" for name, under, block in source_nodes(graph)), results.key)
        if self._rows is None or self._rows[0] != key:
            encoded, losses = self._read(graph), self.loss_labels
            rows = [
                rows_with_results(encoded, results, i, self.labels[i], part.weight, self.device, part.folds, losses[i])
                for i, part in enumerate(self.parts)
            ]
            self._rows = (key, rows)
        return self._rows[1]

    def _read(self, graph: Graph) -> dict[str, list[Encoded]]:
        wanted = source_nodes(graph)
        self._pass_over([(under, block) for _, under, block in wanted])
        return {name: self._encoded(under, block)[1] for name, under, block in wanted}

    def _pass_over(self, wanted: Sequence[tuple[str, Input | Preprocessing]]) -> None:
        """Encodes what a stream has not encoded yet, in one pass over its rows."""
        if self.stream is None:
            return
        codecs = {_key(under, block): (under, self._encoded(under, block)[0]) for under, block in wanted}
        new = {key: one for key, one in codecs.items() if not self._known[key][1]}
        if not new:
            return
        for key, encoded in self.stream.encode(new).items():
            check_learnt(encoded)
            self._known[key] = (new[key][1], encoded)
        self.bad_rows.update(self.stream.bad_rows)

    def digest(self, words: Sequence[str]) -> str:
        """A checksum of all that is encoded so far and of `words`: what tells one project's data from another's."""
        digest = hashlib.blake2b(digest_size=16)
        rows = [] if self.stream is None else [self.stream.digest]
        for word in [*words, *rows, *sorted(self._known)]:
            digest.update(f"{len(word)} {word}".encode())
        inputs = [self._known[key] for key in sorted(self._known)]
        # What is learnt from labels depends on the time there was: another call with the same rows is the same project.
        plain = [(codec, parts) for codec, parts in inputs if not isinstance(codec, SupervisedCodec)]
        for codec, _ in inputs:
            digest.update(codec.fingerprint.encode() if isinstance(codec, SupervisedCodec) else b"")
        # Rows in another unit are encoded alike: what codecs have learnt tells them apart.
        for codec in [*(codec for codec, _ in plain), *self.targets.values()]:
            for key, value in sorted(codec.state().items()):
                digest.update(key.encode())
                digest.update(_bytes(value) if isinstance(value, np.ndarray) else repr(value).encode())
        encoded = [part for _, parts in plain for part in parts] if self.stream is None else []
        for part in [*encoded, *(labels for y in self.labels for labels in y.values())]:
            digest.update(_bytes(part.array))
            digest.update(_bytes(part.present))
        for part in self.parts:
            weights = part.weight if isinstance(part.weight, Mapping) else {"": part.weight}
            for name, weight in weights.items():
                digest.update(b"" if weight is None else name.encode() + _bytes(weight))
        return digest.hexdigest()


def check_learnt(encoded: Sequence[Encoded]) -> None:
    """Makes sure that training rows, the first part, have some input.

    Raises:
        DataError: none has.
    """
    if not encoded[0].present.any():
        rows = len(encoded[0].present)
        told = f"none of the {rows} training rows has it (all are None, empty or not finite)"
        raise DataError(f"{told}, so nothing can be learnt from it; leave it out.")


def _key(input_name: str, block: Input | Preprocessing) -> str:
    return f"{input_name}: {replace(block, name=None)!r}"


def _encode_part(codec: Codec, part: Part, input_name: str) -> Encoded:
    values = part.x[input_name]
    if values is None:
        return absent(codec, part.size)
    with (
        within(part.where),
        numbered(part.numbers),
        gathered("".join(f"{one}: " for one in (part.where, input_name) if one)),
    ):
        return codec.encode(values)


def _bytes(array: np.ndarray) -> bytes:
    return f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()
