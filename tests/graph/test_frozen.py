"""Frozen parts: they are not trained, networks share them, and a batch may contain their results."""

import numpy as np
import pytest
import torch
from torch import nn

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.head import Head
from medley.core.input import InputBlock
from medley.core.layer import Fusion, Layer
from medley.core.spec import Spec, vector
from medley.graph import frozen
from medley.graph.frozen import MAX_MODULES, FrozenModules, run_in_batches
from medley.graph.frozen_plan import FrozenPlan
from medley.graph.graph import Graph
from medley.graph.network import Network


class Numbers(InputBlock):
    def codec(self):
        raise AssertionError

    def default_block(self):
        return Dense()


class Dense(Layer):
    width: int = 4
    frozen_: bool = False

    @property
    def frozen(self):
        return self.frozen_

    def build(self, *specs):
        return nn.Sequential(nn.Linear(specs[0].width, self.width), nn.BatchNorm1d(self.width), nn.Dropout(0.5))

    def out(self, *specs):
        return vector(self.width)


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
        raise AssertionError

    def metric_functions(self, target):
        return {}

    @property
    def weight(self):
        return 1.0


class Target:
    prior = np.array([0.25, -0.5])
    origin = property(lambda self: self)


SPECS = {"a": vector(3), "b": vector(3)}


def network(node, modules=None):
    torch.manual_seed(0)
    return Network(Graph(INPUTS, (Out(name="y")(node),)), SPECS, {"y": Target()}, modules)


A, B = INPUTS = Numbers(name="a"), Numbers(name="b")


def both():
    """A frozen encoder of two inputs, followed by a frozen and a trained part."""
    encoder, more = Dense(frozen_=True, name="encoder"), Dense(frozen_=True, name="more")
    return Add(name="add")(Dense(name="learns")(more(encoder(A))), encoder(B))


def rows():
    rng = np.random.default_rng(0)
    present = {"a": [1, 0, 1, 0, 1, 1], "b": [1, 1, 0, 0, 1, 0]}
    return Rows(
        {name: Encoded(rng.normal(size=(6, 3)).astype("f4"), np.array(mask, bool)) for name, mask in present.items()}
    )


def steps(net):
    return {step.cache_key: step for step in net.steps if step.cache_key}


def test_training_does_not_change_frozen_parts():
    net = network(both()).train()
    before = {name: tensor.clone() for name, tensor in net.parts["encoder"].state_dict().items()}
    net(rows().slice(0, 6))["y"].sum().backward()
    assert net.training
    assert net.parts["learns"].training
    assert not any(module.training for module in net.parts["encoder"].modules())
    assert not any(p.requires_grad for p in net.parts["encoder"].parameters())
    assert all(p.grad is not None for p in net.parts["learns"].parameters())
    for name, tensor in net.parts["encoder"].state_dict().items():
        assert torch.equal(tensor, before[name])


def test_gradients_pass_through_a_frozen_part_to_trained_parts_before_it():
    net = network(Add(name="add")(Dense(frozen_=True, name="late")(Dense(name="early")(A)), Dense(name="db")(B)))
    assert not steps(net)
    net.train()(rows().slice(0, 6))["y"].square().sum().backward()
    assert net.parts["early"][0].weight.grad.any()
    assert net.parts["late"][0].weight.grad is None


def test_results_in_a_batch_replace_frozen_parts():
    net, data = network(both()).eval(), rows()
    assert set(steps(net)) == {"encoder(a)", "more(a)", "encoder(b)"}
    whole = net(data.slice(0, 6))["y"]
    cached = rows()
    for name, source in (("more(a)", "a"), ("encoder(b)", "b")):
        cached.inputs[name] = FrozenPlan(net).output(steps(net)[name], data.inputs[source])
        del cached.inputs[source]  # the masks stay, the rows are not needed
    for part in ("encoder", "more"):
        net.parts[part].forward = None  # would fail if it were run
    torch.testing.assert_close(net(cached.slice(0, 6))["y"], whole)  # passes of other sizes may round differently
    index = torch.tensor([4, 0, 1])
    torch.testing.assert_close(net(cached.take(index))["y"], whole[index])
    net.train().adapt(cached.slice(0, 6))
    assert torch.equal(net.eval().embed(cached.slice(0, 6))["y"][3], torch.zeros(4))


