"""Pooling over masked steps."""

import pytest
import torch

from medley.nn.pooling import masked_max, masked_mean


@pytest.mark.parametrize("pool", [masked_mean, masked_max])
def test_masked_steps_have_no_effect_and_empty_rows_are_zeros(pool):
    mask = torch.tensor([[True, False, True], [False, False, False]])
    steps = torch.randn(2, 3, 4) - 5
    loud = steps.masked_fill(~mask.unsqueeze(-1), 1e9)
    torch.testing.assert_close(pool(loud, mask), pool(steps, mask))
    assert not pool(loud, mask)[1].any()


def test_pooling_equals_pooling_without_the_masked_steps():
    steps = torch.randn(1, 4, 3)
    mask = torch.tensor([[False, True, True, False]])
    torch.testing.assert_close(masked_mean(steps, mask), steps[:, 1:3].mean(1))
    torch.testing.assert_close(masked_max(steps, mask), steps[:, 1:3].amax(1))


@pytest.mark.parametrize("pool", [masked_mean, masked_max])
def test_gradients_of_empty_rows_are_finite(pool):
    steps = torch.randn(2, 3, 4, requires_grad=True)
    pool(steps, torch.tensor([[True, True, False], [False, False, False]])).sum().backward()
    assert steps.grad.isfinite().all()
    assert not steps.grad[1].any()
