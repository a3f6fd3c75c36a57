"""A search as a figure: the scores of all trials, and the learning curves of the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from medley.errors import MissingDependencyError, NotFittedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"complete": "tab:blue", "pruned": "tab:orange"}

Trial = Mapping[str, Any]


def plot_search(trials: Sequence[Trial], curves: int = 3) -> Figure:
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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot") from error
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _scores(left, scored)
    _curves(right, sorted(scored, key=lambda trial: trial["score"])[:curves])
    return figure


def _scores(axes: Axes, scored: Sequence[Trial]) -> None:
    from matplotlib.ticker import MaxNLocator

    for state, colour in COLOURS.items():
        points = [(trial["number"], trial["score"]) for trial in scored if trial["state"] == state]
        if points:
            axes.scatter(*zip(*points, strict=True), color=colour, label=state)
    best, line = float("inf"), []
    for trial in scored:
        best = min(best, trial["score"]) if trial["state"] == "complete" else best
        line.append(best if isfinite(best) else None)
    axes.step([trial["number"] for trial in scored], line, where="post", color="black", label="best so far")
    axes.set(xlabel="trial", ylabel="score (smaller is better)", title="Trials")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _curves(axes: Axes, best: Sequence[Trial]) -> None:
    from matplotlib.ticker import MaxNLocator

    for position, trial in enumerate(best):
        scores, colour = trial["curves"], f"C{position}"
        epochs = range(1, len(scores) + 1)
        axes.plot(epochs, [values["loss"] for values in scores], linestyle="--", color=colour)
        if all("val_loss" in values for values in scores):
            losses = [values["val_loss"] for values in scores]
            axes.plot(epochs, losses, color=colour, label=f"trial {trial['number']}")
    axes.set(xlabel="epoch", ylabel="loss", title="Best trials: training dashed, validation solid")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
