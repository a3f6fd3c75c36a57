"""The end of a search: what its model lacks, in sentences, and what its codecs cost."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

from medley.errors import MedleyError, WeakModelWarning, spelled, warn
from medley.model.costs import encoding_milliseconds
from medley.model.derived import derived_nodes
from medley.model.description import format_number
from medley.model.importance import OVERALL
from medley.model.model import Model
from medley.search.budget import Budget
from medley.search.labelled_rows import LabelledRows

FEW_EPOCHS = 3
"""Number of times that the wanted epochs exceed those that fit into the time limit, from which the time is short."""

STILL_FALLING = 0.01
"""Relative loss by which a training that ended too early improved in its last quarter."""

NOTHING, NOTHING_PER_TASK = 0.002, 0.005
"""How much the loss of all tasks, and of each task, may rise without an input that brings nothing, divided by that of
the constant baseline."""

LEARNED = 0.9
"""Relative loss of a model from which on its inputs are not compared: it has hardly learned from any of them."""

LEAST_SECONDS, MOST_SECONDS = 0.2, 5.0
"""Seconds from which inputs are compared, and that this may take."""


def conclude(
    model: Model,
    train: LabelledRows,
    val: LabelledRows | None,
    budget: Budget,
    log: Callable[[str], None],
) -> None:
    """Adds to a model's metadata what its codecs cost and what it lacks; reports the latter.

    Args:
        model: the best of a search; its metadata is changed.
        train: training rows.
        val: validation rows, if they were held out.
        budget: the time limit.
        log: called with a line per input that brings nothing.

    Warns:
        WeakModelWarning: a task is predicted no better than by a constant or worse than by linear models, the time was
            too short, or the validation rows, which are later, differ from the training rows.
    """
    idle: list[str] = []
    # The rows are those of the training, which has warned of them; and a model is worth more than what is said of it.
    with warnings.catch_warnings(), suppress(MedleyError):
        warnings.simplefilter("ignore")
        if train.x and train.size:
            model.metadata["encoding_milliseconds"] = encoding_milliseconds(model.graph, model.sources, train.x)
        idle = [] if val is None else _idle_inputs(model, val, budget)
    weaknesses = list(_weaknesses(model.metadata, budget.limit))
    model.metadata["findings"] = [*weaknesses, *idle]
    for sentence in weaknesses:
        warn(sentence, WeakModelWarning)
    for sentence in idle:
        log(sentence)


def _weaknesses(metadata: Mapping[str, Any], limit: float | None) -> Iterator[str]:
    if not_learned := metadata.get("not_learned"):
        yield (
            f"{', '.join(not_learned)}: the model is no better than a constant prediction on validation rows. "
            f"Either the inputs do not determine them, or the time was too short ({spelled('time_limit')})."
        )
    for task, (loss, linear) in (metadata.get("worse_than_linear") or {}).items():
        losses = f"on validation rows (loss {format_number(loss)}, linear {format_number(linear)})"
        advice = f"Train it longer ({spelled('time_limit')}), or with more trials."
        if (metadata.get("replaced") or {}).get(task) == "linear":
            yield f"{task}: the network is worse than linear models {losses}, so these predict it. {advice}"
        elif task not in (not_learned or ()):
            yield f"{task}: the model is worse than linear models {losses}. {advice}"
    if limit is not None and (sentence := _short_time(metadata, limit)):
        yield sentence
    if shifted := metadata.get("shifted"):
        columns = ", ".join(f"{name} ({format_number(shift)})" for name, shift in shifted.items())
        yield (
            "The validation rows, which are the latest, differ from the training rows (population stability index, of "
            f"which .25 is a large shift): {columns}. Predictions for later rows may be worse still; leave out these "
            "columns, replace them by changes over time, or train on recent rows only."
        )


def _short_time(metadata: Mapping[str, Any], limit: float) -> str | None:
    """A sentence if few epochs fit into the time and the loss still fell at their end."""
    epochs, wanted = metadata["plan"]["epochs"], metadata.get("wanted_epochs") or 0
    losses = [record["val"].get("relative_loss") for record in metadata["epochs"]]
    if not 0 < epochs * FEW_EPOCHS < wanted or not losses or None in losses:
        return None
    earlier = losses[: -max(1, len(losses) // 4)]
    if earlier and min(losses) > min(earlier) - STILL_FALLING:
        return None
    return (
        f"The time was too short for these rows: {epochs} of {wanted} epochs fit into {limit:.0f} s, and the loss "
        f"still fell at their end. {spelled('time_limit')} of about {limit * wanted / epochs:.0f} s would fit all."
    )


def _idle_inputs(model: Model, val: LabelledRows, budget: Budget) -> list[str]:
    """A sentence per input, or modality, without which validation rows are predicted as well."""
    from medley.report.importance import without_inputs

    score = model.metadata.get("scores", {}).get("val_relative_loss", 1.0)
    if len(val.x) < 2 or not score < LEARNED or not all(node.block.exports for node in derived_nodes(model.graph)):
        return []  # a function of the caller that derives rows may not be called without some of them
    left = MOST_SECONDS if budget.deadline is None else min((budget.deadline - monotonic()) / 2, MOST_SECONDS)
    if left < LEAST_SECONDS:
        return []
    sentences, argument = [], "" if model.table is None else f" ({spelled('inputs')})"
    for name, rises in without_inputs(model, val.x, val.y, left).items():
        if rises[OVERALL] <= NOTHING and max(rises.values()) <= NOTHING_PER_TASK:
            sentences.append(
                f"{name} brings nothing: without it, validation rows are predicted as well (relative loss "
                f"{rises[OVERALL]:+.4f}). Leaving it out{argument} makes the model smaller and faster."
            )
    return sentences
