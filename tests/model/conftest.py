"""A small model of two inputs and two tasks, built but not trained: its predictions are as good as any to compare."""

import numpy as np
import pytest
import torch

from medley.core.resolve import take_default
from medley.fusion import Merge
from medley.graph.graph import build_graph
from medley.graph.network import Network
from medley.heads import ClassificationHead, RegressionHead
from medley.model.model import Model
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.trial import SearchSpec, resolved
from medley.series.input import Input
from medley.tabular import DenseBlock, StructuredDataInput
from medley.train.plan import Training

SIZE = 24


def numbers(size=SIZE):
    return np.random.default_rng(0).normal(size=(size, 3)).astype("float32")


def table(size=SIZE):
    colours = ["red", "green", None, "blue"]
    return [[float(i) if i % 5 else None, colours[i % 4]] for i in range(size)]


def make(inputs, outputs, x, y, loss_weights=None, **metadata):
    """A `Model` with random weights and fitted codecs."""
    graph = build_graph(inputs, outputs)
    size = len(next(iter(y.values())))
    data = Encodings(
        LabelledRows(x, y, None, size), None, {n: h.codec() for n, h in graph.heads.items()}, torch.device("cpu")
    )
    settled, _ = resolved(SearchSpec(graph, data, Training(), None, lambda values: 0.0, 0), take_default)
    sources = data.sources(settled)
    torch.manual_seed(3)
    network = Network(settled, {source.name: source.codec.spec for source in sources}, data.targets)
    network.adapt(data.rows(settled)[0].slice(0, size))
    return Model(settled, sources, data.targets, network, metadata)


@pytest.fixture(scope="session")
def make_model():
    return make


@pytest.fixture(scope="session")
def rows():
    return {"wave": numbers(), "facts": table()}


@pytest.fixture(scope="session")
def labels():
    price = np.linspace(10, 50, SIZE)
    price[3] = np.nan
    return {"kind": [["cat", "dog", "cow", None][i % 4] for i in range(SIZE)], "price": price}


@pytest.fixture(scope="session")
def model(rows, labels):
    wave, facts = Input(name="wave"), StructuredDataInput(name="facts")
    wide = DenseBlock(num_units=(8,), use_batchnorm=True, dropout=0.0, name="wide")(wave)
    joined = Merge("gated")([wide, DenseBlock(num_units=(6,), dropout=0.0)(facts)])
    heads = [
        ClassificationHead(dropout=0.0, name="kind")(joined),
        RegressionHead(metrics=["mae"], dropout=0.0, loss_weight=0.5, name="price")(joined),
    ]
    return make([wave, facts], heads, rows, labels, params={"made": "by hand"})
