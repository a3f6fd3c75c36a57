"""Draws figures with matplotlib: the same data that `svg` draws for pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import MissingDependencyError
from medley.report.figures import Figure as FigureData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: dict[str, dict[str, Any]] = {
    "line": {},
    "dashed": {"linestyle": "--"},
    "step": {"drawstyle": "steps-post", "color": "black"},
}


def draw(figures: Sequence[FigureData]) -> Figure:
    """Draws figures side by side.

    Args:
        figures: as `medley.report.figures` makes them.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot") from error
    heights = [max(4.0, 1.5 + 0.25 * len(data.get("names") or data.get("rows") or ())) for data in figures]
    canvas = Figure(figsize=(5.2 * len(figures), max(heights)), layout="constrained")
    for axes, data in zip(np.atleast_1d(canvas.subplots(1, len(figures))), figures, strict=True):
        _KINDS[data["kind"]](axes, data)
        axes.set_title(data["title"])
    return canvas


def _frame(axes: Axes, data: FigureData) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel=data["x"]["label"], ylabel=data["y"]["label"])
    if data["x"].get("range"):
        axes.set_xlim(*data["x"]["range"])
    if data["y"].get("range"):
        low, high = data["y"]["range"]
        axes.set_ylim(low, high + 0.02 * (high - low))
    if data["x"].get("whole"):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _series(axes: Axes, series: Sequence[dict[str, Any]]) -> None:
    for item in series:
        x, y = (np.array(item[name], float) for name in ("x", "y"))
        if item["style"] == "points":
            axes.scatter(x, y, label=item["name"], s=22)
        else:
            axes.plot(x, y, label=item["name"], **STYLES[item["style"]])
    if len(series) > 1:
        axes.legend()


def _diagonal(axes: Axes, data: FigureData) -> None:
    if data["diagonal"]:
        axes.axline((0, 0), slope=1, color="grey", linestyle=":", linewidth=1)


def _lines(axes: Axes, data: FigureData) -> None:
    _diagonal(axes, data)
    _series(axes, data["series"])
    _frame(axes, data)


def _hexagons(axes: Axes, data: FigureData) -> None:
    cells = data["cells"]
    counts = np.sqrt(cells["count"])
    axes.scatter(cells["x"], cells["y"], c=counts, cmap="Blues", marker="h", s=70, vmin=-0.2 * max(counts, default=1))
    _diagonal(axes, data)
    _series(axes, data["series"])
    _frame(axes, data)


def _histogram(axes: Axes, data: FigureData) -> None:
    for item in data["series"]:
        axes.stairs(item["y"], data["edges"], fill=True, alpha=0.5, label=item["name"])
    if len(data["series"]) > 1:
        axes.legend()
    _frame(axes, data)


def _bars(axes: Axes, data: FigureData) -> None:
    places = np.arange(len(data["names"]))
    axes.barh(places, np.array(data["values"], float), xerr=data["spread"])
    axes.set_yticks(places, [_plain(name) for name in data["names"]])
    axes.invert_yaxis()
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_xlabel(data["x"]["label"])


def _matrix(axes: Axes, data: FigureData) -> None:
    shade = np.array(data["shade"], float)
    axes.imshow(np.abs(shade), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, values in enumerate(data["values"]):
        for column, value in enumerate(values):
            colour = "white" if abs(shade[row, column]) > 0.55 else "black"
            axes.text(column, row, f"{value:.3g}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(data["columns"])), [_plain(name) for name in data["columns"]], rotation=45, ha="right")
    axes.set_yticks(range(len(data["rows"])), [_plain(name) for name in data["rows"]])
    axes.set(xlabel=data["x"]["label"], ylabel=data["y"]["label"])


def _plain(name: str) -> str:
    """A name that matplotlib does not read as mathematics."""
    return name.replace("$", r"\$")


_KINDS: dict[str, Callable[[Axes, FigureData], None]] = {
    "lines": _lines,
    "hexagons": _hexagons,
    "histogram": _histogram,
    "bars": _bars,
    "matrix": _matrix,
}
