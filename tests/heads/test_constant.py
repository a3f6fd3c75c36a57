"""Heads that predict the constant baseline."""

import pytest
import torch
from torch import nn

from medley.heads.constant import predict_constant
from medley.heads.linear_skip import LinearSkip
from medley.heads.members import MembersLinear, mean_number

PRIOR = torch.tensor([1.0, -2.0])


@pytest.mark.parametrize("kind", ["linear", "dropout", "members", "skip"])
def test_every_row_gets_the_prior(kind):
    torch.manual_seed(0)
    inputs = [torch.randn(5, 10, 3) if kind in ("members", "skip") else torch.randn(5, 3)]
    module: nn.Module = nn.Linear(3, 2)
    if kind == "dropout":
        module = nn.Sequential(nn.Dropout(0.5), module)
    if kind in ("members", "skip"):
        module = MembersLinear(10, 3, 2, mean_number)
    if kind == "skip":
        module = LinearSkip(module, 1, torch.zeros(2), blind=5)
        inputs.append(torch.randn(5, 3).abs())
    assert predict_constant(module.eval(), PRIOR)
    torch.testing.assert_close(module(*inputs), PRIOR.expand(5, 2))


def test_a_head_without_such_a_layer_is_left_as_it_is():
    assert not predict_constant(nn.Identity(), PRIOR)
    assert not predict_constant(nn.Linear(3, 3), PRIOR)
