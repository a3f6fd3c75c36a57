"""A tiny network of one input and two tasks with gaps, ready to be trained."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from medley.balance.choose import balancer
from medley.core.batch import Rows
from medley.core.resolve import take_default
from medley.graph.graph import draw
from medley.graph.network import Network
from medley.heads import ClassificationHead, RegressionHead
from medley.model.tasks import Task, tasks_of
from medley.search.encodings import Encodings
from medley.search.part import Part
from medley.search.trial import SearchSpec, resolved
from medley.series.input import Input
from medley.tabular import DenseBlock
from medley.train.plan import Training


@dataclass
class Bench:
    """What `fit` needs."""

    network: Network
    tasks: list[Task]
    rows: Rows
    val: Rows

    def balancer(self, weights=None):
        return balancer(weights, [one.name for one in self.tasks], [one.head.weight for one in self.tasks])

    def weights(self):
        return {name: one.clone() for name, one in self.network.state_dict().items()}


def data(seed, size, *, gaps):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, 4)).astype("float32")
    kind = np.array(["no", "yes"], dtype=object)[(x[:, 0] > 0).astype(int)]
    price = 30 + 7 * x[:, 1]
    x = list(x)
    if gaps:
        kind[::5] = None
        price[1::4] = np.nan
        x[3] = x[7] = None
    return {"x": x}, {"kind": list(kind), "price": price}


def bench(*, gaps=True, dropout=0.0, size=70, batchnorm=True, seed=0):
    x = Input(name="x")
    node = DenseBlock(num_units=(8,), use_batchnorm=batchnorm, dropout=dropout, name="dense")(x)
    graph = draw(
        x, [ClassificationHead(dropout=0.0, name="kind")(node), RegressionHead(dropout=0.0, name="price")(node)]
    )
    parts = [Part(*data(i, count, gaps=gaps), None, count) for i, count in enumerate((size, 30))]
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    held = Encodings(*parts, codecs, torch.device("cpu"))
    settled, _ = resolved(SearchSpec(graph, held, Training(), None, lambda told: 0.0, 0), take_default)
    torch.manual_seed(seed)
    network = Network(settled, {one.name: one.codec.spec for one in held.sources(settled)}, held.targets)
    return Bench(network, tasks_of(settled, held.targets), *held.rows(settled))


@pytest.fixture
def make_bench():
    return bench
