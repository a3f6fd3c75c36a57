"""Schedules, gradient clipping and weight decay."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from medley.train.optim import clip_, make_optimizer, schedule_factor, without_compiler
from medley.train.plan import SCHEDULES, Training

# Cosine up from `low` at 0 to 1 at `warm`, cosine down to 0 at 1, by hand.
GOLDEN = {
    "one_cycle": {0.0: 0.04, 0.15: 0.52, 0.3: 1.0, 0.475: 0.853553, 0.65: 0.5, 0.825: 0.146447, 1.0: 0.0},
    "cosine": {0.0: 0.01, 0.025: 0.505, 0.05: 1.0, 0.525: 0.5, 1.0: 0.0},
    "constant": {0.0: 1.0, 0.5: 1.0, 1.0: 1.0},
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_have_their_golden_values(schedule):
    for progress, expected in GOLDEN[schedule].items():
        assert schedule_factor(schedule, progress) == pytest.approx(expected, abs=1e-6)


@given(st.sampled_from(SCHEDULES), st.floats(0, 1.5))
def test_a_factor_is_between_0_and_1_also_beyond_the_end(schedule, progress):
    assert 0 <= schedule_factor(schedule, progress) <= 1


@given(st.sampled_from(SCHEDULES), st.floats(0, 1), st.floats(0, 1e-4))
def test_schedules_are_continuous(schedule, progress, step):
    assert abs(schedule_factor(schedule, progress + step) - schedule_factor(schedule, progress)) < 4e-3


def test_clipping_has_its_golden_value_and_torch_agrees():
    gradients = [torch.tensor([[3.0]]), torch.tensor([0.0, 4.0])]
    clip_(gradients, 1.0)
    assert gradients[0].item() == pytest.approx(0.6, rel=1e-5)
    assert gradients[1].tolist() == pytest.approx([0.0, 0.8], rel=1e-5)
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    for network in (ours, theirs):
        for p in network.parameters():
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(p.ndim)) * 9
    clip_([p.grad for p in ours.parameters()], 0.7)
    nn.utils.clip_grad_norm_(theirs.parameters(), 0.7)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_small_gradients_are_left_alone():
    gradients = [torch.tensor([0.3, -0.4])]
    clip_(gradients, 1.0)
    assert gradients[0].tolist() == pytest.approx([0.3, -0.4])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.norm = nn.LayerNorm(2)
        self.frozen = nn.Parameter(torch.zeros(2, 2), requires_grad=False)


def decays(optimizer):
    return {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}


def test_biases_norms_and_balancers_do_not_decay_and_frozen_parts_are_not_trained():
    net, extra = Net(), nn.Parameter(torch.zeros(2, 2))
    decay = decays(make_optimizer(net, [extra], Training(), 1e-3, 0.05))
    assert decay[id(net.linear.weight)] == 0.05
    for parameter in (net.linear.bias, net.norm.weight, net.norm.bias, extra):
        assert decay[id(parameter)] == 0
    assert id(net.frozen) not in decay


def test_without_decay_all_parameters_are_still_trained():
    net, extra = Net(), nn.Parameter(torch.zeros(2))
    assert len(decays(make_optimizer(net, [extra], Training(), 1e-3, 0.0))) == 5


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_optimisers_by_name(name, kind):
    optimizer = make_optimizer(Net(), [], Training(optimizer=name), 0.02, 0.01)
    assert type(optimizer).__base__ is kind
    assert all(group["lr"] == 0.02 for group in optimizer.param_groups)
    assert name != "sgd" or all(group["nesterov"] and group["momentum"] == 0.9 for group in optimizer.param_groups)


def test_warm_up_starts_low_enough_to_be_one():
    assert schedule_factor("one_cycle", 0) < 0.1 > schedule_factor("cosine", 0)
    assert math.isclose(schedule_factor("cosine", 0.05), 1)


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = nn.Linear(2, 2)
        self.top = nn.Linear(2, 2)

    def learning_rates(self):
        return {"low.weight": 0.01, "low.bias": 0.01, "top.weight": 0.1, "top.bias": 0.1}


def test_a_module_sets_the_learning_learning_rate_fields_its_parameters():
    net = nn.Sequential(Slow(), nn.Linear(2, 1))
    optimizer = make_optimizer(net, [], Training(), 0.5, 0.05)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    by_name = {name: rates[id(p)] for name, p in net.named_parameters()}
    assert by_name == pytest.approx(
        {
            "0.low.weight": 0.005,
            "0.low.bias": 0.005,
            "0.top.weight": 0.05,
            "0.top.bias": 0.05,
            "1.weight": 0.5,
            "1.bias": 0.5,
        }
    )
    kinds = decays(optimizer)
    assert kinds[id(net[0].low.weight)] == 0.05
    assert kinds[id(net[0].low.bias)] == 0


def test_training_does_not_import_the_compiler():
    code = """
import sys, tempfile, medley as md
rows = {"x": [number / 7 for number in range(64)], "y": [float(number % 9) for number in range(64)]}
md.fit(rows, "y", max_trials=1, epochs=1, directory=tempfile.mkdtemp(), verbose=0)
print("torch._dynamo" in sys.modules)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD])
def test_an_optimiser_without_the_compiler_takes_the_same_steps(kind):
    def trained(optimizer):
        parameter = torch.nn.Parameter(torch.ones(3))
        steps = optimizer([{"params": [parameter], "lr": 0.1}], lr=0.1, weight_decay=0.1)
        for _ in range(3):
            (parameter * torch.arange(3.0)).square().sum().backward()
            steps.step()
            steps.zero_grad()
            steps.load_state_dict(steps.state_dict())
        return parameter.detach()

    assert torch.equal(trained(without_compiler(kind)), trained(kind))
