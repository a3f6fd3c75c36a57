"""Properties that every balancing method must have."""

import json
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from medley.balance import NAMES, Balancer, balancer
from medley.core.registry import name_of

EXTRAS = {"upgrad": "quadprog", "dualproj": "quadprog", "cagrad": "cvxpy", "nash_mtl": "cvxpy"}
RUNNABLE = [name for name in NAMES if find_spec(EXTRAS.get(name, "torch"))]
METHODS = [None, *RUNNABLE]  # None is equal fixed weights
TASKS = ["a", "b", "c"]


class Net(nn.Module):
    """One trunk, three heads, and a layer without any gradient."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(4, 5)
        self.heads = nn.ModuleList(nn.Linear(5, 1) for _ in TASKS)
        self.idle = nn.Linear(2, 2)

    def losses(self, x, y):
        hidden = torch.tanh(self.trunk(x))
        return [((head(hidden)[:, 0] - y[:, k]) ** 2).mean() for k, head in enumerate(self.heads)]


def batch(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(16, 4, generator=generator), torch.randn(16, 3, generator=generator)


def gradients(net):
    return {name: None if p.grad is None else p.grad.clone() for name, p in net.named_parameters()}


def step(method, losses, net, scale=None, seed=0):
    """Gradients after one backward pass of a balancer (or a new one of a method), and the total."""
    balancing = method if isinstance(method, Balancer) else balancer(method, TASKS[: len(losses)])
    net.zero_grad()
    torch.manual_seed(seed)
    total = balancing.backward(losses, list(net.parameters()), scale)
    return gradients(net), total


@pytest.fixture
def net():
    return Net()


@pytest.mark.parametrize("method", METHODS)
def test_returns_a_detached_finite_scalar_and_trains_everything_the_losses_reach(method, net):
    result, total = step(method, net.losses(*batch(0)), net)
    assert total.shape == ()
    assert total.isfinite()
    assert not total.requires_grad
    for name, gradient in result.items():
        if name.startswith("idle"):
            assert gradient is None
        else:
            assert gradient.isfinite().all()
            assert gradient.any(), name


@pytest.mark.parametrize("method", METHODS)
def test_a_head_gets_gradient_from_its_own_loss_only(method, net):
    result, _ = step(method, net.losses(*batch(0)), net)
    for k in range(3):
        expected = torch.autograd.grad(net.losses(*batch(0))[k], net.heads[k].weight)[0]
        ratio = result[f"heads.{k}.weight"] / expected
        torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("absent", ["a zero with a graph", "a constant"])
@pytest.mark.parametrize("method", METHODS)
def test_an_unobserved_task_leaves_no_gradient_and_no_nan(method, absent, net):
    balancing = balancer(method, TASKS)
    step(balancing, net.losses(*batch(9)), net)
    balancing.zero_grad()
    for seed in range(3):
        losses = net.losses(*batch(seed))
        losses[1] = losses[1] * 0 if absent == "a zero with a graph" else torch.zeros(())
        result, total = step(balancing, losses, net, seed=seed)
        assert total.isfinite()
        assert result["heads.1.weight"] is None or not result["heads.1.weight"].any()
        assert all(g.isfinite().all() for g in result.values() if g is not None)
        assert result["heads.0.weight"].any()
    for parameter in balancing.parameters():
        assert parameter.grad[1] == 0
        assert parameter.grad[0] != 0


@pytest.mark.parametrize("method", METHODS)
def test_unobserved_batches_do_not_change_later_gradients(method, net):
    """A batch without any label must not change the state of a method."""
    plain, disturbed = balancer(method, TASKS), balancer(method, TASKS)
    step(plain, net.losses(*batch(0)), net)
    step(disturbed, net.losses(*batch(0)), net)
    result, _ = step(disturbed, [torch.zeros(()), net.trunk.weight.sum() * 0, torch.zeros(())], net)
    assert not any(g.any() for g in result.values() if g is not None)
    expected, _ = step(plain, net.losses(*batch(1)), net)
    result, _ = step(disturbed, net.losses(*batch(1)), net)
    for name, gradient in expected.items():
        assert gradient is None or torch.equal(result[name], gradient), name


@pytest.mark.parametrize("method", METHODS)
def test_gradients_accumulate_and_scale(method, net):
    single, total = step(method, net.losses(*batch(0)), net)
    scaled, unscaled_total = step(method, net.losses(*batch(0)), net, scale=torch.tensor(0.25))
    assert unscaled_total == total
    for name, gradient in single.items():
        if gradient is not None:
            torch.testing.assert_close(scaled[name], gradient / 4, rtol=1e-3, atol=1e-5)
    net.zero_grad()
    for _ in range(2):
        torch.manual_seed(0)
        balancer(method, TASKS).backward(net.losses(*batch(0)), list(net.parameters()))
    for name, gradient in gradients(net).items():
        if gradient is not None:
            torch.testing.assert_close(gradient, 2 * single[name])


@pytest.mark.parametrize("method", METHODS)
def test_a_restored_balancer_continues_bit_for_bit(method, net):
    """The state is written as safetensors and restored twice."""

    def train(balancing, seeds):
        for seed in seeds:
            losses = net.losses(*batch(seed))
            if seed == 1:
                losses[2] = torch.zeros(())
            result, total = step(balancing, losses, net, seed=seed)
            for parameter in balancing.parameters():
                with torch.no_grad():
                    parameter -= 0.1 * parameter.grad
                parameter.grad = None
            if seed % 2:
                balancing.end_epoch()
        return {**result, "total": total, **{f"own.{name}": value.clone() for name, value in balancing.state().items()}}

    original = balancer(method, TASKS)
    train(original, range(6))
    state = load(save(original.state()))
    expected = train(original, [6, 7, 8])
    for _ in range(2):
        restored = balancer(method, TASKS)
        restored.restore(state)
        result = train(restored, [6, 7, 8])
        assert result.keys() == expected.keys()
        for name, gradient in expected.items():
            is_equal = gradient is None or torch.equal(result[name].nan_to_num(7.0), gradient.nan_to_num(7.0))
            assert is_equal, name


def test_every_registered_balancer_is_covered():
    from medley.core import registry

    classes = {type(balancer(method, TASKS)) for method in METHODS}
    registered = {balancer_class for name, balancer_class in registry._objects.items() if name.startswith("balance.")}
    assert {
        balancer_class for balancer_class in registered if balancer_class.__module__.startswith("medley.")
    } <= classes


@pytest.mark.parametrize("method", METHODS)
def test_frozen_parameters_get_no_gradient(method, net):
    net.heads[0].weight.requires_grad_(False)
    result, _ = step(method, net.losses(*batch(0)), net)
    assert result["heads.0.weight"] is None
    assert result["heads.0.bias"] is not None


@pytest.mark.parametrize("method", METHODS)
def test_describes_itself_as_json(method):
    description = balancer(method, TASKS, [2.0, 2.0, 2.0]).describe()
    assert json.loads(json.dumps(description)) == description
    assert description["name"] == (method or "fixed")
    assert description["weights"] == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("krum", "trimmed_mean")])
def test_a_single_task_is_trained_on_its_own_gradient(method, net):
    result, _ = step(method, net.losses(*batch(0))[:1], net)
    expected = torch.autograd.grad(net.losses(*batch(0))[0], net.trunk.weight)[0]
    ratio = (result["trunk.weight"] / expected).mean()
    assert ratio > 0
    torch.testing.assert_close(result["trunk.weight"], expected * ratio)


@pytest.mark.parametrize("method", METHODS)
def test_steps_reduce_the_loss(method, net):
    """Gradient steps reduce the sum of the losses for every method."""
    balancing = balancer(method, TASKS)
    x, y = batch(0)
    before = sum(loss.item() for loss in net.losses(x, y))
    optimizer = torch.optim.SGD([*net.parameters(), *balancing.parameters()], lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        balancing.backward(net.losses(x, y), list(net.parameters()))
        optimizer.step()
    assert sum(loss.item() for loss in net.losses(x, y)) < before


@pytest.mark.parametrize("method", METHODS)
def test_the_class_is_registered(method):
    assert name_of(type(balancer(method, TASKS))).startswith("balance.")


def test_a_rescaled_copy_has_the_state_and_does_not_change_the_original():
    original = balancer("uncertainty", ["a", "b"])
    with torch.no_grad():
        original.log_variance.copy_(torch.tensor([0.3, -0.2]))
    scaled = original.rescaled([2.0, 3.0])
    assert torch.equal(scaled.log_variance, original.log_variance)
    assert scaled.log_variance is not original.log_variance
    assert scaled.loss_weights == (2.0, 3.0)
    assert torch.equal(scaled.weights, torch.tensor([2.0, 3.0]))
    assert original.loss_weights == (1.0, 1.0)
