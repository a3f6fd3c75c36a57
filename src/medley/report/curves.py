"""A search as a figure: the scores of all trials, and the learning curves of the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from medley.errors import NotFittedError
from medley.report import figures
from medley.report.matplotlib_figure import draw
from medley.report.training_section import scores_of_trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_search(trials: Sequence[Mapping[str, Any]], curves: int = 3) -> Figure:
    """Plots a search.

    Args:
        trials: in order; each with `number`, `state`, `score` and `curves` (a dict of `loss`, `val_loss` per epoch).
        curves: number of best trials whose learning curves are drawn.

    Returns:
        A figure with two parts: every trial's score (smaller is better) with the best so far as a line, and the loss
        of the best trials over the epochs, training dashed, validation solid.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        NotFittedError: no trial has a score.
    """
    scored = [trial for trial in trials if isfinite(trial["score"])]
    if not scored:
        raise NotFittedError("No trial has a score yet, so there is nothing to plot; call fit first.")
    best = sorted(scored, key=lambda trial: trial["score"])[:curves]
    return draw([scores_of_trials(scored), _curves(best)])


def _curves(best: Sequence[Mapping[str, Any]]) -> figures.Figure:
    series = []
    for trial in best:
        epochs = range(1, len(trial["curves"]) + 1)
        name, missing = f"trial {trial['number']}", float("nan")
        validation = [values.get("val_loss", missing) for values in trial["curves"]]
        training = [values.get("loss", missing) for values in trial["curves"]]
        series += [
            figures.line(name, epochs, validation),
            figures.line(f"{name}, training", epochs, training, "dashed"),
        ]
    return figures.lines("Best trials", series, "epoch", "loss", whole_x=True)
