import math

import pytest
import torch

from medley.balance import Scalarization
from medley.errors import ConfigError

LOSSES = [0.5, 2.0, 1.0]


def value_and_gradient(method, losses=LOSSES, weights=(1.0, 1.0, 1.0), options=None):
    values = torch.tensor(losses, requires_grad=True)
    total = Scalarization(method, weights, options).backward(list(values))
    return total.item(), values.grad.tolist()


def test_sum_and_mean():
    assert value_and_gradient("sum") == (3.5, [1.0, 1.0, 1.0])
    assert value_and_gradient("mean", weights=(3.0, 3.0, 6.0)) == (4.5, [1.0, 1.0, 2.0])


def test_random_weights_are_positive_and_sum_to_one():
    draws = torch.tensor([value_and_gradient("random")[1] for _ in range(200)])
    assert (draws > 0).all()
    torch.testing.assert_close(draws.sum(1), torch.ones(200))
    torch.testing.assert_close(draws.mean(0), torch.full((3,), 1 / 3), atol=0.06, rtol=0)


def test_geometric_mean():
    value, gradient = value_and_gradient("geometric_mean")
    assert value == pytest.approx(1.0)  # (0.5 * 2 * 1)^(1/3)
    assert gradient == pytest.approx([1 / (3 * loss) for loss in LOSSES])


def test_geometric_mean_uses_the_latest_loss_of_an_unobserved_task():
    balancer = Scalarization("geometric_mean", [1.0, 1.0, 1.0])
    balancer.total(list(torch.tensor([0.5, 8.0, 1.0])))
    values = torch.tensor([0.5, 0.0, 2.0], requires_grad=True)
    assert balancer.backward(list(values)).item() == pytest.approx(2.0)
    assert values.grad.tolist() == pytest.approx([2 / 1.5, 0.0, 2 / 6])


@pytest.mark.parametrize(("method", "optimum"), [("imtl_l", lambda loss: -math.log(loss)), ("uw", math.log)])
def test_learned_scales_converge_to_their_formula(method, optimum):
    balancer = Scalarization(method, [1.0, 1.0, 1.0])
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        balancer.backward([torch.tensor(loss) for loss in LOSSES])
        optimizer.step()
    (scales,) = balancer.parameters()
    assert scales.tolist() == pytest.approx([optimum(loss) for loss in LOSSES], abs=1e-3)


def test_smooth_tchebycheff():
    value, gradient = value_and_gradient("stch", options={"mu": 0.5})
    powers = [math.exp(loss / 3 / 0.5) for loss in LOSSES]
    assert value == pytest.approx(0.5 * math.log(sum(powers)))
    assert gradient == pytest.approx([power / sum(powers) / 3 for power in powers])
    assert value_and_gradient("stch", options={"mu": 1e-3})[0] == pytest.approx(2 / 3, abs=1e-3)


def test_penalty_boundary_intersection():
    value, _ = value_and_gradient("pbi", [3.0, 4.0], (1.0, 1.0))
    along, across = 7 / math.sqrt(2), 1 / math.sqrt(2)
    assert value == pytest.approx(along + 5 * across, abs=1e-4)


def test_cosmos():
    value, _ = value_and_gradient("cosmos", [3.0, 4.0], (1.0, 1.0), {"lambda_": 2.0})
    assert value == pytest.approx(7 - 2 * 7 / (math.sqrt(2) * 5), abs=1e-5)


@pytest.mark.parametrize("method", ["cosmos", "pbi"])
def test_all_tensors_move_with_the_module(method):
    balancer = Scalarization(method, [1.0, 1.0]).to(torch.float64)
    loss = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert balancer.total(list(loss)).dtype == torch.float64
    assert balancer.to("meta").scalarizer.weights.is_meta


def test_errors_name_the_method_and_the_setting():
    with pytest.raises(ConfigError, match=r"no scalarizer 'means'\. Did you mean 'mean'"):
        Scalarization("means", [1.0])
    with pytest.raises(ConfigError, match=r"'stch' cannot be created with .*'nu'"):
        Scalarization("stch", [1.0], {"nu": 1.0})
