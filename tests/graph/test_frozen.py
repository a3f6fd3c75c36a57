"""Frozen parts: they never learn, networks share them, and a batch may hold what they make."""

import numpy as np
import pytest
import torch
from torch import nn

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.head import Head
from medley.core.input import Input
from medley.core.layer import Fusion, Layer
from medley.core.spec import Spec, vector
from medley.graph import frozen
from medley.graph.frozen import MAX_MODULES, FrozenModules, run_in_batches
from medley.graph.frozen_plan import FrozenPlan
from medley.graph.graph import Graph
from medley.graph.network import Network


class Numbers(Input):
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


SPECS = {"a": vector(3), "b": vector(3)}


def network(node, modules=None):
    torch.manual_seed(0)
    return Network(Graph(INPUTS, (Out(name="y")(node),)), SPECS, {"y": Target()}, modules)


A, B = INPUTS = Numbers(name="a"), Numbers(name="b")


def both():
    """One frozen encoder on two inputs, a frozen part on it, and a learning one on that."""
    encoder, more = Dense(frozen_=True, name="encoder"), Dense(frozen_=True, name="more")
    return Add(name="add")(Dense(name="learns")(more(encoder(A))), encoder(B))


def rows():
    rng = np.random.default_rng(0)
    present = {"a": [1, 0, 1, 0, 1, 1], "b": [1, 1, 0, 0, 1, 0]}
    return Rows(
        {name: Encoded(rng.normal(size=(6, 3)).astype("f4"), np.array(here, bool)) for name, here in present.items()}
    )


def steps(net):
    return {step.cache_key: step for step in net.steps if step.cache_key}


def test_frozen_parts_stay_as_they_are_in_training():
    net = network(both()).train()
    before = {name: one.clone() for name, one in net.parts["encoder"].state_dict().items()}
    net(rows().slice(0, 6))["y"].sum().backward()
    assert net.training
    assert net.parts["learns"].training
    assert not any(module.training for module in net.parts["encoder"].modules())
    assert not any(p.requires_grad for p in net.parts["encoder"].parameters())
    assert all(p.grad is not None for p in net.parts["learns"].parameters())
    for name, one in net.parts["encoder"].state_dict().items():
        assert torch.equal(one, before[name])


def test_gradients_pass_through_a_frozen_part_to_what_learns_before_it():
    net = network(Add(name="add")(Dense(frozen_=True, name="late")(Dense(name="early")(A)), Dense(name="db")(B)))
    assert not steps(net)
    net.train()(rows().slice(0, 6))["y"].square().sum().backward()
    assert net.parts["early"][0].weight.grad.any()
    assert net.parts["late"][0].weight.grad is None


def test_results_in_the_batch_take_the_place_of_frozen_parts():
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


def test_a_result_that_is_there_in_part_is_taken_in_part():
    net, data = network(both()).eval(), rows()
    whole = net(data.slice(0, 6))["y"]
    data.inputs["more(a)"] = FrozenPlan(net).output(steps(net)["more(a)"], data.inputs["a"])
    net.parts["more"].forward = None
    assert torch.equal(net(data.slice(0, 6))["y"], whole)


def test_networks_share_frozen_modules_and_start_alike_with_or_without():
    modules = FrozenModules()
    one, two, alone = network(both(), modules), network(both(), modules), network(both())
    assert one.parts["encoder"] is two.parts["encoder"]
    assert one.parts["encoder"] is not alone.parts["encoder"]
    assert one.parts["learns"] is not two.parts["learns"]
    for other in (two, alone):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name])


def test_a_network_can_take_its_own_copy():
    modules = FrozenModules()
    one, two = network(both(), modules), network(both(), modules)
    whole = one.eval()(rows().slice(0, 6))["y"]
    two.unshare()
    two.double()
    assert one.parts["encoder"][0].weight.dtype == torch.float32
    assert torch.equal(one.eval()(rows().slice(0, 6))["y"], whole)
    assert all(two.parts[step.key] is step.module for step in two.steps)


def test_only_some_modules_are_held():
    modules = FrozenModules()
    first = modules.module(Dense(1, frozen_=True), [vector(3)])
    assert modules.module(Dense(1, frozen_=True, name="other"), [vector(3)]) is first
    assert modules.module(Dense(1, frozen_=True), [vector(4)]) is not first
    for width in range(2, MAX_MODULES + 3):
        modules.module(Dense(width, frozen_=True), [vector(3)])
    assert modules.module(Dense(1, frozen_=True), [vector(3)]) is not first


@pytest.mark.parametrize("seed", [0, 1])
def test_a_frozen_part_that_starts_at_random_is_the_same_every_time(seed):
    torch.manual_seed(seed)
    one = FrozenModules().module(Dense(frozen_=True), [vector(3)])
    torch.manual_seed(seed + 1)
    two = FrozenModules().module(Dense(frozen_=True), [vector(3)])
    assert torch.equal(one[0].weight, two[0].weight)


def mean_of_codes(x):
    taken = x != 0
    return (x * taken).sum(1, keepdim=True) / taken.sum(1, keepdim=True).clamp(min=1)


@pytest.mark.parametrize("ignores_padding", [True, False])
def test_many_rows_go_through_in_passes_and_come_back_in_order(monkeypatch, ignores_padding):
    monkeypatch.setitem(frozen.TOKENS_PER_BATCH, "cpu", 24)
    monkeypatch.setitem(frozen.VALUES_PER_BATCH, "cpu", 12)
    codes = torch.randint(0, 9, (30, 8)) * (torch.arange(8) < torch.randint(0, 9, (30, 1)))
    shapes = []

    def run(x):
        shapes.append(tuple(x.shape))
        return mean_of_codes(x)

    found = run_in_batches(run, codes, Spec((8,), "T", "int64", 9), ignores_padding=ignores_padding)
    torch.testing.assert_close(found, mean_of_codes(codes))
    assert max(rows * steps for rows, steps in shapes) <= 24
    assert (min(steps for _, steps in shapes) < 8) == ignores_padding
    numbers = torch.rand(30, 5)
    assert torch.equal(run_in_batches(lambda x: shapes.append(x.shape) or x * 2, numbers, vector(5)), numbers * 2)
    assert shapes[-1] == (2, 5)
