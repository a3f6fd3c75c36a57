"""The network of a student, and the encodings that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np

from medley.core.block import DataSummary, HeadSummary, Node
from medley.core.codec import Codec
from medley.core.input import InputBlock, Preprocessing
from medley.core.registry import lookup
from medley.core.resolve import resolve
from medley.core.spec import Spec
from medley.data.rows import take
from medley.data.sources import Source
from medley.errors import within
from medley.graph.graph import Graph
from medley.model.derived import InputRows
from medley.model.encoding import input_of, source_nodes
from medley.model.model import Model
from medley.model.operations import StudentSize
from medley.search.suggest import DefaultSuggest

SIZES: tuple[StudentSize, ...] = get_args(StudentSize)

_NETWORKS: dict[StudentSize, dict[str, Any]] = {
    "small": {"num_layers": 2, "num_units": 64, "members": 1},
    "medium": {"num_layers": 3, "num_units": 128, "members": 1},
    "large": {"num_layers": 3, "num_units": 128, "members": 4},
}
"""Fields of the dense networks that the heads read."""


class StudentSources:
    """The encodings of a student: those of the teacher where they are the same, others are fitted to training rows.

    Args:
        teacher: the model.
        x: input name -> rows.
        train: positions of the training rows.
    """

    def __init__(self, teacher: Model, x: Mapping[str, Any], train: np.ndarray) -> None:
        self._rows = InputRows({name: None if rows is None else take(rows, train) for name, rows in x.items()})
        codecs = {source.name: source.codec for source in teacher.sources}
        self._codecs: dict[str, Codec] = {
            _key(input_name, block): codecs[name] for name, input_name, block in source_nodes(teacher.graph)
        }

    def spec(self, node: Node) -> Spec:
        """The spec of a resolved source node."""
        block: Any = node.block
        input_node = input_of(node)
        self._rows.add(input_node)
        return self._codec(str(input_node.block.name), block).spec

    def sources(self, graph: Graph) -> list[Source]:
        """The fitted sources that a resolved graph reads."""
        return [
            Source(name, input_name, self._codec(input_name, block)) for name, input_name, block in source_nodes(graph)
        ]

    def _codec(self, input_name: str, block: InputBlock | Preprocessing) -> Codec:
        key = _key(input_name, block)
        if key not in self._codecs:
            with within(input_name):
                self._codecs[key] = block.codec().fit(self._rows[input_name])
        return self._codecs[key]


def student_graph(teacher: Model, size: StudentSize, sources: StudentSources, rows: int) -> Graph:
    """The resolved graph of a student: an encoder per input, few dense networks, and the heads of the teacher.

    There is no linear path, whose n-grams and neighbouring rows take most of the time of a prediction, and there are no
    pretrained encoders.

    Args:
        teacher: the model.
        size: of the dense networks.
        sources: fits encodings.
        rows: number of training rows.

    Raises:
        GraphError: the heads cannot read such networks.
    """
    inputs = [_from_scratch(block) for block in teacher.graph.inputs]
    heads = tuple(
        HeadSummary(name, len(codec.prior), codec.linear_link, tuple(map(float, codec.prior)))
        for name, codec in teacher.targets.items()
    )
    summary = DataSummary(rows, len(inputs), heads)
    nodes = [block.encode_for_ensemble(summary) or block.default_block()(block) for block in inputs]
    trunk = lookup("tabular.dense_ensemble")(**_NETWORKS[size], dropout=0.0, input_dropout=0.0, plain=False)(nodes)
    declared = Graph(tuple(inputs), tuple(head(trunk) for head in teacher.graph.heads.values()))
    outputs = resolve(declared.outputs, declared.names, sources.spec, DefaultSuggest(), summary)
    resolved = {node.block.name: node.block for node in Graph.walk(outputs) if isinstance(node.block, InputBlock)}
    return Graph(tuple(resolved[name] for name in declared.input_names), tuple(outputs))


def _from_scratch(block: InputBlock) -> InputBlock:
    has_encoder = any(field.name == "pretrained" for field in fields(block))  # type: ignore[arg-type]
    return replace(block, pretrained=None) if has_encoder else block  # type: ignore[call-arg, type-var]


def _key(input_name: str, block: InputBlock | Preprocessing) -> str:
    return f"{input_name}: {replace(block, name=None)!r}"  # type: ignore[type-var]
