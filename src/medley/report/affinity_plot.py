"""A matrix of task affinity as a figure of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from medley.core.registry import register
from medley.errors import MissingDependencyError
from medley.model.affinity import TaskAffinity

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@register("report.affinity_plot")
def affinity_plot(affinity: TaskAffinity, values: Literal["cosine", "gain"] = "cosine") -> Figure:
    """Plots a matrix; see `TaskAffinity.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot") from error
    matrix: np.ndarray = getattr(affinity, values)
    size = len(affinity.tasks)
    figure = Figure(figsize=(2.5 + 0.8 * size, 2 + 0.7 * size), layout="constrained")
    axes = figure.subplots()
    largest = 1.0 if values == "cosine" else max(float(np.nanmax(np.abs(matrix))), 1e-12)
    image = axes.imshow(matrix, cmap="RdBu", vmin=-largest, vmax=largest)
    axes.set_xticks(range(size), affinity.tasks, rotation=45, ha="right")
    axes.set_yticks(range(size), affinity.tasks)
    for i in range(size):
        for j in range(size):
            text = "" if np.isnan(matrix[i, j]) else f"{matrix[i, j]:.2g}"
            axes.text(
                j, i, text, ha="center", va="center", color="white" if abs(matrix[i, j]) > 0.6 * largest else "black"
            )
    title = "cosine of gradients" if values == "cosine" else "fraction of loss that a step for the row's task saves"
    axes.set(title=title, xlabel="task", ylabel="trained for")
    figure.colorbar(image, ax=axes)
    return figure
