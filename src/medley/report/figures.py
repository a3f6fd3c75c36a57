"""Figures as plain data: what a chart shows, without how it is drawn. `svg` and `plots` draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

Figure = dict[str, Any]
"""JSON: `kind` ("lines", "bars", "histogram", "matrix", "hexagons"), `title`, `note`, axes, data, and a `table` of the
same numbers for those who do not see the chart."""

Style = Literal["line", "dashed", "step", "points"]

MOST_POINTS = 160
"""Of one line: more cannot be told apart in a chart of this size."""

HEXAGONS = 24
"""Hexagons across a chart."""


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> dict[str, Any]:
    """A table: numbers stay numbers, so that the page can sort them.

    >>> table(["class", "rows"], [["cat", 3]])["numeric"]
    [False, True]
    """
    numeric = [
        any(_is_number(row[place]) for row in rows)
        and all(_is_number(row[place]) or row[place] is None for row in rows)
        for place in range(len(columns))
    ]
    return {
        "columns": list(columns),
        "rows": [list(map(_plain, row)) for row in rows],
        "numeric": numeric,
        "caption": caption,
    }


def line(name: str, x: Any, y: Any, style: Style = "line") -> dict[str, Any]:
    """One line, or points, of a figure; thinned out where it has more points than can be seen."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) > MOST_POINTS:
        places = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
        x, y = x[places], y[places]
    return {"name": name, "x": _numbers(x), "y": _numbers(y), "style": style}


def lines(
    title: str,
    series: Sequence[dict[str, Any]],
    x: str,
    y: str,
    *,
    note: str = "",
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    diagonal: bool = False,
    whole_x: bool = False,
) -> Figure:
    """Lines and points over two axes.

    Args:
        title: of the figure.
        series: as returned by `line`.
        x: label of the axis.
        y: label of the axis.
        note: what the figure shows, in one or two sentences.
        x_range: of the axis; by default that of the data.
        y_range: likewise.
        diagonal: whether the line x = y is drawn.
        whole_x: whether x are whole numbers, such as epochs.
    """
    rows = [[item["name"], *point] for item in series for point in zip(item["x"], item["y"], strict=True)]
    return {
        "kind": "lines",
        "title": title,
        "note": note,
        "x": {"label": x, "range": x_range, "whole": whole_x},
        "y": {"label": y, "range": y_range},
        "series": list(series),
        "diagonal": diagonal,
        "table": table(["line", x, y], rows),
    }


def bars(
    title: str,
    names: Sequence[Any],
    values: Any,
    label: str,
    *,
    note: str = "",
    spread: Any = None,
    value_range: tuple[float, float] | None = None,
) -> Figure:
    """Horizontal bars.

    Args:
        title: of the figure.
        names: of the bars, from the top.
        values: lengths.
        label: of the values' axis.
        note: as in `lines`.
        spread: half the length of each bar's interval, or None.
        value_range: of the axis.
    """
    values = _numbers(values)
    spread = None if spread is None else _numbers(spread)
    columns = ["", label] if spread is None else ["", label, "±"]
    rows = [
        [str(name), *numbers]
        for name, *numbers in zip(names, values, *([] if spread is None else [spread]), strict=True)
    ]
    return {
        "kind": "bars",
        "title": title,
        "note": note,
        "names": [str(name) for name in names],
        "values": values,
        "spread": spread,
        "x": {"label": label, "range": value_range},
        "table": table(columns, rows),
    }


def histogram(title: str, groups: dict[str, Any], label: str, *, note: str = "", bins: int = 30) -> Figure:
    """A histogram of one or more groups of numbers, as fractions of each group.

    Args:
        title: of the figure.
        groups: name -> numbers.
        label: of the numbers.
        note: as in `lines`.
        bins: of equal width; at most.
    """
    arrays = {name: np.asarray(values, float) for name, values in groups.items()}
    arrays = {name: values[np.isfinite(values)] for name, values in arrays.items()}
    everything = np.concatenate(list(arrays.values())) if arrays else np.zeros(0)
    low, high = (float(everything.min()), float(everything.max())) if len(everything) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    fractions = {name: np.histogram(values, edges)[0] / max(len(values), 1) for name, values in arrays.items()}
    rows = [[edges[place], edges[place + 1], *(part[place] for part in fractions.values())] for place in range(bins)]
    return {
        "kind": "histogram",
        "title": title,
        "note": note,
        "edges": _numbers(edges),
        "series": [{"name": name, "y": _numbers(part)} for name, part in fractions.items()],
        "x": {"label": label, "range": None},
        "y": {"label": "fraction of rows", "range": None},
        "table": table(["from", "to", *fractions], rows),
    }


