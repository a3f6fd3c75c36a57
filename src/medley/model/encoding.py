"""The sources that a graph reads, its encoded targets, and sample weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medley.core.block import Node
from medley.core.codec import Encoded, TargetCodec
from medley.core.input import DerivedInput, Input, Preprocessing
from medley.core.row_reporting import row_number
from medley.errors import DataError, ErrorCollector, MedleyError
from medley.graph.graph import Graph


def source_nodes(graph: Graph) -> list[tuple[str, str, Input | Preprocessing]]:
    """Name, input name and declaration of every encoding that a graph reads, in order."""
    nodes = graph.nodes()
    raw_readers = (Preprocessing, DerivedInput)  # these read an input's rows, not their encoding
    encoded = {id(parent) for node in nodes if not isinstance(node.block, raw_readers) for parent in node.inputs}
    sources = []
    for node in nodes:
        if isinstance(node.block, Preprocessing):
            sources.append((graph.names[id(node.block)], graph.names[id(node.inputs[0].block)], node.block))
        elif isinstance(node.block, Input) and id(node) in encoded:
            name = graph.names[id(node.block)]
            sources.append((name, name, node.block))
    return sources


def input_of(node: Node) -> Node:
    """The input node that a source node encodes."""
    return node if isinstance(node.block, Input) else node.inputs[0]


def encode_targets(targets: Mapping[str, TargetCodec], y: Mapping[str, Any]) -> dict[str, Encoded]:
    """Encodes the labels of every head.

    Args:
        targets: head name -> fitted codec.
        y: head name -> labels (B, ...).

    Raises:
        DataError: labels do not fit a codec; all errors are reported, each with its head's name.
    """
    errors = ErrorCollector()
    encoded: dict[str, Encoded] = {}
    for name, codec in targets.items():
        try:
            encoded[name] = codec.encode(y[name])
        except MedleyError as error:
            errors.collect(error.within(name))
    errors.raise_if_any(DataError)
    return encoded


def row_weights(sample_weight: Any, rows: int) -> np.ndarray | None:
    """Sample weights as an array (N,) of float32, or None.

    Args:
        sample_weight: numbers in any form, or None.
        rows: the number of rows N.

    Raises:
        DataError: the weights are not numbers, too few or too many, negative, not finite, or all zero.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=np.float32).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataError(f"must be numbers, one per row: {error}.", argument="sample_weight") from error
    if len(weight) != rows:
        message = f"must have one number per row: {rows} rows, but {len(weight)} weights."
        raise DataError(message, argument="sample_weight")
    is_invalid = ~np.isfinite(weight) | (weight < 0)
    if is_invalid.any():
        row = int(np.flatnonzero(is_invalid)[0])
        value = f"got {weight[row]:g} in row {row_number(row)}"
        message = f"must hold finite numbers of at least 0, {value}. Rows of weight 0 are ignored."
        raise DataError(message, argument="sample_weight")
    if weight.sum() == 0:
        raise DataError("must not be 0 in all rows.", argument="sample_weight")
    return weight
