"""The updates of optimisers as pure functions."""

import pytest
import torch
from torch import nn

from medley.train.optim import clip_, make_optimizer
from medley.train.plan import Training
from medley.train.update import MOMENTS, clipped, updated


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_updates_are_those_of_torch(optimizer, decay):
    network = nn.Linear(3, 4, bias=False)
    plan = Training(optimizer=optimizer, learning_rate=1e-2, weight_decay=decay, beta2=0.98)
    torchs = make_optimizer(network, [], plan, 1e-2, decay)
    value, moments = network.weight.detach().clone(), [torch.zeros(4, 3) for _ in MOMENTS[optimizer]]
    for step in range(1, 6):
        gradient = torch.randn(4, 3)
        network.weight.grad = gradient.clone()
        torchs.step()
        value, moments = updated(plan, value, gradient, moments, torch.tensor(float(step)), 1e-2, decay)
        torch.testing.assert_close(value, network.weight.detach())
    for name, moment in zip(MOMENTS[optimizer], moments, strict=True):
        torch.testing.assert_close(torchs.state[network.weight][name], moment)


@pytest.mark.parametrize("norm", [0.1, 100.0])
def test_clipping_is_that_of_eager_steps(norm):
    gradients = [torch.randn(5, 2), torch.randn(3)]
    in_place = [gradient.clone() for gradient in gradients]
    clip_(in_place, norm)
    torch.testing.assert_close(clipped(gradients, norm), in_place)
