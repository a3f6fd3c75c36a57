"""The sources that a graph reads, its encoded targets, and sample weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medley.core.batch import RowWeights
from medley.core.block import Node
from medley.core.codec import Encoded, TargetCodec
from medley.core.input import DerivedInput, InputBlock, Preprocessing
from medley.core.row_reporting import row_number
from medley.errors import DataError, ErrorCollector, MedleyError, did_you_mean, listing, warn, within
from medley.graph.graph import Graph

MOST_WEIGHT = 1e30
"""Of one row: sums of weights and of weighted losses stay finite in float32."""


def source_nodes(graph: Graph) -> list[tuple[str, str, InputBlock | Preprocessing]]:
    """Name, input name and declaration of every encoding that a graph reads, in order."""
    nodes = graph.nodes()
    raw_readers = (Preprocessing, DerivedInput)  # these read an input's rows, not their encoding
    encoded = {id(parent) for node in nodes if not isinstance(node.block, raw_readers) for parent in node.inputs}
    sources = []
    for node in nodes:
        if isinstance(node.block, Preprocessing):
            sources.append((graph.names[id(node.block)], graph.names[id(node.inputs[0].block)], node.block))
        elif isinstance(node.block, InputBlock) and id(node) in encoded:
            name = graph.names[id(node.block)]
            sources.append((name, name, node.block))
    return sources


def input_of(node: Node) -> Node:
    """The input node that a source node encodes."""
    return node if isinstance(node.block, InputBlock) else node.inputs[0]


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


def extended_targets(targets: Mapping[str, TargetCodec], y: Mapping[str, Any]) -> dict[str, TargetCodec]:
    """The codecs with the labels that rows have beyond theirs: head name -> codec.

    Args:
        targets: head name -> fitted codec.
        y: head name -> labels (B, ...).

    Raises:
        DataError: labels do not fit a codec; all errors are reported, each with its head's name.
    """
    errors = ErrorCollector()
    extended = dict(targets)
    for name, codec in targets.items():
        with errors.collecting(), within(name):
            extended[name] = codec.extended(y[name])
    errors.raise_if_any(DataError)
    return extended


def loss_targets(
    targets: Mapping[str, TargetCodec], encoded: Mapping[str, Encoded], folds: np.ndarray | None = None
) -> dict[str, Encoded]:
    """Encoded labels of rows that were not learnt from, as losses read them (`TargetCodec.loss_targets`)."""
    return {name: targets[name].loss_targets(labels, folds) for name, labels in encoded.items()}


def warn_of_unlearned(
    targets: Mapping[str, TargetCodec],
    encoded: Mapping[str, Encoded],
    where: str = "",
    noun: str = "row",
    folds: np.ndarray | None = None,
) -> None:
    """Warns, once per head, of classes that only rows have which are not learnt from.

    Args:
        targets: head name -> fitted codec.
        encoded: head name -> labels of these rows.
        where: what stands before the warning ("validation_data").
        noun: what each of these rows is, in messages.
        folds: (N,) the fold of each row, where training rows are held out fold by fold.
    """
    for name, codec in targets.items():
        rows, codes = codec.unlearned(encoded[name], folds) if name in encoded else ((), ())
        if not len(rows):
            continue
        labels = codec.labels or []
        classes, count = [repr(labels[code]) for code in np.unique(codes)], len(np.unique(rows))
        reason = "no training rows" if folds is None else "training rows in one fold only"
        subject = "1 class has" if len(classes) == 1 else f"{len(classes):,} classes have"
        its = "its" if len(classes) == 1 else "their"
        if count == 1:
            result = f"{its} {noun} counts as a miss in metrics and is left out of the loss"
        else:
            result = f"{its} {count:,} {noun}s count as misses in metrics and are left out of the loss"
        place = f"{where}: " if where else ""
        warn(f"{place}{name}: {subject} {reason} ({listing(classes)}): {result}.")


def row_weights(sample_weight: Any, rows: int, heads: Sequence[str] = ()) -> RowWeights:
    """Sample weights as an array (N,) of float32, or one per head, or None.

    Args:
        sample_weight: numbers in any form, a dict or a frame with numbers by head, a list with numbers for each of
            several heads, or None.
        rows: the number of rows N.
        heads: names of the heads.

    Raises:
        DataError: the weights are not numbers, too few or too many, negative, not finite, or all zero; or are of a head
            that there is not.

    >>> row_weights({"price": [1, 2]}, 2, ["price", "kind"])
    {'price': array([1., 2.], dtype=float32)}
    """
    if hasattr(sample_weight, "columns") and hasattr(sample_weight, "iloc"):
        sample_weight = {column: sample_weight[column] for column in sample_weight.columns}
    is_listed = isinstance(sample_weight, list | tuple) and len(sample_weight) == len(heads) > 1
    if is_listed and all(weight is None or hasattr(weight, "__len__") for weight in sample_weight):
        sample_weight = dict(zip(heads, sample_weight, strict=True))
    if not isinstance(sample_weight, Mapping):
        return None if sample_weight is None else _one_weight_per_row(sample_weight, rows)
    errors = ErrorCollector()
    for name in sample_weight:
        if name not in heads:
            errors.add(f"names {name!r}, which is not a target.{did_you_mean(name, heads)}", argument="sample_weight")
    weights: dict[str, np.ndarray | None] = {}
    for name in (name for name in heads if sample_weight.get(name) is not None):
        with errors.collecting(), within(name):
            weights[name] = _one_weight_per_row(sample_weight[name], rows)
    errors.raise_if_any(DataError)
    if len(heads) == 1:
        return weights.get(heads[0])
    return weights or None


def take_weights(weight: RowWeights, index: np.ndarray) -> RowWeights:
    """Sample weights of some rows."""
    if isinstance(weight, Mapping):
        return {name: None if weights is None else weights[index] for name, weights in weight.items()}
    return None if weight is None else weight[index]


def _one_weight_per_row(sample_weight: Any, rows: int) -> np.ndarray:
    try:
        cells = np.asarray(sample_weight)
        if cells.dtype.kind == "c":  # numpy only warns that it drops the imaginary part
            raise TypeError("complex numbers have no order")
        weight = cells.astype(np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error).rstrip(".")
        raise DataError(f"must be numbers, one per row: {reason}.", argument="sample_weight") from error
    if len(weight) != rows:
        message = f"must have one number per row: {rows} rows, but {len(weight)} weights."
        raise DataError(message, argument="sample_weight")
    is_invalid = ~(weight <= MOST_WEIGHT) | (weight < 0)
    if is_invalid.any():
        row = int(np.flatnonzero(is_invalid)[0])
        value = f"got {weight[row]:g} in row {row_number(row)}"
        rule = f"must hold finite numbers of at most {MOST_WEIGHT:g} and at least 0"
        message = f"{rule}, {value}. Rows of weight 0 are ignored."
        raise DataError(message, argument="sample_weight")
    weight = weight.astype(np.float32)
    if weight.sum() == 0:
        raise DataError("must not be 0 in all rows.", argument="sample_weight")
    return weight