def matrix(
    title: str,
    rows: Sequence[Any],
    columns: Sequence[Any],
    values: Any,
    *,
    x: str,
    y: str,
    note: str = "",
    shade: Any = None,
) -> Figure:
    """A matrix of numbers in shaded cells.

    Args:
        title: of the figure.
        rows: names.
        columns: names.
        values: (rows, columns), written into the cells.
        x: what the columns are.
        y: what the rows are.
        note: as in `lines`.
        shade: (rows, columns) between -1 and 1; by default the values as fractions of the row's sum.
    """
    values = np.asarray(values)
    if shade is None:
        shade = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-12)
    return {
        "kind": "matrix",
        "title": title,
        "note": note,
        "rows": [str(name) for name in rows],
        "columns": [str(name) for name in columns],
        "values": [list(map(_plain, row)) for row in values.tolist()],
        "shade": [_numbers(row) for row in np.asarray(shade, float)],
        "x": {"label": x},
        "y": {"label": y},
        "table": table(
            [f"{y} \\ {x}", *map(str, columns)],
            [[str(name), *row] for name, row in zip(rows, values.tolist(), strict=True)],
        ),
    }


def hexagons(
    title: str,
    x: Any,
    y: Any,
    x_label: str,
    y_label: str,
    *,
    note: str = "",
    diagonal: bool = False,
    series: Sequence[dict[str, Any]] = (),
) -> Figure:
    """The density of points, as counts in hexagons: as clear for a million points as for a hundred.

    Args:
        title: of the figure.
        x: (N,) numbers.
        y: (N,) numbers.
        x_label: of the axis.
        y_label: of the axis.
        note: as in `lines`.
        diagonal: whether the line x = y is drawn, and both axes have one range.
        series: lines over the hexagons, as returned by `line`.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    x_range, y_range = _range(x), _range(y)
    if diagonal:
        x_range = y_range = (min(x_range[0], y_range[0]), max(x_range[1], y_range[1]))
    u = (x - x_range[0]) / (x_range[1] - x_range[0]) * HEXAGONS
    v = (y - y_range[0]) / (y_range[1] - y_range[0]) * HEXAGONS / np.sqrt(0.75)
    # Two rectangular lattices, one shifted by half a cell: each point belongs to the nearer of its two centres.
    first, second = (np.round(u), 2 * np.round(v / 2)), (np.floor(u) + 0.5, 2 * np.floor(v / 2) + 1)
    is_first = (u - first[0]) ** 2 + 0.75 * (v - first[1]) ** 2 < (u - second[0]) ** 2 + 0.75 * (v - second[1]) ** 2
    centres = np.stack([np.where(is_first, first[0], second[0]), np.where(is_first, first[1], second[1])], axis=1)
    cells, counts = np.unique(centres, axis=0, return_counts=True)
    x_centres = x_range[0] + cells[:, 0] / HEXAGONS * (x_range[1] - x_range[0])
    y_centres = y_range[0] + cells[:, 1] * np.sqrt(0.75) / HEXAGONS * (y_range[1] - y_range[0])
    return {
        "kind": "hexagons",
        "title": title,
        "note": note,
        "x": {"label": x_label, "range": x_range},
        "y": {"label": y_label, "range": y_range},
        "cells": {"x": _numbers(x_centres), "y": _numbers(y_centres), "count": counts.tolist()},
        "series": list(series),
        "diagonal": diagonal,
        "table": table(
            [x_label, y_label, "rows"],
            [list(cell) for cell in zip(_numbers(x_centres), _numbers(y_centres), counts.tolist(), strict=True)],
        ),
    }


def _range(values: np.ndarray) -> tuple[float, float]:
    """The range of an axis: one outlier among hundreds does not squeeze all others."""
    if not len(values):
        return 0.0, 1.0
    low, high = np.quantile(values, [0.002, 0.998]) if len(values) > 500 else (values.min(), values.max())
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _numbers(values: Any) -> list[float | None]:
    """Numbers with six significant digits; None where one is not finite, for which JSON has no word."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in np.asarray(values, float).tolist()]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
