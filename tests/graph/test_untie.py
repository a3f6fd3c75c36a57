"""Heads with separate weights have copies of the parts that they shared."""

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.spec import vector
from medley.graph.graph import build_graph
from medley.graph.network import Network
from medley.graph.saved import graph_from_json
from medley.graph.untie import untie
from medley.heads import RegressionHead
from medley.series.input import Input
from medley.tabular import DenseBlock

SPECS = {"x": vector(3)}


def make_networks():
    source = Input(name="x")
    trunk = DenseBlock(num_layers=1, num_units=4, use_batchnorm=False, dropout=0.0, name="trunk")(source)
    heads = [RegressionHead(dropout=0.0, name=name) for name in ("price", "rent", "tax")]
    graph = build_graph(source, [head(trunk) for head in heads])
    codecs = {head.name: head.codec().fit(np.arange(9.0)) for head in heads}
    return graph, codecs, [Network(graph, SPECS, codecs).eval() for _ in range(2)]


def outputs(network):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    with torch.no_grad():
        return network(Rows({"x": Encoded(x, np.ones(5, bool))}).slice(0, 5))


def test_each_head_predicts_what_the_network_with_its_weights_predicts():
    graph, codecs, (network_a, network_b) = make_networks()
    first, second = network_a.state_dict(), network_b.state_dict()
    new, network = untie(graph, SPECS, codecs, {"price": first, "rent": second, "tax": first})
    result = outputs(network.eval())
    torch.testing.assert_close(result["price"], outputs(network_a)["price"])
    torch.testing.assert_close(result["rent"], outputs(network_b)["rent"])
    torch.testing.assert_close(result["tax"], outputs(network_a)["tax"])
    names = sorted({str(node.block.name) for node in new.nodes()})
    assert names == ["price", "rent", "tax", "trunk", "trunk (rent)", "x"]


def test_heads_with_the_same_weights_share_all_parts():
    graph, codecs, (network_a, _) = make_networks()
    state = network_a.state_dict()
    new, network = untie(graph, SPECS, codecs, dict.fromkeys(("price", "rent", "tax"), state))
    assert len(new.nodes()) == len(graph.nodes())
    torch.testing.assert_close(outputs(network.eval())["rent"], outputs(network_a)["rent"])


def test_parts_that_were_copied_before_can_be_copied_again():
    # As in a second stage, which reads a column's part of which the first stage has a copy for the same head.
    source = Input(name="x")
    options = {"num_layers": 1, "num_units": 4, "use_batchnorm": False, "dropout": 0.0}
    trunk = DenseBlock(**options, name="trunk")(source)
    copied = DenseBlock(**options, name="trunk (rent)")(trunk)
    graph = build_graph(source, [RegressionHead(dropout=0.0, name=name)(copied) for name in ("price", "rent")])
    codecs = {name: RegressionHead(name=name).codec().fit(np.arange(9.0)) for name in ("price", "rent")}
    network_a, network_b = (Network(graph, SPECS, codecs).eval() for _ in range(2))
    weights = {"price": network_a.state_dict(), "rent": network_b.state_dict()}
    new, network = untie(graph, SPECS, codecs, weights)
    torch.testing.assert_close(outputs(network.eval())["price"], outputs(network_a)["price"])
    torch.testing.assert_close(outputs(network)["rent"], outputs(network_b)["rent"])
    assert "trunk (rent, 2)" in {str(node.block.name) for node in new.nodes()}


def test_the_graph_is_data_like_any_other():
    graph, codecs, (network_a, network_b) = make_networks()
    new, network = untie(
        graph,
        SPECS,
        codecs,
        {"price": network_a.state_dict(), "rent": network_b.state_dict(), "tax": network_b.state_dict()},
    )
    again = Network(graph_from_json(new.to_json()), SPECS, codecs)
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(outputs(again.eval())["tax"], outputs(network.eval())["tax"])
