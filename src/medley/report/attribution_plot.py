"""An attribution as a figure of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.core.registry import register
from medley.errors import MissingDependencyError
from medley.model.attribution import Attribution
from medley.report.attribution_html import headline, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@register("report.attribution_plot")
def attribution_plot(attribution: Attribution, top: int = 15) -> Figure:
    """Plots bars of columns; see `Attribution.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("Plots need matplotlib.", package="matplotlib", extra="plot") from error
    parts = attribution.ranked[:top][::-1]
    figure = Figure(figsize=(7, 1.4 + 0.3 * len(parts)), layout="constrained")
    axes = figure.subplots()
    colours = ["tab:blue" if part.amount >= 0 else "tab:orange" for part in parts]
    errors = [part.error if part.error == part.error else 0.0 for part in parts]
    labels = [f"{part.column} = {part.cell[:24]}" if part.cell else part.column for part in parts]
    axes.barh(labels, [part.amount for part in parts], xerr=errors, color=colours, ecolor="grey")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(
        title=f"Row {attribution.row}: {headline(attribution)}",
        xlabel=f"amount; {number(attribution.output)} for the row, {number(attribution.reference)} on average",
    )
    return figure
