"""The number of epochs that fit into the time limit; measuring it does not change the training."""

from time import monotonic

import torch

from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training

PLAN = Training(learning_rate=1e-2, weight_decay=0.0, epochs=3, batch_size=16, average=0.9)


def trained(make_bench, deadline, plan=PLAN):
    bench, planned = make_bench(), []
    hooks = TrainingHooks(
        lambda scores: scores["val_loss"], on_plan=lambda *epochs: planned.append(epochs), deadline=deadline
    )
    result = fit(bench.network, bench.tasks, bench.balancer(), plan, bench.rows, bench.val, hooks, seed=0)
    return bench, result, planned


def test_measuring_does_not_change_the_training(make_bench):
    timed, _, _ = trained(make_bench, monotonic() + 600)
    free, _, _ = trained(make_bench, None)
    for name, tensor in free.network.state_dict().items():
        assert torch.equal(tensor, timed.network.state_dict()[name]), name


def test_with_time_enough_there_are_as_many_epochs_as_asked_for(make_bench):
    _, result, planned = trained(make_bench, monotonic() + 600)
    assert (result.epochs, planned) == (3, [(3, 3)])


def test_with_little_time_there_are_fewer_and_they_end_in_time(make_bench):
    began = monotonic()
    _, result, planned = trained(
        make_bench, began + 2.0, Training(learning_rate=1e-2, weight_decay=0.0, epochs=100_000, batch_size=16)
    )
    assert 1 <= result.epochs < 100_000
    assert planned == [(result.epochs, 100_000)]
    assert monotonic() - began < 4.0


def test_some_network_is_better_than_none(make_bench):
    _, result, _ = trained(make_bench, monotonic() - 1)
    assert result.epochs == 1
    assert result.records
