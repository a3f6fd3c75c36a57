import pytest
import torch
from torchjd.scalarization import DWA

from medley.balance import DynamicWeightAverage
from medley.errors import ConfigError


def train(balancer, *epochs):
    for epoch in epochs:
        for losses in epoch:
            balancer.total([torch.tensor(float(loss)) for loss in losses])
        balancer.end_epoch()


def task_weights(balancer):
    losses = torch.ones(2, requires_grad=True)
    balancer.total(list(losses)).backward()
    return losses.grad.tolist()


def test_weights_follow_the_loss_history():
    balancer = DynamicWeightAverage([1.0, 1.0])
    train(balancer, [(3.0, 1.0), (5.0, 3.0)])  # means 4, 2
    assert task_weights(balancer) == [1.0, 1.0]
    balancer = DynamicWeightAverage([1.0, 1.0])
    train(balancer, [(3.0, 1.0), (5.0, 3.0)], [(2.0, 2.0)])
    # Golden: r = (2 / 4, 2 / 2), a = 2 softmax(r / 2) = 2 / (1 + e^0.25), 2 / (1 + e^-0.25)
    assert balancer.rates().tolist() == [0.5, 1.0]
    assert task_weights(balancer) == pytest.approx([0.875647, 1.124353], abs=1e-6)


def test_agrees_with_torchjd_where_every_label_is_observed():
    balancer, reference = DynamicWeightAverage([1.0, 1.0, 1.0], temperature=0.7), DWA(temperature=0.7)
    for _ in range(4):
        for _ in range(3):
            losses = torch.rand(3) + 0.1
            torch.testing.assert_close(balancer.total(list(losses)), reference(losses))
        balancer.end_epoch()
        reference.step()


def test_batches_and_epochs_without_a_label_are_ignored():
    balancer = DynamicWeightAverage([1.0, 1.0])
    train(balancer, [(4.0, 2.0)], [(2.0, 1.0), (0.0, 3.0)])
    assert balancer.rates().tolist() == [0.5, 1.0]
    train(balancer, [(1.0, 0.0)])
    assert balancer.rates().tolist() == [0.5, 1.0]  # 1 / 2; the other keeps its average of 2
    assert balancer.history[1].tolist() == [1.0, 2.0]


def test_an_epoch_without_batches_changes_nothing():
    balancer = DynamicWeightAverage([1.0, 1.0])
    train(balancer, [(4.0, 2.0)], [(2.0, 2.0)], [])
    assert balancer.rates().tolist() == [0.5, 1.0]


def test_temperature_must_be_above_zero():
    with pytest.raises(ConfigError, match="temperature must be above zero, got 0"):
        DynamicWeightAverage([1.0], temperature=0)
