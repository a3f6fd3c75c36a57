"""A small model of two inputs and two tasks, built but not trained: its predictions are as good as any to compare."""

import numpy as np
import pytest

from medley.fusion import Merge
from medley.heads import ClassificationHead, RegressionHead
from medley.series.input import Input
from medley.tabular import DenseBlock, StructuredDataInput

SIZE = 24


def numbers(size=SIZE):
    return np.random.default_rng(0).normal(size=(size, 3)).astype("float32")


def table(size=SIZE):
    colours = ["red", "green", None, "blue"]
    return [[float(i) if i % 5 else None, colours[i % 4]] for i in range(size)]


@pytest.fixture(scope="session")
def rows():
    return {"wave": numbers(), "facts": table()}


@pytest.fixture(scope="session")
def labels():
    price = np.linspace(10, 50, SIZE)
    price[3] = np.nan
    return {"kind": [["cat", "dog", "cow", None][i % 4] for i in range(SIZE)], "price": price}


@pytest.fixture(scope="session")
def model(make_model, rows, labels):
    wave, facts = Input(name="wave"), StructuredDataInput(name="facts")
    wide = DenseBlock(num_units=(8,), use_batchnorm=True, dropout=0.0, name="wide")(wave)
    joined = Merge("gated")([wide, DenseBlock(num_units=(6,), dropout=0.0)(facts)])
    heads = [
        ClassificationHead(dropout=0.0, name="kind")(joined),
        RegressionHead(metrics=["mae"], dropout=0.0, loss_weight=0.5, name="price")(joined),
    ]
    return make_model([wave, facts], heads, rows, labels, params={"made": "by hand"})
