"""A network with static shapes has the same outputs as one that gathers rows."""

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.input import InputBlock
from medley.core.spec import Spec, vector
from medley.fusion import GatedFusion
from medley.fusion.join import JoinMaps
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.static_network import StaticNetwork
from medley.heads import RegressionHead
from medley.tabular import DenseBlock

SIZE = 10


class Given(InputBlock):
    def codec(self):
        raise AssertionError

    def default_block(self):
        raise AssertionError


def built(inputs, nodes, specs):
    heads = [RegressionHead(dropout=0.0, name=f"y{place}") for place in range(len(nodes))]
    graph = Graph(tuple(inputs), tuple(head(node) for head, node in zip(heads, nodes, strict=True)))
    targets = {str(head.name): head.codec().fit(np.linspace(1.0, 9.0, SIZE)) for head in heads}
    torch.manual_seed(0)
    return Network(graph, specs, targets).eval()


def encoded(specs):
    rng = np.random.default_rng(0)
    encoded = {}
    for place, (name, spec) in enumerate(specs.items()):
        present = (np.arange(SIZE) + place) % 3 != 0
        present[4] = False  # a row that lacks everything
        array = rng.integers(0, 256, (SIZE, *spec.shape)).astype("uint8" if spec.dtype == "uint8" else "float32")
        encoded[name] = Encoded(array, present)
    return encoded


def both(network, specs):
    rows = encoded(specs)
    wanted = network(Rows(rows).slice(0, SIZE))
    arrays = {name: torch.from_numpy(array.array) for name, array in rows.items()}
    present = {name: torch.from_numpy(array.present) for name, array in rows.items()}
    for name, array in arrays.items():  # what stands in absent rows is nothing to anybody
        array[~present[name]] = 255 if array.dtype == torch.uint8 else float("nan")
    return wanted, StaticNetwork(network)(arrays, present)


def test_absent_rows_weigh_nothing_and_rows_without_inputs_get_the_prior():
    specs = {"a": vector(3), "b": Spec((1, 2, 2), "CHW", "uint8")}
    a, b = Given(name="a"), Given(name="b")
    wide = DenseBlock(num_layers=1, num_units=4, use_batchnorm=True, dropout=0.5, name="wide")
    joined = GatedFusion(6, name="join")(wide(a), DenseBlock(num_layers=1, num_units=5, dropout=0.0, name="flat")(b))
    network = built([a, b], [joined, a.node], specs)
    with torch.no_grad():
        expected, actual = both(network, specs)
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor)
    assert actual["y0"][4].item() == network.get_buffer("prior__y0").item()


def test_layers_on_several_nodes_read_zeros_where_one_is_absent():
    specs = {"a": Spec((2, 4, 4), "CHW"), "b": Spec((2, 4, 4), "CHW")}
    a, b = Given(name="a"), Given(name="b")
    network = built([a, b], [JoinMaps("add", name="join")(a, b)], specs)
    with torch.no_grad():
        expected, actual = both(network, specs)
    torch.testing.assert_close(actual["y0"], expected["y0"])
