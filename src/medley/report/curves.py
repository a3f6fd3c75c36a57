"""A search as an image: the trials' scores, and the curves of the best."""

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
    """Draws a search.

    Args:
        trials: in order; each with `number`, `state`, `score` and `curves` (a dict of `loss`, `val_loss` per epoch).
        curves: how many of the best are drawn epoch by epoch.

    Returns:
        A figure with two parts: every trial's score (smaller is better) with the best so far as a line, and the loss
        of the best trials over the epochs, training dashed, validation solid.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        NotFittedError: no trial has a score.
    """
    scored = [one for one in trials if isfinite(one["score"])]
    if not scored:
        raise NotFittedError("No trial has a score yet, so there is nothing to draw; call fit first.")
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingDependencyError("Plots need matplotlib: pip install 'medley[plot]'") from missing
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _scores(left, scored)
    _curves(right, sorted(scored, key=lambda one: one["score"])[:curves])
    return figure


def _scores(axes: Axes, scored: Sequence[Trial]) -> None:
    from matplotlib.ticker import MaxNLocator

    for state, colour in COLOURS.items():
        some = [one for one in scored if one["state"] == state]
        if some:
            axes.scatter([one["number"] for one in some], [one["score"] for one in some], color=colour, label=state)
    best, line = float("inf"), []
    for one in scored:
        best = min(best, one["score"]) if one["state"] == "complete" else best
        line.append(best if isfinite(best) else None)
    axes.step([one["number"] for one in scored], line, where="post", color="black", label="best so far")
    axes.set(xlabel="trial", ylabel="score (smaller is better)", title="Trials")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _curves(axes: Axes, best: Sequence[Trial]) -> None:
    from matplotlib.ticker import MaxNLocator

    for place, one in enumerate(best):
        flats = one["curves"]
        epochs = range(1, len(flats) + 1)
        axes.plot(epochs, [flat["loss"] for flat in flats], linestyle="--", color=f"C{place}")
        if all("val_loss" in flat for flat in flats):
            axes.plot(epochs, [flat["val_loss"] for flat in flats], color=f"C{place}", label=f"trial {one['number']}")
    axes.set(xlabel="epoch", ylabel="loss", title="Best trials: training dashed, validation solid")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
