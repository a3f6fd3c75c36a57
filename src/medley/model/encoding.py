"""Sources: what a network reads, with the codecs that make it from an input's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.block import DerivedInput, Input, Node, Preprocessing
from medley.core.codec import Codec, Encoded, TargetCodec
from medley.core.numbering import gathered
from medley.data.forms import count
from medley.errors import DataError, MedleyError, Mistakes
from medley.graph.graph import Graph


@dataclass(frozen=True)
class Source:
    """One encoding of one input.

    Args:
        name: what the network calls it.
        input_name: whose rows it encodes.
        codec: fitted.
    """

    name: str
    input_name: str
    codec: Codec


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


def encode_inputs(sources: Sequence[Source], x: Mapping[str, Any]) -> dict[str, Encoded]:
    """Rows of every input -> encoded rows of every source.

    Args:
        sources: fitted.
        x: input name -> rows; None where the whole input is absent.

    Raises:
        DataError: all mistakes at once, each with its input's name.
    """
    size = next((count(values) for values in x.values() if values is not None), None)
    if size is None:
        raise DataError("Every input is None, so it is unknown how many rows there are; give at least one.")
    mistakes = Mistakes()
    found: dict[str, Encoded] = {}
    for source in sources:
        try:
            values = x[source.input_name]
            with gathered(f"{source.input_name}: "):
                found[source.name] = absent(source.codec, size) if values is None else source.codec.encode(values)
        except MedleyError as error:
            mistakes.add(f"{source.input_name}: {error}")
    mistakes.stop(DataError)
    return found


def absent(codec: Codec, rows: int) -> Encoded:
    """`rows` rows of nothing."""
    dtype = {"int64": np.int32, "uint8": np.uint8}.get(codec.spec.dtype, np.float32)
    return Encoded(np.zeros((rows, *codec.spec.shape), dtype), np.zeros(rows, bool))


def encode_targets(targets: Mapping[str, TargetCodec], y: Mapping[str, Any]) -> dict[str, Encoded]:
    """Labels of every head -> encoded labels.

    Raises:
        DataError: all mistakes at once, each with its head's name.
    """
    mistakes = Mistakes()
    found: dict[str, Encoded] = {}
    for name, codec in targets.items():
        try:
            found[name] = codec.encode(y[name])
        except MedleyError as error:
            mistakes.add(f"{name}: {error}")
    mistakes.stop(DataError)
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
    if not np.isfinite(weight).all() or (weight < 0).any() or weight.sum() == 0:
        raise DataError("sample_weight must hold finite numbers of at least 0, not all of them 0.")
    return weight
