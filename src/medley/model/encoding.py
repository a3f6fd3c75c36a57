"""The sources that a graph reads, encoded labels, and sample weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medley.core.block import Node
from medley.core.codec import Encoded, TargetCodec
from medley.core.input import DerivedInput, Input, Preprocessing
from medley.core.numbering import row_number
from medley.errors import DataError, ErrorCollector, MedleyError
from medley.graph.graph import Graph


def source_nodes(graph: Graph) -> list[tuple[str, str, Input | Preprocessing]]:
    """Name, input's name and declaration of every encoding that a graph reads, in order."""
    nodes = graph.nodes()
    encodes = (Preprocessing, DerivedInput)  # these read an input's rows, not their encoding
    read = {id(one) for node in nodes if not isinstance(node.block, encodes) for one in node.inputs}
    found = []
    for node in nodes:
        if isinstance(node.block, Preprocessing):
            found.append((graph.names[id(node.block)], graph.names[id(node.inputs[0].block)], node.block))
        elif isinstance(node.block, Input) and id(node) in read:
            name = graph.names[id(node.block)]
            found.append((name, name, node.block))
    return found


def input_of(node: Node) -> Node:
    """The input under a source node."""
    return node if isinstance(node.block, Input) else node.inputs[0]


def encode_targets(targets: Mapping[str, TargetCodec], y: Mapping[str, Any]) -> dict[str, Encoded]:
    """Labels of every head -> encoded labels.

    Raises:
        DataError: all mistakes at once, each with its head's name.
    """
    errors = ErrorCollector()
    found: dict[str, Encoded] = {}
    for name, codec in targets.items():
        try:
            found[name] = codec.encode(y[name])
        except MedleyError as error:
            errors.add(f"{name}: {error}")
    errors.raise_if_any(DataError)
    return found


def row_weights(sample_weight: Any, rows: int) -> np.ndarray | None:
    """Sample weights (N,) as numbers.

    Raises:
        DataError: no numbers, wrong count, negative, not finite, or all zero.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=np.float32).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight must be numbers, one per row: {error}.") from error
    if len(weight) != rows:
        raise DataError(f"sample_weight must have one number per row: {rows} rows, but {len(weight)} weights.")
    wrong = ~np.isfinite(weight) | (weight < 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        got = f"got {weight[row]:g} in row {row_number(row)}"
        raise DataError(f"sample_weight must hold finite numbers of at least 0, {got}. Rows of weight 0 count nothing.")
    if weight.sum() == 0:
        raise DataError("sample_weight must not be 0 in all rows.")
    return weight
