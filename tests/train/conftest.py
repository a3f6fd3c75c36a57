"""Tiny networks of two tasks, with missing inputs and labels."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from medley.balance.choose import balancer
from medley.core.batch import Rows
from medley.core.resolve import take_default
from medley.fusion import Merge
from medley.graph.graph import build_graph
from medley.graph.network import Network
from medley.heads import ClassificationHead, RegressionHead
from medley.model.tasks import Task, tasks_of
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.search_spec import SearchSpec, resolved
from medley.series.input import Input
from medley.tabular import DenseBlock, NumericEmbedding, StructuredDataInput, TabMBlock
from medley.text.block import TextBlock
from medley.text.input import TextInput
from medley.train.plan import Training


@dataclass
class Bench:
    """The arguments of `fit`."""

    network: Network
    tasks: list[Task]
    rows: Rows
    val: Rows

    def balancer(self, weights=None):
        return balancer(weights, [task.name for task in self.tasks], [task.head.weight for task in self.tasks])

    def weights(self):
        return {name: tensor.clone() for name, tensor in self.network.state_dict().items()}


def data(seed, size, inputs, *, gaps):
    """Rows of the inputs and labels of two heads; with gaps, some rows lack inputs or labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, 4)).astype("float32")
    kind = np.array(["no", "yes"], dtype=object)[(x[:, 0] > 0).astype(int)]
    price = 30 + 7 * x[:, 1]
    table = [[float(row[2]), ["red", "green", "blue"][int(abs(row[3]) * 9) % 3]] for row in x]
    notes = [f"the {'old' if row[0] > 0 else 'new'} house by the {'sea' if row[1] > 0 else 'hill'}" for row in x]
    x = list(x)
    if gaps:
        kind[::5] = None
        price[1::4] = np.nan
        x[3] = x[7] = table[7] = notes[7] = None
        table[::6] = [None] * len(table[::6])
        notes[2::4] = [None] * len(notes[2::4])
    columns = {"x": x, "table": table, "note": notes}
    return {name: columns[name] for name in inputs}, {"kind": list(kind), "price": price}


def dense(dropout, *, batchnorm):
    """One input, one layer."""
    x = Input(name="x")
    return [x], DenseBlock(num_units=(8,), use_batchnorm=batchnorm, dropout=dropout, name="dense")(x)


def ensemble(dropout, *, batchnorm):
    """An ensemble of four members."""
    x = Input(name="x")
    return [x], TabMBlock(num_layers=2, num_units=8, members=4, dropout=dropout)(x)


def mixed(dropout, *, batchnorm):
    """An array, a table and a text, merged."""
    x, table, note = Input(name="x"), StructuredDataInput(name="table"), TextInput(name="note")
    parts = [
        DenseBlock(num_units=(8,), use_batchnorm=batchnorm, dropout=dropout)(x),
        DenseBlock(num_units=(8,), use_batchnorm=batchnorm, dropout=dropout)(NumericEmbedding()(table)),
        TextBlock()(note),
    ]
    return [x, table, note], Merge()(parts)


def two_heads(node):
    return [ClassificationHead(dropout=0.0, name="kind")(node), RegressionHead(dropout=0.0, name="price")(node)]


def bench(*, gaps=True, dropout=0.0, size=70, batchnorm=True, seed=0, parts=dense, heads=two_heads, labels=None):
    """A bench; labels replace those of the training rows and, from the first, of the validation rows."""
    inputs, node = parts(dropout, batchnorm=batchnorm)
    heads = heads(node)
    graph = build_graph(inputs, heads)
    names = [block.name for block in inputs]
    splits = [LabelledRows(*data(i, count, names, gaps=gaps), None, count) for i, count in enumerate((size, 30))]
    for split in splits:
        for name, values in (labels or {}).items():
            split.y[name] = values[: split.size]
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    encodings = Encodings(*splits, codecs, torch.device("cpu"))
    settled, _ = resolved(SearchSpec(graph, encodings, Training(), None, lambda values: 0.0, 0), take_default)
    torch.manual_seed(seed)
    specs = {source.name: source.codec.spec for source in encodings.sources(settled)}
    network = Network(settled, specs, encodings.targets)
    return Bench(network, tasks_of(settled, encodings.targets), *encodings.rows(settled))


@pytest.fixture
def make_bench():
    return bench


@pytest.fixture
def networks():
    return {"dense": dense, "ensemble": ensemble, "mixed": mixed}
