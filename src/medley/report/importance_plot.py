"""Importance as a figure of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.core.registry import register
from medley.errors import MissingDependencyError
from medley.model.importance import Importance, Level

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@register("report.importance_plot")
def importance_plot(
    importance: Importance,
    level: Level = "column",
    task: str | None = None,
    metric: str = "relative_loss",
    top: int = 20,
) -> Figure:
    """Plots bars; see `Importance.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot") from error
    ranking = importance.ranking(level, task, metric)[:top][::-1]
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(ranking)), layout="constrained")
    axes = figure.subplots()
    spread = [0.0 if entry.std != entry.std else entry.std for entry in ranking]
    axes.barh([entry.name for entry in ranking], [entry.mean for entry in ranking], xerr=spread, ecolor="grey")
    axes.axvline(0, color="black", linewidth=0.8)
    change = "absent" if level in ("input", "modality") else "permuted"
    axes.set(title=f"{level.capitalize()} {change}", xlabel=f"how much worse: {metric}")
    return figure