def test_some_results_in_a_batch_are_used():
    net, data = network(both()).eval(), rows()
    whole = net(data.slice(0, 6))["y"]
    data.inputs["more(a)"] = FrozenPlan(net).output(steps(net)["more(a)"], data.inputs["a"])
    net.parts["more"].forward = None
    assert torch.equal(net(data.slice(0, 6))["y"], whole)


def test_networks_share_frozen_modules_and_have_the_same_initial_weights():
    modules = FrozenModules()
    network_a, network_b, unshared = network(both(), modules), network(both(), modules), network(both())
    assert network_a.parts["encoder"] is network_b.parts["encoder"]
    assert network_a.parts["encoder"] is not unshared.parts["encoder"]
    assert network_a.parts["learns"] is not network_b.parts["learns"]
    for network_c in (network_b, unshared):
        for name, tensor in network_a.state_dict().items():
            assert torch.equal(tensor, network_c.state_dict()[name])


def test_a_network_can_copy_shared_parts():
    modules = FrozenModules()
    network_a, network_b = network(both(), modules), network(both(), modules)
    whole = network_a.eval()(rows().slice(0, 6))["y"]
    network_b.unshare()
    network_b.double()
    assert network_a.parts["encoder"][0].weight.dtype == torch.float32
    assert torch.equal(network_a.eval()(rows().slice(0, 6))["y"], whole)
    assert all(network_b.parts[step.key] is step.module for step in network_b.steps)


def test_the_number_of_cached_modules_is_limited():
    modules = FrozenModules()
    first = modules.module(Dense(1, frozen_=True), [vector(3)])
    assert modules.module(Dense(1, frozen_=True, name="other"), [vector(3)]) is first
    assert modules.module(Dense(1, frozen_=True), [vector(4)]) is not first
    for width in range(2, MAX_MODULES + 3):
        modules.module(Dense(width, frozen_=True), [vector(3)])
    assert modules.module(Dense(1, frozen_=True), [vector(3)]) is not first


@pytest.mark.parametrize("seed", [0, 1])
def test_random_weights_of_frozen_parts_are_reproducible(seed):
    torch.manual_seed(seed)
    module_a = FrozenModules().module(Dense(frozen_=True), [vector(3)])
    torch.manual_seed(seed + 1)
    module_b = FrozenModules().module(Dense(frozen_=True), [vector(3)])
    assert torch.equal(module_a[0].weight, module_b[0].weight)


def mean_of_ids(x):
    is_counted = x != 0
    return (x * is_counted).sum(1, keepdim=True) / is_counted.sum(1, keepdim=True).clamp(min=1)


@pytest.mark.parametrize("ignores_padding", [True, False])
def test_many_rows_are_run_in_batches_and_returned_in_order(monkeypatch, ignores_padding):
    monkeypatch.setitem(frozen.TOKENS_PER_BATCH, "cpu", 24)
    monkeypatch.setitem(frozen.VALUES_PER_BATCH, "cpu", 12)
    token_ids = torch.randint(0, 9, (30, 8)) * (torch.arange(8) < torch.randint(0, 9, (30, 1)))
    shapes = []

    def run(x):
        shapes.append(tuple(x.shape))
        return mean_of_ids(x)

    means = run_in_batches(run, token_ids, Spec((8,), "T", "int64", 9), ignores_padding=ignores_padding)
    torch.testing.assert_close(means, mean_of_ids(token_ids))
    assert max(rows * steps for rows, steps in shapes) <= 24
    assert (min(steps for _, steps in shapes) < 8) == ignores_padding
    numbers = torch.rand(30, 5)
    assert torch.equal(run_in_batches(lambda x: shapes.append(x.shape) or x * 2, numbers, vector(5)), numbers * 2)
    assert shapes[-1] == (2, 5)
