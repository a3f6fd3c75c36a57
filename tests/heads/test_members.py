"""Heads on an ensemble: one loss per member, one joint prediction."""

import numpy as np
import pytest
import torch

from medley.core.spec import Spec
from medley.heads import ClassificationHead, OrderedHead, RegressionHead
from medley.heads.masked import mean_of_members, row_losses, task_loss

MEMBERS = Spec((4, 6), "ED")
CASES = {
    "classes": (ClassificationHead(dropout=0.0), ["a", "b", "c", "a"]),
    "two classes": (ClassificationHead(dropout=0.0), [True, False, False, True]),
    "label sets": (ClassificationHead(multi_label=True, dropout=0.0), [["a"], ["a", "b"], [], ["c"]]),
    "ordered": (OrderedHead(dropout=0.0), [1, 2, 3, 2]),
    "numbers": (RegressionHead(dropout=0.0), [[1.0, 2.0], [3.0, 5.0], [0.0, 0.0], [4.0, 9.0]]),
}


@pytest.mark.parametrize("name", CASES)
def test_training_has_a_loss_per_member_and_prediction_averages_them(name):
    head, labels = CASES[name]
    codec = head.codec().fit(labels)
    torch.manual_seed(0)
    module, x = head.build(MEMBERS, codec), 5 * torch.randn(4, 4, 6)
    member_outputs = module.train()(x)
    assert member_outputs.shape == (4, 4, len(codec.prior))
    output = module.eval()(x)
    assert output.shape == (4, len(codec.prior))
    probabilities = [codec.probabilities(member_outputs[:, k].detach().numpy()) for k in range(4)]
    np.testing.assert_allclose(codec.probabilities(output.detach().numpy()), np.mean(probabilities, axis=0), atol=1e-5)
    losses, target = head.loss_function(codec), torch.from_numpy(codec.encode(labels).array)
    rows = row_losses(losses, member_outputs, target)
    torch.testing.assert_close(rows, torch.stack([losses(member_outputs[:, k], target) for k in range(4)]).mean(0))
    torch.testing.assert_close(task_loss(losses, member_outputs, target), rows.mean())
    # An ensemble is never worse than its members are on average: these losses are convex in the prediction.
    assert losses(output, target).mean() <= rows.mean() + 1e-6


def test_members_of_unobserved_rows_give_no_gradient():
    head, labels = CASES["classes"]
    codec = head.codec().fit(labels)
    raw = torch.randn(3, 4, 3).masked_fill(torch.tensor([False, True, False])[:, None, None], torch.inf)
    raw.requires_grad_()
    target, observed, weight = torch.tensor([0, 0, 2]), torch.tensor([True, False, True]), torch.tensor([2.0, 1.0, 0.5])
    loss = task_loss(head.loss_function(codec), raw, target, observed, weight)
    loss.backward()
    assert not raw.grad[1].any()
    assert raw.grad[[0, 2]].isfinite().all()
    rows = head.loss_function(codec)(raw[[0, 2]].flatten(0, 1), torch.tensor([0] * 4 + [2] * 4)).view(2, 4).mean(1)
    torch.testing.assert_close(loss, (rows * weight[[0, 2]]).sum() / 2)


def test_the_mean_of_members_has_one_output_per_row():
    assert mean_of_members(torch.zeros(3, 4, 2)).shape == (3, 2)
    raw = torch.zeros(3, 2)
    assert mean_of_members(raw) is raw


def test_extreme_members_have_finite_joint_logits():
    for head, labels in CASES.values():
        codec = head.codec().fit(labels)
        module = head.build(MEMBERS, codec)
        for scale in (1e3, 1e6):
            assert module.eval()(scale * torch.randn(4, 4, 6)).isfinite().all()
