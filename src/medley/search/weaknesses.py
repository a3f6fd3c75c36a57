"""What is known after a training about weaknesses of its model: linear models that are better, and rows that shift."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.core.codec import Encoded, TargetCodec
from medley.core.mapped import MappedRows, is_mapped
from medley.data.rows import take
from medley.data.sources import Source
from medley.errors import ConfigError
from medley.graph.network import Network
from medley.heads.constant import predict_constant, predict_linear
from medley.model.drift import drift_of
from medley.model.row_features import DERIVED, row_features
from medley.model.tasks import Task, task_losses
from medley.search.labelled_rows import LabelledRows
from medley.tables.view import TableView
from medley.trust.reference import MOST_ROWS, Reference

_BATCH_ROWS = 4_096

MARGIN = 1.01
"""Loss divided by that of linear models from which a model counts as worse."""

SHIFT = 0.25
"""Population stability index from which the rows of a column count as shifted: the usual mark of a large shift."""


def worse_than_linear(
    tasks: Sequence[Task],
    outputs: Mapping[str, Tensor],
    sources: Sequence[Source],
    encoded: Mapping[str, Encoded],
    rows: Rows,
) -> dict[str, list[float]]:
    """The tasks that a network predicts worse than the linear models that it starts from.

    Args:
        tasks: of the network.
        outputs: task name -> its raw outputs (N, K) for validation rows.
        sources: of the network.
        encoded: source name -> the same rows as they were encoded.
        rows: the same rows.

    Returns:
        Task name -> the losses of the network and of the linear models.
    """
    linear: dict[str, Tensor] = {}
    for source in sources:
        start = 1
        for head, width in source.codec.spec.linear_outputs:
            linear[head] = _columns(encoded[source.name].array, slice(start, start + width)).to(rows.device)
            start += width
    compared = [task for task in tasks if task.name in linear and task.name in outputs]
    if not compared:
        return {}
    losses, linear_losses = (task_losses(compared, raw, rows) for raw in (outputs, linear))
    return {
        name: [loss, linear_losses[name]] for name, loss in losses.items() if loss > MARGIN * linear_losses[name] > 0
    }


def _columns(array: np.ndarray, columns: slice) -> Tensor:
    """Some columns of encoded rows (N, ...), copied; of memory-mapped rows, few pages are in memory at a time."""
    if not is_mapped(array):
        return torch.from_numpy(np.array(array[:, columns]))
    mapped = MappedRows(array, "cpu")
    starts = range(0, len(array), _BATCH_ROWS)
    return torch.cat([mapped.slice(start, start + _BATCH_ROWS)[:, columns].clone() for start in starts])


def replace_weak_heads(
    network: Network,
    targets: Mapping[str, TargetCodec],
    relative: Mapping[str, float],
    worse: Mapping[str, Sequence[float]] | None,
) -> dict[str, str]:
    """Lets heads that are worse than linear models predict what these predict, and others the constant baseline.

    Args:
        network: of a table, changed in place.
        targets: head name -> fitted codec.
        relative: head name -> validation loss divided by that of the constant baseline.
        worse: as `worse_than_linear` returned it; None where the heads do not start from linear models.

    Returns:
        The heads that were changed -> `"linear"` or `"constant"`.
    """
    replaced = {}
    for name, ratio in relative.items():
        loss, linear = (worse or {}).get(name, (1.0, float("inf")))
        if linear * ratio <= loss and predict_linear(network.part(name)):  # better than the constant baseline, too
            replaced[name] = "linear"
        elif not ratio <= 1 and predict_constant(network.part(name), torch.as_tensor(targets[name].prior)):
            replaced[name] = "constant"
    return replaced


def replace_heads(network: Network, targets: Mapping[str, TargetCodec], replaced: Mapping[str, str]) -> None:
    """Lets the same heads of another network of the graph predict what `replace_weak_heads` let them predict.

    Args:
        network: changed in place.
        targets: head name -> fitted codec.
        replaced: as `replace_weak_heads` returned it.
    """
    for name, prediction in replaced.items():
        if prediction == "linear":
            predict_linear(network.part(name))
        else:
            predict_constant(network.part(name), torch.as_tensor(targets[name].prior))


def shifted_columns(
    sources: Sequence[Source],
    encoded: Mapping[str, Sequence[Encoded]],
    parts: Sequence[LabelledRows],
    table: TableView | None,
    ignored: Collection[str],
) -> dict[str, float]:
    """The columns whose values differ between training and validation rows.

    Args:
        sources: of a model.
        encoded: source name -> encoded training and validation rows.
        parts: training and validation rows.
        table: how the model reads a table.
        ignored: columns that are not compared, such as the time by which the rows were split.

    Returns:
        Name -> population stability index, the most shifted first.
    """
    features = []
    for number, part in enumerate(parts):
        index = np.sort(np.random.default_rng(0).permutation(part.size)[:MOST_ROWS])
        sample = {
            name: Encoded(np.asarray(arrays[number].array[index]), arrays[number].present[index])
            for name, arrays in encoded.items()
        }
        x = {name: take(values, index) for name, values in part.x.items() if values is not None}
        features.append(row_features(sources, sample, x, table))
    try:
        drift: Any = drift_of(Reference.of(features[0], None), features[1], None, min_shift=SHIFT)
    except ConfigError:  # too few rows
        return {}
    shifted = drift[drift["drifted"]]
    return {
        name: round(float(shift), 3)
        for name, shift in zip(shifted["name"], shifted["shift"], strict=True)
        if name.partition(DERIVED)[0] not in ignored
    }
