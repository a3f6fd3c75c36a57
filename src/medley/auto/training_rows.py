"""The rows that are passed to `fit`: matched to inputs and heads, and split at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from medley.core.head import Head
from medley.data.datasets import is_dataset, rows_and_labels
from medley.data.rows import arrange, check_counts, rows_of, take
from medley.data.split import bins, split
from medley.errors import DataError, within
from medley.graph.graph import Graph
from medley.model.encoding import row_weights, take_weights
from medley.search.labelled_rows import LabelledRows


def separate(validation_data: Any) -> tuple[Any, Any, Any]:
    """Rows, labels and weights of validation data; `match_rows` separates a data set later.

    >>> separate(([1], ["a"]))
    ([1], ['a'], None)
    """
    if is_dataset(validation_data):
        return validation_data, None, None
    x, y, weight = (*validation_data, None)[:3]
    return x, y, weight


def match_rows(graph: Graph, x: Any, y: Any, sample_weight: Any) -> LabelledRows:
    """Matches rows to the graph's inputs, and labels to its heads.

    Args:
        graph: the drawn graph.
        x: rows of the inputs: a list in order, a dict by name, or the rows themselves for a single input; or a data
            set of rows and labels.
        y: labels of the heads, likewise.
        sample_weight: (N,) weights, a dict of such by head, or None.

    Raises:
        DataError: names are unknown or missing, or the numbers of rows differ.
    """
    names = list(graph.heads)
    x, y, sample_weight = rows_and_labels(x, y, sample_weight, graph.input_names, names)
    size = rows_of(y, names)
    named_x = arrange(x, graph.input_names, "x", size)
    size = check_counts({name: values for name, values in named_x.items() if values is not None})
    if all(values is None for values in named_x.values()):
        raise DataError(f"Every input is None: {', '.join(named_x)}. Give rows for at least one.")
    named_y = arrange(y, names, "y", size)
    missing = [name for name, values in named_y.items() if values is None]
    if missing:
        raise DataError(f"y is None for {', '.join(missing)}; give labels, with None or NaN for rows without one.")
    check_counts({name: values for name, values in {**named_x, **named_y}.items() if values is not None})
    return LabelledRows(named_x, named_y, row_weights(sample_weight, size, names), size)


def split_at_random(graph: Graph, rows: LabelledRows, fraction: float, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Splits rows at random into training and validation rows, stratified over all targets if possible.

    Raises:
        DataError: there are fewer than two rows, or the labels are invalid for their head.
    """
    parts = split(rows.size, fraction, seed, label_strata(graph.heads, rows.y))
    train, val = (_select(rows, np.sort(index)) for index in parts)
    return train, val


def _select(rows: LabelledRows, index: np.ndarray) -> LabelledRows:
    def select(values: Any) -> Any:
        return None if values is None else take(values, index)

    return LabelledRows(
        {name: select(values) for name, values in rows.x.items()},
        {name: select(values) for name, values in rows.y.items()},
        take_weights(rows.weight, index),
        len(index),
        index,
    )


def label_strata(heads: Mapping[str, Head], y: Mapping[str, Any], *, numbers: bool = True) -> list[np.ndarray]:
    """What a stratified split needs to know of each head's targets.

    Args:
        heads: by name.
        y: head name -> labels of N rows.
        numbers: whether numbers are of interest too, by their quantiles.

    Returns:
        Class codes (N,), -1 where unobserved; of label sets, cells (N, K), 1 where a row has the label.
    """
    strata = []
    for name, head in heads.items():
        codec = head.codec()
        with within(name):
            encoded = codec.fit(y[name]).encode(y[name])
        array = encoded.array.reshape(len(encoded.array), -1)
        if codec.labels is None:
            if numbers:
                strata.append(bins(np.where(encoded.present, array[:, 0], np.nan)))
        elif array.shape[1] == 1 and len(codec.labels) > 1:
            strata.append(np.where(encoded.present, array[:, 0], -1).astype(np.int64))
        else:
            strata.append(((array > 0) & encoded.present[:, None]).astype(np.int8))
    return strata


def training_parts(
    graph: Graph, x: Any, y: Any, sample_weight: Any, fraction: float, validation_data: Any, seed: int
) -> tuple[LabelledRows, LabelledRows]:
    """Training and validation rows of a call of `fit`.

    Args:
        graph: the drawn graph.
        x: as of `match_rows`, like the next two.
        y: labels.
        sample_weight: weights.
        fraction: of the rows for validation, if there is no `validation_data`.
        validation_data: rows, labels and weights, or None.
        seed: of the split.
    """
    rows = match_rows(graph, x, y, sample_weight)
    if validation_data is None:
        return split_at_random(graph, rows, fraction, seed)
    with within("validation_data"):
        return rows, replace(match_rows(graph, *separate(validation_data)), where="validation_data")
