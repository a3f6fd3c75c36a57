import math

import pytest
import torch

from medley.balance import UncertaintyWeights


def test_value_and_gradients_are_the_formulas():
    balancer = UncertaintyWeights([1.0, 2.0])
    with torch.no_grad():
        balancer.log_variance.copy_(torch.tensor([math.log(4), 0.0]))
    loss = torch.nn.Parameter(torch.tensor([8.0, 3.0]))
    total = balancer.backward(list(loss), [loss])
    # exp(-log 4) * 8 + log(4) / 2 = 2 + 0.6931, and 2 * (3 + 0)
    assert total.item() == pytest.approx(8.6931, abs=1e-4)
    assert loss.grad.tolist() == pytest.approx([0.25, 2.0])
    assert balancer.log_variance.grad.tolist() == pytest.approx([-2 + 0.5, 2 * (-3 + 0.5)])


@pytest.mark.parametrize("weights", [[1.0, 1.0], [0.5, 3.0]])
def test_log_variance_converges_to_log_of_twice_the_loss(weights):
    balancer = UncertaintyWeights(weights)
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        balancer.backward([torch.tensor(0.5), torch.tensor(2.0)])
        optimizer.step()
    # Golden: log(2 * 0.5) = 0, log(2 * 2) = 1.3863. A fixed weight must not move it.
    assert balancer.log_variance.tolist() == pytest.approx([0.0, 1.3863], abs=1e-3)


def test_the_papers_squared_error_form_is_the_same_formula_shifted_by_log_two():
    balancer = UncertaintyWeights([1.0])
    loss = torch.tensor(0.7)
    for log_variance in (-1.0, 0.0, 2.0):
        with torch.no_grad():
            balancer.log_variance.fill_(log_variance + math.log(2))
        regression = loss / (2 * math.exp(log_variance)) + log_variance / 2
        assert (balancer.total([loss]) - math.log(2) / 2).item() == pytest.approx(regression.item(), abs=1e-5)
