"""A trial as data: what a worker in another process needs to train it, as JSON that refers to arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, final

import numpy as np
import torch

from medley.balance.balancer import Balancer
from medley.core import registry
from medley.core.batch import RowWeights
from medley.core.block import Node
from medley.core.codec import Codec, Encoded, TargetCodec
from medley.core.input import InputBlock, Preprocessing
from medley.core.linear import SupervisedCodec
from medley.core.serialization import join_arrays
from medley.core.spec import Spec
from medley.data.restoring import restore_codec
from medley.errors import ConfigError
from medley.graph.graph import Graph
from medley.graph.saved import graph_from_json
from medley.model.derived import derived_nodes
from medley.model.encoding import source_nodes
from medley.search.encodings import check_has_training_rows
from medley.search.execute.arrays import ArrayNames, ReadArray, restore_encoded
from medley.search.execute.executor import PendingTrial
from medley.search.labelled_rows import LabelledRows
from medley.search.node_stream import NodeStream
from medley.search.objective import Objective, Score
from medley.search.search_spec import SearchSpec, resolved_or_default
from medley.search.stream import Stream, StreamEncoding
from medley.search.table_stream import TableStream
from medley.search.trial_data import TrialData
from medley.tables.view import TableView
from medley.train.plan import Training

_ROW_ARRAYS = ("numbers", "folds", "groups")
"""Fields of `LabelledRows` that are arrays."""


class TaskWriter:
    """Writes the trials of a search as JSON.

    Args:
        search_spec: the search specification.

    Attributes:
        names: the arrays that tasks refer to.

    Raises:
        ConfigError: the losses are balanced by an object, or the objective is a function, which cannot be sent.
    """

    def __init__(self, search_spec: SearchSpec) -> None:
        if isinstance(search_spec.loss_weights, Balancer):
            raise ConfigError(
                "must be numbers or the name of a method where trials run in other processes, got a "
                f"{type(search_spec.loss_weights).__name__} object.",
                argument="loss_weights",
            )
        if not isinstance(search_spec.score, Score):
            raise ConfigError("must be a name where trials run in other processes.", argument="objective")
        self.names = ArrayNames()
        self._score = [[term.name, term.direction] for term in search_spec.score.terms]
        self._search_spec = search_spec
        self._states: dict[tuple[int, str], tuple[Codec, dict[str, Any]]] = {}
        self._stream_content: dict[str, Any] | None = None

    def content(self, trial: PendingTrial) -> dict[str, Any]:
        """A trial as JSON; the values of its parameters are chosen here.

        Raises:
            MedleyError: the graph cannot be resolved with these values, or a part of it has no registered name.
        """
        search_spec = self._search_spec
        data = search_spec.data
        graph, plan = resolved_or_default(search_spec, trial.suggest, trial.default)
        node_encodings = data.node_encodings(graph)
        encoded = {} if node_encodings else data.read(graph)
        return {
            "number": trial.number,
            "params": trial.result.params,
            "graph": graph.to_json(),
            "plan": replace(plan, epochs=search_spec.epochs, batch_size=search_spec.batch_size).to_json(),
            "seed": search_spec.seed,
            "loss_weights": _plain_weights(search_spec.loss_weights),
            "score": self._score,
            "by_task": search_spec.by_task,
            "max_model_size": search_spec.max_model_size,
            "about": dict(search_spec.about),
            "table": None if search_spec.table is None else search_spec.table.state(),
            "device": str(data.device),
            "unreadable_rows": data.unreadable_rows,
            "stream": self._stream(data.stream) if node_encodings else None,
            "sources": {
                source.name: {
                    "state": self._state(source.codec),
                    "rows": [self.names.encoded(rows) for rows in encoded.get(source.name, [])],
                    "encoding": self._encoding(node_encodings.get(source.name)),
                }
                for source in data.sources(graph)
            },
            "targets": {name: self._state(codec) for name, codec in data.targets.items()},
            "parts": [self._part(data, place) for place in range(len(data.parts))],
            "keeps_partial": trial.hooks.keeps_partial,
            "checkpoint_seconds": trial.checkpoints.interval,
            "modules": sorted(
                {getattr(part, "__module__", "") for part in registry.registered_elsewhere().values()} - {""}
            ),
        }

    def _stream(self, stream: Stream | None) -> dict[str, Any]:
        """How workers read and encode the rows of a table by themselves, once for all trials."""
        if self._stream_content is None:
            assert isinstance(stream, TableStream)
            self._stream_content = NodeStream.content(stream, self.names.name)
        return self._stream_content

    def _encoding(self, encoding: StreamEncoding | None) -> dict[str, Any] | None:
        if encoding is None:
            return None
        codec, sample = encoding.codec, encoding.sample
        return {
            "input": encoding.input_name,
            "key": encoding.key,
            "sample": None if sample is None else self.names.encoded(sample),
            "training": self._state(codec, "training") if isinstance(codec, SupervisedCodec) else None,
        }

    def _state(self, codec: Codec, kind: str = "saved") -> dict[str, Any]:
        """The state of a codec, once for all trials, since its arrays are written once.

        Args:
            codec: fitted.
            kind: `"saved"`, or `"training"` for what a supervised codec needs besides.
        """
        if (id(codec), kind) not in self._states:
            values: dict[str, Any] = {}
            arrays: dict[str, str] = {}
            state = codec.state()
            if kind == "training" and isinstance(codec, SupervisedCodec):
                state = codec.training_state()
            for key, value in state.items():
                if isinstance(value, np.ndarray):
                    arrays[key] = self.names.name(value)
                else:
                    values[key] = value
            self._states[id(codec), kind] = codec, {"values": values, "arrays": arrays}
        return self._states[id(codec), kind][1]

    def _part(self, data: TrialData, place: int) -> dict[str, Any]:
        part, labels, losses = data.parts[place], data.labels[place], data.loss_labels[place]
        weight = part.weight
        return {
            "size": part.size,
            "weight": self._array(weight)
            if not isinstance(weight, Mapping)
            else {name: self._array(values) for name, values in weight.items()},
            "where": part.where,
            **{name: self._array(getattr(part, name)) for name in _ROW_ARRAYS},
            "labels": {name: self.names.encoded(rows) for name, rows in labels.items()},
            # The same object where losses read what metrics read: `Rows` asks for identity.
            "loss_labels": {
                name: self.names.encoded(rows) for name, rows in losses.items() if rows is not labels[name]
            },
        }

    def _array(self, array: np.ndarray | None) -> str | None:
        return None if array is None else self.names.name(array)


def seconds_left(trial: PendingTrial) -> float | None:
    """Seconds until the training of a trial must be over, or None."""
    return None if trial.hooks.deadline is None else trial.hooks.deadline - monotonic()


def _plain_weights(loss_weights: Any) -> Any:
    if loss_weights is None or isinstance(loss_weights, str):
        return loss_weights
    if isinstance(loss_weights, Mapping):
        return {str(name): float(weight) for name, weight in loss_weights.items()}
    return [float(weight) for weight in np.atleast_1d(loss_weights)]


@final
class SentData(TrialData):
    """The data of one trial, as a worker has received it.

    Args:
        content: the task.
        read: reads its arrays.
        graph: resolved.
        targets: head name -> restored target codec.
    """

    def __init__(
        self, content: Mapping[str, Any], read: ReadArray, graph: Graph, targets: Mapping[str, TargetCodec]
    ) -> None:
        super().__init__(targets, torch.device(content["device"]))
        self.unreadable_rows = content["unreadable_rows"]
        self._codecs: dict[str, Codec] = {}
        self._encoded: dict[str, list[Encoded]] = {}
        for name, _, block in source_nodes(graph):
            entry = content["sources"][name]
            self._codecs[name] = restore_codec(block.codec(), _state(entry["state"], read), name)
            self._encoded[name] = [restore_encoded(rows, read) for rows in entry["rows"]]
        if content["stream"] is not None:
            self._encode(content, read, graph)
        self.parts = [_part(part, read) for part in content["parts"]]
        self.labels = [_encoded(part["labels"], read) for part in content["parts"]]
        self.loss_labels = [
            {**labels, **_encoded(part["loss_labels"], read)}
            for labels, part in zip(self.labels, content["parts"], strict=True)
        ]

    def _encode(self, content: Mapping[str, Any], read: ReadArray, graph: Graph) -> None:
        """Reads and encodes the rows of a table, together with the other processes of this machine."""
        derived = {str(node.block.name): node for node in derived_nodes(graph)}
        encodings = {}
        for name, codec in self._codecs.items():
            entry = content["sources"][name]["encoding"]
            if isinstance(codec, SupervisedCodec):
                codec.restore_training({key: read(array) for key, array in entry["training"]["arrays"].items()})
            sample = None if entry["sample"] is None else restore_encoded(entry["sample"], read)
            encodings[name] = StreamEncoding(entry["input"], codec, derived.get(entry["input"]), sample, entry["key"])
        stream = NodeStream.restore(content["stream"], read)
        self._encoded = stream.encode(encodings)
        for parts in self._encoded.values():
            check_has_training_rows(parts)
        self._encoded = {name: parts[: len(content["parts"])] for name, parts in self._encoded.items()}
        self.unreadable_rows = stream.unreadable_rows

    def spec(self, node: Node) -> Spec:
        return self._codecs[str(node.block.name)].spec

    def source_codec(self, name: str, input_name: str, block: InputBlock | Preprocessing) -> Codec:
        return self._codecs[name]

    def read(self, graph: Graph) -> dict[str, list[Encoded]]:
        return {name: self._encoded[name] for name, _, _ in source_nodes(graph)}


@dataclass(frozen=True)
class Task:
    """A trial in the process that trains it.

    Args:
        search_spec: with the resolved graph and the data of this trial.
        plan: of the training.
    """

    search_spec: SearchSpec
    plan: Training


def restore_task(content: Mapping[str, Any], read: ReadArray) -> Task:
    """The inverse of `TaskWriter.content`.

    Args:
        content: the task.
        read: reads the arrays that it refers to.

    Raises:
        MedleyError: the task is damaged, or names a part that is not registered here.
    """
    graph = graph_from_json(content["graph"])
    targets = {
        name: restore_codec(head.codec(), _state(content["targets"][name], read), name)
        for name, head in graph.heads.items()
    }
    table = None if content["table"] is None else TableView.restore(content["table"])
    plan = Training(**content["plan"])
    search_spec = SearchSpec(
        graph,
        SentData(content, read, graph, targets),
        plan,
        content["loss_weights"],
        Score(tuple(Objective(name, direction) for name, direction in content["score"])),
        content["seed"],
        content["max_model_size"],
        table,
        content["about"],
        content["by_task"],
    )
    return Task(search_spec, plan)


def _state(content: Mapping[str, Any], read: ReadArray) -> dict[str, Any]:
    arrays = {f"state/{key}": np.array(read(name)) for key, name in content["arrays"].items()}
    return join_arrays(content["values"], "state", arrays)


def _encoded(content: Mapping[str, Any], read: ReadArray) -> dict[str, Encoded]:
    return {name: restore_encoded(rows, read) for name, rows in content.items()}


def _part(content: Mapping[str, Any], read: ReadArray) -> LabelledRows:
    weight: RowWeights
    if isinstance(content["weight"], Mapping):
        weight = {name: None if array is None else read(array) for name, array in content["weight"].items()}
    else:
        weight = None if content["weight"] is None else read(content["weight"])
    arrays = {name: None if content[name] is None else read(content[name]) for name in _ROW_ARRAYS}
    return LabelledRows({}, {}, weight, content["size"], where=content["where"], **arrays)
