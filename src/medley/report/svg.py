"""Draws figures as SVG, with a title and description for screen readers. Colours are classes of a stylesheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import ceil, cos, floor, log10, pi, sin, sqrt
from typing import Any

from medley.report.figures import HEXAGONS, Figure

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 14, 42
COLOURS = 6
BAR = 24
LETTER = 6.3
"""The usual width of a letter of axis labels."""


def svg(figure: Figure) -> str:
    """A figure as an SVG element; every text in it is escaped."""
    width, height, content = _KINDS[figure["kind"]](figure)
    description = escape(figure["note"] or f"{figure['kind']}: the same numbers are in the table below.")
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width:g} {height:g}" aria-label="{escape(figure["title"])}">'
        f"<title>{escape(figure['title'])}</title><desc>{description}</desc>{content}</svg>"
    )


def short(value: float | int | None) -> str:
    """A number for an axis or a cell.

    >>> short(1234567), short(0.25), short(1e-5), short(12.0), short(None)
    ('1.23M', '0.25', '1e-05', '12', '')
    """
    if value is None:
        return ""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if letter == 'k' else limit):.3g}{letter}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def ticks(low: float, high: float, most: int = 6, *, whole: bool = False) -> list[float]:
    """Round numbers between two numbers.

    >>> ticks(0, 1, 6), ticks(0.03, 0.31, 4), ticks(1, 3, whole=True)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(most - 1, 1)
    size = 10.0 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    if whole and step != round(step):
        step = float(ceil(step))
    start = ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(start, floor(high / step + 1e-9) + 1)]


class _Axes:
    """The frame of a chart: maps numbers to places, and draws both axes."""

    def __init__(self, x: dict[str, Any], y: dict[str, Any], x_data: Sequence[Any], y_data: Sequence[Any]) -> None:
        self.x_range, self.y_range = _extent(x, x_data), _extent(y, y_data, padded=True)
        self.x_label, self.y_label, self.whole = x["label"], y["label"], bool(x.get("whole"))

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def draw(self) -> str:
        parts = []
        for value in ticks(*self.y_range):
            y = self.y(value)
            parts.append(_line("grid", LEFT, WIDTH - RIGHT, y, y) + _text(LEFT - 6, y + 4, short(value), anchor="end"))
        for value in ticks(*self.x_range, whole=self.whole):
            parts.append(_text(self.x(value), HEIGHT - BOTTOM + 16, short(value)))
        bottom = HEIGHT - BOTTOM
        parts.append(_line("axis", LEFT, WIDTH - RIGHT, bottom, bottom))
        parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, self.x_label, "label"))
        parts.append(_upward(12, (TOP + bottom) / 2, _cut(self.y_label, HEIGHT - TOP - BOTTOM)))
        return "".join(parts)


def _extent(axis: dict[str, Any], data: Sequence[Any], *, padded: bool = False) -> tuple[float, float]:
    if axis.get("range"):
        low, high = axis["range"]
        return float(low), float(high)
    values = [value for value in data if value is not None]
    if not values:
        return 0.0, 1.0
    low, high = float(min(values)), float(max(values))
    if low == high:
        return low - 0.5, high + 0.5
    space = (high - low) * 0.05 if padded else 0.0
    return (low if low == 0 else low - space), high + space


def _text(x: float, y: float, text: str, name: str = "", anchor: str = "middle", tip: str = "") -> str:
    label = f' class="{name}"' if name else ""
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<text{label} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}{title}</text>'


def _upward(x: float, y: float, text: str) -> str:
    """The label of a vertical axis."""
    place = f'transform="translate({x:.1f} {y:.1f}) rotate(-90)"'
    return f'<text class="label" {place} text-anchor="middle">{escape(text)}</text>'


