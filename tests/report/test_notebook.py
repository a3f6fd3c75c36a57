"""How objects look in notebooks and in a terminal."""

import re
from xml.etree import ElementTree

import numpy as np

import medley as md
from medley.tables.columns.infer import infer

HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_model_shows_its_scores_network_and_columns(pets_model):
    html = pets_model._repr_html_()
    assert HOSTILE not in html
    assert "&lt;img src=x" in html
    assert 'aria-label="The network"' in html
    assert "breed accuracy" in html
    assert "<script" not in html


def test_the_repr_of_a_model_says_what_it_does(pets_model):
    text = repr(pets_model)
    assert re.fullmatch(r"Model\(4 columns -> breed \(2 classes\), price \(number\); [\d,]+ parameters, cpu\)", text)


def test_a_search_shows_its_graph_and_then_its_best_model(tmp_path):
    facts = md.StructuredDataInput(name="facts")
    auto = md.AutoModel(facts, md.ClassificationHead(name="kind"), max_trials=2, directory=tmp_path)
    before = auto._repr_html_()
    assert "Nothing is fitted yet" in before
    assert "facts" in before
    history = auto.fit(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2, epochs=2, verbose=0)
    after = auto._repr_html_()
    assert "<h4>AutoModel</h4>" in after
    page = auto.report(tmp_path / "report.html")
    assert "Predicts kind" in page.read_text("utf-8")
    assert "best so far" in after
    shown = history._repr_html_()
    assert "validation rows" in shown
    assert 'class="c0 stroke"' in shown


def test_a_graph_is_drawn():
    photo = md.ImageInput(name="photo & more")
    html = md.Graph((photo,), (md.RegressionHead(name="price")(md.ConvBlock()(photo)),))._repr_html_()
    drawing = re.search(r'<svg class="graph".*?</svg>', html, re.DOTALL)[0]
    names = [text.text for text in ElementTree.fromstring(drawing).iter("text")]
    assert {"photo & more", "ImageInput", "price", "RegressionHead"} <= set(names)


def test_a_schema_is_a_table_with_reasons():
    html = infer({"a<b": [1.5, 2.5, None, 4.0], "c": ["x", "y", "x", "y"]})._repr_html_()
    assert "a&lt;b" in html
    assert html.count("<tr>") == 3
