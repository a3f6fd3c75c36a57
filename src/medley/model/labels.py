"""Labels of rows to evaluate: encoded, with the tasks that measure predictions of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medley.core.batch import RowWeights
from medley.core.codec import Encoded, TargetCodec
from medley.graph.graph import Graph
from medley.model.encoding import encode_targets, extended_targets, loss_targets, warn_of_unlearned
from medley.model.tasks import Task, tasks_of


@dataclass(frozen=True)
class EncodedLabels:
    """Labels of N rows, as metrics and losses read them.

    Args:
        tasks: the heads that have labels.
        targets: head name -> labels as metrics read them, with classes that the model has not learnt.
        losses: head name -> labels as losses read them: such classes are unobserved.
        weight: sample weights.
    """

    tasks: list[Task]
    targets: dict[str, Encoded]
    losses: dict[str, Encoded]
    weight: RowWeights


def encode_labels(
    graph: Graph, targets: Mapping[str, TargetCodec], y: Mapping[str, Any], weight: RowWeights = None
) -> EncodedLabels:
    """Encodes labels of rows to evaluate; warns of classes that the model has not learnt.

    Args:
        graph: resolved.
        targets: head name -> fitted target codec.
        y: head name -> labels (N, ...), for some or all heads.
        weight: sample weights.

    Raises:
        DataError: labels do not fit a codec; all errors are reported, each with its head's name.
    """
    learned = {name: targets[name] for name in y}
    extended = extended_targets(learned, y)
    encoded = encode_targets(extended, y)
    warn_of_unlearned(extended, encoded)
    narrowed = {name: learned[name].narrowed(labels, extended[name]) for name, labels in encoded.items()}
    tasks = [task for task in tasks_of(graph, targets, extended) if task.name in y]
    return EncodedLabels(tasks, encoded, loss_targets(learned, narrowed), weight)