def _line(name: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _cut(text: str, space: float) -> str:
    letters = max(int(space / LETTER), 3)
    return text if len(text) <= letters else text[: letters - 1] + "…"


def _legend(names: Sequence[str], styles: Sequence[str] = (), first: int = 0) -> tuple[float, str]:
    """Height and drawing of the names of several lines, below the chart."""
    if len(names) < 2:
        return 0.0, ""
    parts, x, y = [], float(LEFT), float(HEIGHT + 10)
    for place, name in enumerate(names):
        label = _cut(name, WIDTH - LEFT - 40)
        width = 26 + len(label) * LETTER + 10
        if x > LEFT and x + width > WIDTH:
            x, y = float(LEFT), y + 18
        style = styles[place] if styles else "line"
        colour = f"c{(place + first) % COLOURS}"
        if style == "points":
            parts.append(f'<circle class="{colour} point" cx="{x + 9:.1f}" cy="{y - 4:.1f}" r="3.5"/>')
        else:
            dash = " dashed" if style == "dashed" else ""
            parts.append(_line(f"{colour} stroke{dash}", x, x + 18, y - 4, y - 4))
        parts.append(_text(x + 24, y, label, anchor="start"))
        x += width
    return y - HEIGHT + 8, "".join(parts)


def _series(axes: _Axes, series: Sequence[dict[str, Any]], first: int = 0) -> str:
    parts = []
    for place, item in enumerate(series, first):
        colour = f"c{place % COLOURS}"
        points = [
            (axes.x(x), axes.y(y)) for x, y in zip(item["x"], item["y"], strict=True) if x is not None and y is not None
        ]
        name = escape(item["name"])
        if item["style"] == "points":
            values = [(x, y) for x, y in zip(item["x"], item["y"], strict=True) if x is not None and y is not None]
            for (x, y), (value_x, value_y) in zip(points, values, strict=True):
                tip = f"{name}: {short(value_x)}, {short(value_y)}"
                parts.append(
                    f'<circle class="{colour} point" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{tip}</title></circle>'
                )
            continue
        if item["style"] == "step":
            points = [
                corner
                for place_, (x, y) in enumerate(points)
                for corner in ([(x, points[place_ - 1][1])] if place_ else []) + [(x, y)]
            ]
        dash = " dashed" if item["style"] == "dashed" else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        if len(points) == 1:
            parts.append(f'<circle class="{colour} point" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3.5"/>')
        parts.append(f'<polyline class="{colour} stroke{dash}" points="{path}"><title>{name}</title></polyline>')
    return "".join(parts)


def _diagonal(axes: _Axes) -> str:
    low = max(axes.x_range[0], axes.y_range[0])
    high = min(axes.x_range[1], axes.y_range[1])
    return (
        f'<line class="reference" x1="{axes.x(low):.1f}" y1="{axes.y(low):.1f}" '
        f'x2="{axes.x(high):.1f}" y2="{axes.y(high):.1f}"/>'
    )


def _lines(figure: Figure) -> tuple[float, float, str]:
    series = figure["series"]
    axes = _Axes(
        figure["x"], figure["y"], [x for item in series for x in item["x"]], [y for item in series for y in item["y"]]
    )
    names = [item["name"] for item in series]
    more, legend = _legend(names, [item["style"] for item in series])
    diagonal = _diagonal(axes) if figure["diagonal"] else ""
    return WIDTH, HEIGHT + more, axes.draw() + diagonal + _series(axes, series) + legend


def _hexagons(figure: Figure) -> tuple[float, float, str]:
    axes, cells = _Axes(figure["x"], figure["y"], (), ()), figure["cells"]
    radius_x = (WIDTH - LEFT - RIGHT) / HEXAGONS / sqrt(3)
    radius_y = (HEIGHT - TOP - BOTTOM) / HEXAGONS / sqrt(3)
    most, parts = max(cells["count"], default=1), []
    for x, y, count in zip(cells["x"], cells["y"], cells["count"], strict=True):
        x, y = axes.x(x), axes.y(y)
        if not (LEFT - 3 <= x <= WIDTH - RIGHT + 3 and TOP - 3 <= y <= HEIGHT - BOTTOM + 3):
            continue  # outliers, which the table holds
        corners = " ".join(
            f"{x + radius_x * sin(corner * pi / 3):.1f},{y - radius_y * cos(corner * pi / 3):.1f}"
            for corner in range(6)
        )
        opacity = 0.15 + 0.85 * sqrt(count / most)
        tip = f"<title>{count:,} rows</title>"
        parts.append(f'<polygon class="cell" fill-opacity="{opacity:.2f}" points="{corners}">{tip}</polygon>')
    names, styles = ([item[key] for item in figure["series"]] for key in ("name", "style"))
    more, legend = _legend(names, styles, 1)
    diagonal = _diagonal(axes) if figure["diagonal"] else ""
    return WIDTH, HEIGHT + more, axes.draw() + "".join(parts) + diagonal + _series(axes, figure["series"], 1) + legend


def _histogram(figure: Figure) -> tuple[float, float, str]:
    edges, series = figure["edges"], figure["series"]
    axes = _Axes(figure["x"], figure["y"], edges, [0, *(y for item in series for y in item["y"])])
    axes.y_range, parts = (0.0, axes.y_range[1]), []
    for place, item in enumerate(series):
        for low, high, value in zip(edges, edges[1:], item["y"], strict=False):
            if value:
                x, y = axes.x(low), axes.y(value)
                size = f'width="{max(axes.x(high) - x - 0.6, 0.6):.1f}" height="{axes.y(0) - y:.1f}"'
                tip = f"{escape(item['name'])} {short(low)} to {short(high)}: {value:.1%}"
                parts.append(
                    f'<rect class="c{place % COLOURS} bin" x="{x:.1f}" y="{y:.1f}" {size}><title>{tip}</title></rect>'
                )
    more, legend = _legend([item["name"] for item in series])
    return WIDTH, HEIGHT + more, axes.draw() + "".join(parts) + legend


def _bars(figure: Figure) -> tuple[float, float, str]:
    names, values, spread = figure["names"], figure["values"], figure["spread"] or [0.0] * len(figure["names"])
    left = min(max((len(name) for name in names), default=0) * LETTER + 12, WIDTH * 0.42)
    height = TOP + len(names) * BAR + BOTTOM
    ends = [
        value + sign * (half or 0)
        for value, half in zip(values, spread, strict=True)
        if value is not None
        for sign in (-1, 1)
    ]
    low, high = figure["x"]["range"] or (min([0.0, *ends]), max([0.0, *ends]) or 1.0)
    right = WIDTH - 48

    def place(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    bottom, parts = height - BOTTOM, []
    for value in ticks(low, high, 5):
        x = place(value)
        parts.append(_line("grid", x, x, TOP, bottom) + _text(x, bottom + 16, short(value)))
    for row, (name, value, half) in enumerate(zip(names, values, spread, strict=True)):
        y = TOP + row * BAR
        parts.append(_text(left - 6, y + 16, _cut(name, left - 8), anchor="end", tip=name))
        if value is None:
            continue
        start, end = sorted((place(0), place(value)))
        colour = "c0" if value >= 0 else "c1"
        size = f'width="{max(end - start, 0.5):.1f}" height="{BAR - 8}" rx="2"'
        tip = f"<title>{escape(name)}: {short(value)}</title>"
        parts.append(f'<rect class="{colour} bar" x="{start:.1f}" y="{y + 4}" {size}>{tip}</rect>')
        if half:
            middle, span = y + BAR / 2, (place(value - half), place(value + half))
            parts.append(_line("whisker", *span, middle, middle))
        parts.append(_text(max(end, place(value + (half or 0))) + 5, y + 16, short(value), "value", "start"))
    parts.append(_line("axis", place(0), place(0), TOP, bottom))
    parts.append(_text((left + right) / 2, height - 6, figure["x"]["label"], "label"))
    return WIDTH, height, "".join(parts)


def _matrix(figure: Figure) -> tuple[float, float, str]:
    rows, columns = figure["rows"], figure["columns"]
    left = min(max(map(len, rows), default=0) * LETTER + 28, WIDTH * 0.4)
    size = max((WIDTH - left - RIGHT) / max(len(columns), 1), 9.0)
    tall = max(min(size, 300.0 / max(len(rows), 1), 70.0), 15.0)
    is_slanted = max(map(len, columns), default=0) * LETTER > size
    head = min(max(map(len, columns), default=0), 16) * LETTER * 0.75 + 22 if is_slanted else 34.0
    parts = [_text(left + size * len(columns) / 2, 12, figure["x"]["label"], "label")]
    for place, name in enumerate(columns):
        x = left + size * (place + 0.5)
        label = f"{escape(_cut(name, 16 * LETTER))}<title>{escape(name)}</title></text>"
        turned = f'<text transform="translate({x:.1f} {head - 4:.1f}) rotate(-45)" text-anchor="start">'
        parts.append((turned if is_slanted else f'<text x="{x:.1f}" y="{head - 6:.1f}" text-anchor="middle">') + label)
    for row, name in enumerate(rows):
        y = head + tall * row
        parts.append(_text(left - 6, y + tall / 2 + 4, _cut(name, left - 26), anchor="end", tip=name))
        for column, value in enumerate(figure["values"][row]):
            shade, x = figure["shade"][row][column] or 0.0, left + size * column
            colour = "c0" if shade >= 0 else "c1"
            tip = escape(f"{figure['y']['label']} {name}, {figure['x']['label']} {columns[column]}: {short(value)}")
            parts.append(
                f'<rect class="{colour} tile" x="{x:.1f}" y="{y:.1f}" width="{size - 1:.1f}" height="{tall - 1:.1f}" '
                f'fill-opacity="{min(abs(shade), 1.0):.2f}"><title>{tip}</title></rect>'
            )
            written = short(value)
            if value and len(written) * LETTER <= size:
                tone = "value on" if abs(shade) > 0.55 else "value"
                parts.append(_text(x + size / 2 - 0.5, y + tall / 2 + 4, written, tone))
    height = head + tall * len(rows) + 8
    parts.append(_upward(11, (head + height) / 2, figure["y"]["label"]))
    width = max(WIDTH, left + size * len(columns) + (30 if is_slanted else RIGHT))
    return width, height, "".join(parts)


_KINDS: dict[str, Callable[[Figure], tuple[float, float, str]]] = {
    "lines": _lines,
    "bars": _bars,
    "histogram": _histogram,
    "matrix": _matrix,
    "hexagons": _hexagons,
}
