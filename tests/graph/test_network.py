"""Presence: parts do not read absent rows, and rows without inputs have the prior."""

import numpy as np
import pytest
import torch
from torch import nn

from medley.core.batch import Batch, Rows
from medley.core.codec import Encoded
from medley.core.head import Head
from medley.core.input import InputBlock
from medley.core.layer import Fusion, Layer
from medley.core.spec import Spec, vector
from medley.errors import GraphError
from medley.graph.graph import Graph, build_graph
from medley.graph.network import Network


class Numbers(InputBlock):
    def codec(self):
        raise AssertionError

    def default_block(self):
        return Dense()


class Dense(Layer):
    norm: bool = False

    def build(self, *specs):
        return nn.Sequential(nn.Linear(specs[0].width, 4), nn.BatchNorm1d(4) if self.norm else nn.Identity())


class Sum(nn.Module):
    def forward(self, vectors, present):
        if present is None:
            return torch.stack(vectors).sum(0)
        return (torch.stack(vectors, 1) * present.unsqueeze(2)).sum(1)


class Add(Fusion):
    def build(self, *specs):
        return Sum()

    def out(self, *specs):
        return specs[0]


class Out(Head):
    def codec(self):
        raise AssertionError

    def build(self, spec, target):
        return nn.Linear(spec.width, 2)

    def loss_function(self, target):
        return lambda raw, target: (raw - target).square().sum(1)

    def metric_functions(self, target):
        return {}

    @property
    def weight(self):
        return 1.0


class Target:
    prior = np.array([0.25, -0.5])
    origin = property(lambda self: self)


def network(norm=False):
    a, b = Numbers(name="a"), Numbers(name="b")
    out = Out(name="y")(Add(name="add")(Dense(norm, name="da")(a), Dense(norm, name="db")(b)))
    torch.manual_seed(0)
    return Network(Graph((a, b), (out,)), {"a": vector(3), "b": vector(5)}, {"y": Target()})


def rows(present_a, present_b, seed=0):
    rng = np.random.default_rng(seed)
    size = len(present_a)
    return Rows(
        {
            "a": Encoded(rng.normal(size=(size, 3)).astype("float32"), np.array(present_a, bool)),
            "b": Encoded(rng.normal(size=(size, 5)).astype("float32"), np.array(present_b, bool)),
        }
    )


def test_the_output_of_a_row_does_not_depend_on_the_batch():
    net = network().eval()
    data = rows([1, 0, 1, 0, 1], [1, 1, 0, 0, 1])
    whole = net(data.slice(0, 5))["y"]
    for i in range(5):
        torch.testing.assert_close(net(data.slice(i, i + 1))["y"], whole[i : i + 1])


def test_values_of_absent_rows_have_no_influence():
    net = network(norm=True)
    data = rows([1, 0, 1, 0], [1, 1, 0, 0])
    before = net(data.slice(0, 4))["y"]
    data.inputs["a"][1] = float("nan")
    data.inputs["b"][2:] = float("inf")
    net2 = network(norm=True)
    torch.testing.assert_close(net2(data.slice(0, 4))["y"], before)
    torch.testing.assert_close(net2.parts["da"][1].running_mean, net.parts["da"][1].running_mean)


def test_absent_rows_do_not_disturb_batch_statistics():
    few, many = network(norm=True), network(norm=True)
    data = rows([1, 1, 1, 0, 0, 0], [1] * 6)
    few.parts["da"](data.inputs["a"][:3])
    many(data.slice(0, 6))
    torch.testing.assert_close(few.parts["da"][1].running_mean, many.parts["da"][1].running_mean)


def test_a_row_without_inputs_has_the_prior_and_no_gradient():
    net = network()
    raw = net(rows([0, 0], [0, 0]).slice(0, 2))["y"]
    torch.testing.assert_close(raw, torch.tensor([[0.25, -0.5]] * 2))
    raw.sum().backward() if raw.requires_grad else None
    assert not any(p.grad.any() for p in net.parameters() if p.grad is not None)


def test_one_row_trains_through_batch_normalisation():
    net = network(norm=True).train()
    assert net(rows([1], [1]).slice(0, 1))["y"].shape == (1, 2)
    assert all(module.training for module in net.modules())


def test_graphs_that_do_not_hang_together_are_refused():
    a, b = Numbers(), Numbers()
    with pytest.raises(GraphError, match="Inputs and outputs not connected"):
        build_graph([a, b], Out()(Dense()(a)))
    with pytest.raises(GraphError, match="Inputs and outputs not connected"):
        build_graph(a, Out()(Add()(Dense()(a), Dense()(b))))
    with pytest.raises(GraphError, match="outputs must be heads"):
        build_graph(a, Dense()(a))
    with pytest.raises(GraphError, match="inputs must be Inputs"):
        build_graph([], Out())


def test_a_cycle_is_refused():
    a = Numbers()
    node = Dense()(a)
    object.__setattr__(node, "inputs", (Dense()(node),))
    with pytest.raises(GraphError, match="The network has a cycle"):
        build_graph(a, Out()(node))


def test_names_are_made_from_classes_in_order():
    a, b = Numbers(), Numbers(name="photo")
    graph = build_graph([a, b], [Out()(Dense()(a)), Out()(Dense()(b))])
    assert graph.input_names == ["numbers_1", "photo"]
    assert list(graph.heads) == ["out_1", "out_2"]
    with pytest.raises(GraphError, match="Two parts are named 'x'"):
        build_graph([Numbers(name="x")], Out(name="x"))


def test_uint8_pixels_enter_as_numbers_from_0_to_1():
    x = Numbers(name="x")
    net = Network(Graph((x,), (Out(name="y")(x),)), {"x": Spec((2,), "D", "uint8")}, {"y": Target()})
    raw = net(Batch(1, {"x": torch.tensor([[255, 0]], dtype=torch.uint8)}, {"x": None}))["y"]
    torch.testing.assert_close(raw, net.parts["y"](torch.tensor([[1.0, 0.0]])))
