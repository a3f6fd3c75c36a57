"""What trials read of a data set, wherever it is: in the process that encodes it, or in one that only trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import torch

from medley.core.batch import Rows
from medley.core.block import HeadSummary, Node
from medley.core.codec import Codec, Encoded, TargetCodec
from medley.core.input import InputBlock, Preprocessing
from medley.core.spec import Spec
from medley.data.sources import Source
from medley.graph.graph import Graph
from medley.model.encoding import source_nodes
from medley.search.frozen import NO_RESULTS, FrozenResults, FrozenRows, rows_with_results
from medley.search.labelled_rows import LabelledRows
from medley.search.stream import Stream, StreamEncoding

if TYPE_CHECKING:
    from medley.graph.network import Network
    from medley.train.hooks import TrainingHooks


class TrialData(ABC):
    """An encoded data set that trials share.

    Args:
        targets: head name -> target codec.
        device: where tensors are held.

    Attributes:
        parts: training rows, then validation rows if there are any.
        labels: of every part: head name -> encoded labels.
        loss_labels: the same, as losses read them.
        frozen: runs frozen blocks, once per row.
        stream: reads the rows of inputs in batches, if they are not in `parts`.
        unreadable_rows: input -> rows whose files cannot be read, as `{"row": 3, "reason": "row 3: ..."}`; they count
            as missing.
    """

    parts: list[LabelledRows]
    labels: list[dict[str, Encoded]]
    loss_labels: list[dict[str, Encoded]]
    stream: Stream | None = None

    def __init__(self, targets: Mapping[str, TargetCodec], device: torch.device) -> None:
        self.targets = dict(targets)
        self.device = device
        self.frozen = FrozenRows(device)
        self.unreadable_rows: dict[str, list[dict[str, Any]]] = {}
        self._rows: tuple[tuple[str, ...], list[Rows]] | None = None

    @abstractmethod
    def spec(self, node: Node) -> Spec:
        """The spec of a resolved source node."""

    @abstractmethod
    def source_codec(self, name: str, input_name: str, block: InputBlock | Preprocessing) -> Codec:
        """The fitted codec of a source, as `source_nodes` names it."""

    @abstractmethod
    def read(self, graph: Graph) -> dict[str, list[Encoded]]:
        """Source name -> encoded rows of every part, for the sources that a resolved graph reads."""

    def node_encodings(self, graph: Graph) -> dict[str, StreamEncoding]:
        """Source name -> how workers encode its rows by themselves; empty where they are sent encoded rows."""
        return {}

    @final
    @property
    def heads(self) -> tuple[HeadSummary, ...]:
        """Summaries of the heads' targets."""
        return tuple(
            HeadSummary(name, len(codec.prior), codec.linear_link, tuple(map(float, codec.prior)))
            for name, codec in self.targets.items()
        )

    @final
    def sources(self, graph: Graph) -> list[Source]:
        """The fitted sources that a resolved graph reads."""
        return [
            Source(name, input_name, self.source_codec(name, input_name, block))
            for name, input_name, block in source_nodes(graph)
        ]

    @final
    def frozen_results(self, graph: Graph, network: Network, hooks: TrainingHooks) -> FrozenResults:
        """The results of a network's frozen blocks for all rows, computed once.

        Args:
            graph: resolved.
            network: built from it, on the device.
            hooks: for progress, messages and the deadline.
        """
        specs = {source.name: source.codec.spec for source in self.sources(graph)}
        return self.frozen.results(network, specs, self.read(graph), hooks)

    @final
    def rows(self, graph: Graph, results: FrozenResults = NO_RESULTS) -> list[Rows]:
        """Training rows, then validation rows if there are any, with the sources that a resolved graph reads.

        Args:
            graph: resolved.
            results: results of its frozen blocks; they replace sources that no other block reads.
        """
        key = (*(f"{name}<{input_name}>{block!r}" for name, input_name, block in source_nodes(graph)), results.key)
        if self._rows is None or self._rows[0] != key:
            encoded, losses = self.read(graph), self.loss_labels
            rows = [
                rows_with_results(encoded, results, i, self.labels[i], part.weight, self.device, part.folds, losses[i])
                for i, part in enumerate(self.parts)
            ]
            self._rows = (key, rows)
        return self._rows[1]
