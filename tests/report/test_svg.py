"""Figures and their drawings: well-formed, escaped, and with as many marks as there is data."""

from xml.etree import ElementTree

import numpy as np
import pytest

import medley as md
from medley.report import figures
from medley.report.drawing import MOST_NODES, draw_graph
from medley.report.svg import svg, ticks

HOSTILE = "<script>alert('x')</script> & \"quotes\" ' ]]>"


def drawn(figure):
    return ElementTree.fromstring(svg(figure))


def examples(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    line = figures.line(name, np.arange(5), [1, 2, np.nan, 4, 5])
    return {
        "lines": figures.lines(
            name, [line, {**line, "style": "points"}, {**line, "style": "step"}], name, name, note=name
        ),
        "bars": figures.bars(name, [name, "b"], [0.5, -0.25], name, note=name, spread=[0.1, 0.2]),
        "histogram": figures.histogram(name, {name: x, "other": x + 1}, name, note=name),
        "matrix": figures.matrix(name, [name, "b"], ["c", name], [[1, 2], [3, 4]], x=name, y=name, note=name),
        "hexagons": figures.hexagons(name, x, x**2, name, name, note=name),
    }


@pytest.mark.parametrize("kind", ["lines", "bars", "histogram", "matrix", "hexagons"])
def test_every_text_is_escaped(kind):
    root = drawn(examples(HOSTILE)[kind])
    assert root.find("title").text == HOSTILE
    assert root.find("desc").text == HOSTILE
    assert root.get("role") == "img"
    assert not root.findall(".//script")


@pytest.mark.parametrize("kind", ["lines", "bars", "histogram", "matrix", "hexagons"])
def test_figures_of_no_rows_and_of_equal_numbers_are_drawn(kind):
    empty = {
        "lines": figures.lines("", [figures.line("a", [], [])], "x", "y"),
        "bars": figures.bars("", ["a"], [0.0], "x"),
        "histogram": figures.histogram("", {"a": []}, "x"),
        "matrix": figures.matrix("", ["a"], ["b"], [[0]], x="x", y="y"),
        "hexagons": figures.hexagons("", [3.0] * 9, [3.0] * 9, "x", "y"),
    }
    assert "nan" not in ElementTree.tostring(drawn(empty[kind]), "unicode").lower()


def test_hexagons_count_every_point():
    rng = np.random.default_rng(1)
    figure = figures.hexagons("", rng.normal(size=3000), rng.normal(size=3000), "x", "y")
    assert sum(figure["cells"]["count"]) == 3000
    assert sum(row[2] for row in figure["table"]["rows"]) == 3000


def test_histograms_are_fractions_of_each_group():
    figure = figures.histogram("", {"a": [0, 0, 1, np.nan], "b": [1]}, "x", bins=2)
    assert [series["y"] for series in figure["series"]] == [[2 / 3, 1 / 3], [0, 1]] or np.allclose(
        [series["y"] for series in figure["series"]], [[2 / 3, 1 / 3], [0, 1]], atol=1e-5
    )


def test_ticks_are_round_and_inside():
    for low, high in ((0, 1), (-3.7, 12.2), (1e-6, 3e-6), (1200, 98_000), (5, 5)):
        marks = ticks(low, high)
        assert marks
        assert all(low - 1e-9 <= mark <= high + 1e-9 for mark in marks)
        assert len(marks) <= 8


def test_a_graph_is_drawn_from_inputs_to_heads():
    photo, facts = md.ImageInput(name="photo"), md.StructuredDataInput(name="facts <b>")
    trunk = md.Merge()([md.ConvBlock(name="eyes")(photo), md.DenseBlock()(facts)])
    graph = md.Graph(
        (photo, facts), (md.RegressionHead(name="price")(trunk), md.ClassificationHead(name="kind")(trunk))
    )
    root = ElementTree.fromstring(draw_graph(graph))
    boxes = {box.find("text").text: float(box.find("rect").get("y")) for box in root.iter("g")}
    assert boxes.keys() >= {"photo", "facts <b>", "eyes", "price", "kind"}
    assert boxes["photo"] == boxes["facts <b>"] < boxes["eyes"] < boxes["price"] == boxes["kind"]
    assert len(root.findall("path")) == sum(len(node.inputs) for node in graph.nodes())


def test_a_graph_of_very_many_parts_is_not_drawn():
    node = md.Input(name="x").node
    for _ in range(MOST_NODES):
        node = md.DenseBlock()(node)
    graph = md.Graph((node_input(node),), (md.RegressionHead()(node),))
    assert draw_graph(graph) is None


def node_input(node):
    while node.inputs:
        node = node.inputs[0]
    return node.block
