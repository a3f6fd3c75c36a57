"""The plan of a training as JSON, which repeats it without a time limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medley.core.linear import SupervisedCodec
from medley.data.sources import Source
from medley.graph.graph import Graph
from medley.train.run import FitResult

INCOMPLETE = ("time ran out", "interrupted")
"""Reasons for which a training ends before its plan is complete."""


def training_plan(
    graph: Graph, sources: Sequence[Source], trained: FitResult, first_stage: FitResult | None, last_epochs: int
) -> dict[str, Any]:
    """The plan of a training as JSON, which `medley.fit(plan=...)` repeats without a time limit.

    Args:
        graph: of the model.
        sources: of the model.
        trained: the result of the training.
        first_stage: the result of the training of the first stage, or None.
        last_epochs: number of epochs on all rows that followed.
    """
    codecs = {source.name: source.codec for source in sources}
    choices = {name: dict(codec.choices) for name, codec in codecs.items() if isinstance(codec, SupervisedCodec)}
    choices |= {str(block.name): dict(block.choices) for block in graph.inputs if block.choices}
    stages = [trained] if first_stage is None else [first_stage, trained]
    return {
        "epochs": trained.epochs,
        "first_epochs": None if first_stage is None else first_stage.epochs,
        "last_epochs": last_epochs,
        "growth": [list(pair) for pair in trained.plan.growth],
        "inputs": choices,
        "complete": all(stage.stopped not in INCOMPLETE for stage in stages),
    }
