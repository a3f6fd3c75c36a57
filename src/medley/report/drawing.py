"""Draws a graph as SVG: inputs at the top, heads at the bottom, each block below those that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from medley.core.block import Node
from medley.core.head import Head
from medley.core.input import DerivedInput, InputBlock, Preprocessing
from medley.core.registry import name_of

if TYPE_CHECKING:
    from medley.graph.graph import Graph

MOST_NODES = 80
"""Larger graphs are not drawn: nobody could read the drawing."""

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 180.0, 52.0, 18.0, 42.0, 10.0
LETTERS = 22


def draw_graph(graph: Graph, details: Mapping[str, str] | None = None) -> str | None:
    """Draws a graph.

    Args:
        graph: resolved or not.
        details: name of a part -> a line below it: its shape and size, say.

    Returns:
        An SVG element, every text escaped; None for a graph of more than `MOST_NODES` parts.
    """
    nodes = graph.nodes()
    if len(nodes) > MOST_NODES:
        return None
    layers = _layers(nodes)
    most = max(len(layer) for layer in layers)
    width = MARGIN * 2 + most * WIDTH + (most - 1) * GAP_X
    height = MARGIN * 2 + len(layers) * HEIGHT + (len(layers) - 1) * GAP_Y
    places: dict[int, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        left = (width - len(layer) * WIDTH - (len(layer) - 1) * GAP_X) / 2
        for column, node in enumerate(layer):
            places[id(node)] = (left + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y))
    edges = "".join(_edge(places[id(parent)], places[id(node)]) for node in nodes for parent in node.inputs)
    boxes = "".join(_box(node, graph, places[id(node)], (details or {})) for node in nodes)
    inputs, heads = ", ".join(graph.input_names), ", ".join(graph.heads)
    return (
        f'<svg class="graph" role="img" viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" '
        f'aria-label="The network"><title>The network</title>'
        f"<desc>{escape(f'{len(nodes)} parts, from {inputs} to {heads}; the table of parts lists them.')}</desc>"
        f"{edges}{boxes}</svg>"
    )


def _layers(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes by depth, each layer in the order in which lines cross little: by the mean place of what is read."""
    depth: dict[int, int] = {}
    for node in nodes:
        depth[id(node)] = 1 + max((depth[id(parent)] for parent in node.inputs), default=-1)
    last = max(depth.values())
    for node in nodes:
        if isinstance(node.block, Head):
            depth[id(node)] = last
    layers: list[list[Node]] = [[] for _ in range(last + 1)]
    for node in nodes:
        layers[depth[id(node)]].append(node)
    place: dict[int, float] = {}
    for layer in layers:
        if any(node.inputs for node in layer):
            centres = {id(node): _centre(node, place) for node in layer}
            layer.sort(key=lambda node: centres[id(node)])
        for column, node in enumerate(layer):
            place[id(node)] = (column + 0.5) / len(layer)
    return [layer for layer in layers if layer]


def _centre(node: Node, place: Mapping[int, float]) -> float:
    known = [place[id(parent)] for parent in node.inputs if id(parent) in place]
    return sum(known) / len(known) if known else 0.5


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y = start[0] + WIDTH / 2, start[1] + HEIGHT
    to_x, to_y = end[0] + WIDTH / 2, end[1]
    bend = max((to_y - y) / 2, 12)
    curve = f"C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
    return f'<path class="edge" d="M{x:.1f} {y:.1f}{curve}"/>'


def _role(node: Node) -> str:
    if isinstance(node.block, Head):
        return "head"
    if isinstance(node.block, DerivedInput | Preprocessing):
        return "derived"
    if isinstance(node.block, InputBlock):
        return "input"
    return "fusion" if (name_of(type(node.block)) or "").startswith("fusion.") else "block"


def _box(node: Node, graph: Graph, place: tuple[float, float], details: Mapping[str, str]) -> str:
    name, kind = graph.names[id(node.block)], type(node.block).__name__
    lines = [_cut(name), _cut(kind), *([_cut(details[name])] if name in details else [])]
    x, y = place[0] + WIDTH / 2, place[1] + HEIGHT / 2 - (len(lines) - 1) * 7.5 + 4
    texts = "".join(
        f'<text class="{"name" if row == 0 else "detail"}" x="{x:.1f}" y="{y + row * 15:.1f}" text-anchor="middle">'
        f"{escape(line)}</text>"
        for row, line in enumerate(lines)
    )
    tip = escape(f"{name}: {node.block!r}"[:300])
    return (
        f'<g class="part {_role(node)}"><title>{tip}</title>'
        f'<rect x="{place[0]:.1f}" y="{place[1]:.1f}" width="{WIDTH:g}" height="{HEIGHT:g}" rx="8"/>{texts}</g>'
    )


def _cut(text: str) -> str:
    """The start and the end of a text: generated names differ in their last letters."""
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 9]}…{text[-8:]}"
