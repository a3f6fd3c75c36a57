"""What was tried: trials with their scores, learning curves, and which hyperparameters mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medley.report import figures
from medley.report.figures import Figure, table

MOST_TRIALS = 100
FEWEST_TRIALS = 8
"""Complete trials from which the importance of hyperparameters is shown."""

GROUPS = 3
"""Groups of a numeric hyperparameter, of equal size."""


def training_section(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The section on the search and the training of the best trial.

    Args:
        metadata: of a model.
    """
    search = metadata.get("search") or {}
    trials: Sequence[Mapping[str, Any]] = metadata.get("trials") or []
    section: dict[str, Any] = {"facts": [], "figures": [], "tables": [], "left_out": []}
    records = metadata.get("epochs") or []
    seconds = sum(trial.get("seconds") or 0.0 for trial in trials) or sum(record["seconds"] for record in records)
    ended = {"time": "the time limit", "trials": "the number of trials", "patience": "no further improvement"}
    facts = [
        ("trials", search.get("trials")),
        ("epochs", len(records) or None),
        ("training time", f"{seconds:,.1f} s" if seconds else None),
        ("ended by", ended.get(search.get("ended", ""), search.get("ended"))),
    ]
    section["facts"] = [(name, value) for name, value in facts if value is not None]
    if records:
        section["figures"] += curves(records)
    if len(trials) > 1:
        section["figures"] += [scores_of_trials(trials), *hyperparameter_importance(trials)]
    if trials:
        section["tables"].append(_trials(trials[:MOST_TRIALS]))
        if (search.get("trials") or 0) > len(trials[:MOST_TRIALS]):
            rest = search["trials"] - len(trials[:MOST_TRIALS])
            section["left_out"].append(f"{rest:,} trials are not listed: see medley trials, or auto.history.")
    if params := metadata.get("params"):
        section["tables"].append(
            table(
                ["hyperparameter", "value"],
                [[name, str(value)] for name, value in params.items()],
                "Hyperparameters of the model",
            )
        )
    settings = {
        name.replace("_", " "): value for name, value in (metadata.get("training") or {}).items() if value is not None
    }
    if settings:
        section["tables"].append(
            table(["setting", "value"], [[name, str(value)] for name, value in settings.items()], "Training")
        )
    return section


def curves(records: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Learning curves: the loss of training and validation rows, and with several tasks the validation loss of each.

    Args:
        records: one per epoch, as `Record.to_json` returns them.
    """
    epochs = [record["epoch"] + 1 for record in records]
    series = [
        figures.line(label, epochs, [record[part].get("loss", np.nan) for record in records])
        for part, label in (("train", "training rows"), ("val", "validation rows"))
        if any("loss" in record[part] for record in records)
    ]
    note = "Training rows are measured as they are seen, with dropout and augmentation, validation rows without."
    drawn = [figures.lines("Loss", series, "epoch", "loss", note=note, whole_x=True)] if series else []
    names = [name for name in records[-1]["val"] if name.endswith("_loss") and name != "relative_loss"]
    if len(names) > 1:
        series = []
        for name in names:
            losses = np.array([record["val"].get(name, np.nan) for record in records], float)
            series.append(figures.line(name.removesuffix("_loss"), epochs, losses / losses[0]))
        note = "The validation loss of each task, divided by that of the first epoch."
        drawn.append(figures.lines("Loss by task", series, "epoch", "relative loss", note=note, whole_x=True))
    return drawn


def scores_of_trials(trials: Sequence[Mapping[str, Any]]) -> Figure:
    """The score of every trial, and the best so far.

    Args:
        trials: in order, each with `number`, `state` and `score`.
    """
    scored = [trial for trial in sorted(trials, key=lambda trial: trial["number"]) if _is_finite(trial["score"])]
    series, best, line = [], float("inf"), []
    for trial in scored:
        best = min(best, trial["score"]) if trial["state"] == "complete" else best
        line.append(best)
    numbers = [trial["number"] for trial in scored]
    series.append(figures.line("best so far", numbers, line, "step"))
    for state in dict.fromkeys(trial["state"] for trial in scored):
        points = [(trial["number"], trial["score"]) for trial in scored if trial["state"] == state]
        series.append(figures.line(state, *zip(*points, strict=True), style="points"))
    note = "Smaller is better; by default, 1 is the constant baseline."
    return figures.lines("Trials", series, "trial", "score", note=note, whole_x=True)


def hyperparameter_importance(trials: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """How much of the variance of the trials' ranks each hyperparameter explains by itself (correlation ratio).

    Args:
        trials: each with `state`, `score` and `params`.

    Returns:
        One figure; none for fewer than `FEWEST_TRIALS` complete trials.
    """
    complete = [trial for trial in trials if trial["state"] == "complete" and _is_finite(trial["score"])]
    if len(complete) < FEWEST_TRIALS:
        return []
    ranks = np.argsort(np.argsort([trial["score"] for trial in complete])).astype(float)
    names = list(dict.fromkeys(name for trial in complete for name in trial.get("params") or {}))
    explained = {
        name: _explained(ranks, [(trial.get("params") or {}).get(name) for trial in complete]) for name in names
    }
    ranked = sorted(explained.items(), key=lambda item: -item[1])[:12]
    ranked = [(name, value) for name, value in ranked if value > 0]
    if not ranked:
        return []
    note = "Of the variance of ranks; a search that has settled on some values tells little about others."
    shown = [name for name, _ in ranked], [value for _, value in ranked]
    return [figures.bars("Importance of hyperparameters", *shown, "variance explained", note=note, value_range=(0, 1))]


def _explained(ranks: np.ndarray, values: Sequence[Any]) -> float:
    """The correlation ratio, adjusted for the number of groups: 0 where values are drawn at random."""
    is_numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if is_numeric and len(set(values)) > GROUPS:
        edges = np.quantile(values, np.linspace(0, 1, GROUPS + 1)[1:-1])
        groups = np.digitize(values, edges)
    else:
        _, groups = np.unique([repr(value) for value in values], return_inverse=True)
    count = len(np.unique(groups))
    if count < 2 or len(ranks) <= count:
        return 0.0
    within = sum(((ranks[groups == group] - ranks[groups == group].mean()) ** 2).sum() for group in np.unique(groups))
    total = ((ranks - ranks.mean()) ** 2).sum()
    return max(float(1 - (within / (len(ranks) - count)) / (total / (len(ranks) - 1))), 0.0)


def _trials(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = [
        [
            trial["number"],
            trial["state"],
            trial["score"],
            trial.get("seconds"),
            trial.get("size"),
            trial.get("reason") or "",
        ]
        for trial in trials
    ]
    return table(["trial", "state", "score", "seconds", "parameters", "reason"], rows, "Trials")


def _is_finite(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))
