"""A training from start to its best epoch, whatever ends it."""

import math
from dataclasses import replace
from itertools import count
from time import monotonic

import pytest
import torch

from medley.train import clock as module
from medley.train import fit as fit_module
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training

PLAN = Training(learning_rate=1e-2, weight_decay=1e-2, epochs=4, batch_size=16)


def run(bench, plan=PLAN, val=True, seed=0, weights=None, score=lambda values: values["val_relative_loss"], **hooks):
    val = bench.val if val else None
    balance = bench.balancer(weights)
    return fit(bench.network, bench.tasks, balance, plan, bench.rows, val, TrainingHooks(score, **hooks), seed)


def scores_of(trained):
    return [(record.epoch, record.learning_rate, record.train, record.val) for record in trained.records]


@pytest.mark.parametrize("weights", [None, "uncertainty", "pcgrad"])
def test_the_same_seed_gives_the_same_bits(make_bench, weights):
    first, second, third = (make_bench(dropout=0.5) for _ in range(3))
    result = run(first, weights=weights)
    torch.randn(100)  # whatever was drawn in between
    repeated = run(second, weights=weights)
    assert scores_of(result) == scores_of(repeated)
    assert all(torch.equal(v, second.network.state_dict()[n]) for n, v in first.network.state_dict().items())
    assert scores_of(run(third, weights=weights, seed=1)) != scores_of(result)


def test_it_learns(make_bench):
    trained = run(make_bench(size=300), Training(learning_rate=1e-2, weight_decay=0.0, epochs=30, batch_size=16))
    assert trained.best_score < 0.3
    assert trained.stopped is None or "no improvement" in trained.stopped


def test_the_weights_of_the_best_epoch_come_back(make_bench):
    bench, snapshots = make_bench(), []
    scores = iter([3.0, 1.0, 2.0, 1.0])
    trained = run(bench, score=lambda values: next(scores), watch=lambda *_: snapshots.append(bench.weights()))
    assert (trained.best_epoch, trained.best_score, len(trained.records)) == (1, 1.0, 4)
    now = bench.network.state_dict()
    assert all(torch.equal(now[name], tensor) for name, tensor in snapshots[1].items())
    assert any(not torch.equal(now[name], tensor) for name, tensor in snapshots[3].items())
    assert not bench.network.training


def test_without_validation_rows_the_last_epoch_counts(make_bench):
    bench, snapshots = make_bench(), []
    trained = run(bench, val=False, watch=lambda *_: snapshots.append(bench.weights()))
    assert trained.best_epoch == 3
    assert all(record.val == {} for record in trained.records)
    assert all(torch.equal(bench.network.state_dict()[name], tensor) for name, tensor in snapshots[3].items())


def test_patience_ends_a_training_that_does_not_improve(make_bench):
    scores = iter([3.0, 1.0, 2.0, 1.5, 1.0, 0.1])
    plan = Training(learning_rate=1e-3, weight_decay=0.0, epochs=6, batch_size=32, patience=2)
    trained = run(make_bench(), plan, score=lambda values: next(scores), by_task=False)
    assert (trained.best_epoch, len(trained.records), trained.stopped) == (
        1,
        4,
        "stopped early: no improvement for 2 epochs",
    )
    endless = Training(learning_rate=1e-3, weight_decay=0.0, epochs=6, batch_size=32, patience=0)
    trained = run(make_bench(), endless, score=lambda values: 1.0)
    assert (len(trained.records), trained.stopped) == (6, None)


def test_a_watcher_may_stop_it_and_receives_every_record(make_bench):
    calls = []

    def watch(record, score):
        calls.append((record.epoch, score))
        return "enough" if record.epoch == 1 else None

    trained = run(make_bench(), watch=watch)
    assert [epoch for epoch, _ in calls] == [0, 1]
    assert calls[1][1] == trained.records[1].val["relative_loss"]
    assert trained.stopped == "enough"


def test_a_deadline_ends_it_with_a_small_last_step(make_bench, monkeypatch):
    clock = count()  # a second for each look at the clock: some 30 steps instead of 500
    monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(fit_module, "affordable_epochs", lambda *args: 100)  # as if there had been time for all
    plan = Training(learning_rate=0.1, weight_decay=0.0, epochs=100, batch_size=16, patience=0)
    steps = []
    trained = run(make_bench(), plan, deadline=30.0, on_step=steps.append)
    assert 20 <= len(steps) <= 30
    assert len(trained.records) == math.ceil(len(steps) / 5)
    assert trained.records[-1].learning_rate < 0.1 * 0.1  # annealed as if it had been meant to end here
    assert max(record.learning_rate for record in trained.records) > 0.1 * 0.9
    assert trained.stopped == "time ran out"
    assert steps[-1] == 500  # progress is reported against all steps


@pytest.mark.parametrize("grows", [False, True])
def test_time_that_was_measured_too_short_is_used_all_the_same(make_bench, monkeypatch, grows):
    monkeypatch.setattr(fit_module, "affordable_epochs", lambda *args: 3)  # as if the machine had been busy just then
    plans, lines = [], []
    hooks = {"deadline": monotonic() + 300, "on_plan": lambda *plan: plans.append(plan), "log": lines.append}
    plan = Training(learning_rate=1e-2, weight_decay=0.0, epochs=12, batch_size=16, patience=0)
    trained = run(make_bench(), plan, grows=grows, **hooks)
    assert trained.epochs == len(trained.records) == (12 if grows else 3)
    assert plans == [(3, 12), (12, 12)][: 1 + grows]
    assert any("12 of 12 epochs fit" in line for line in lines) == grows
    rates = [record.learning_rate for record in trained.records]
    assert rates[-1] < 0.1 * max(rates)  # it decreased, however long the training became
    if grows:
        assert trained.plan.growth == [(1, 3)]
        bench = make_bench()
        again = run(bench, replace(plan, growth=((1, 3),)))
        assert scores_of(again) == scores_of(trained)


def test_a_training_grows_only_while_time_is_left(make_bench, monkeypatch):
    monkeypatch.setattr(fit_module, "affordable_epochs", lambda *args: 3)
    trained = run(make_bench(), replace(PLAN, epochs=12), grows=True, deadline=monotonic() + 0.01)
    assert trained.plan.growth == []


def test_a_deadline_that_has_passed_still_gives_a_network_of_one_step(make_bench):
    steps = []
    trained = run(make_bench(), deadline=monotonic() - 5, on_step=steps.append)
    assert len(steps) == len(trained.records) == 1
    assert math.isfinite(trained.best_score)
    assert trained.stopped == "time ran out"


def test_ctrl_c_keeps_the_best_so_far(make_bench):
    bench, snapshots = make_bench(), []

    def watch(record, score):
        snapshots.append(bench.weights())
        if record.epoch == 2:
            raise KeyboardInterrupt

    scores = iter([3.0, 1.0, 2.0])
    trained = run(bench, score=lambda values: next(scores), watch=watch)
    assert (trained.stopped, trained.best_epoch, len(trained.records)) == ("interrupted", 1, 3)
    assert all(torch.equal(bench.network.state_dict()[name], tensor) for name, tensor in snapshots[1].items())


def test_ctrl_c_in_the_midst_of_an_epoch_keeps_the_best_so_far(make_bench):
    bench, steps, snapshots = make_bench(), [], []

    def on_step(total):
        steps.append(total)
        if len(steps) == 8:
            raise KeyboardInterrupt

    trained = run(bench, on_step=on_step, watch=lambda *_: snapshots.append(bench.weights()))
    assert (trained.stopped, trained.best_epoch) == ("interrupted", 0)
    assert all(torch.equal(bench.network.state_dict()[name], tensor) for name, tensor in snapshots[0].items())
    assert torch.get_num_threads() == 1


def test_ctrl_c_before_the_first_epoch_is_passed_on(make_bench):
    def on_step(total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(make_bench(), on_step=on_step)


def test_after_a_loss_that_is_not_finite_training_returns_to_the_best_weights_with_a_smaller_rate(make_bench):
    scores, snapshots, notes, bench = iter([2.0, math.nan, 1.0, 3.0]), [], [], make_bench()
    first_step = []

    def on_step(total):
        if len(snapshots) == 2 and not first_step:
            first_step.append(bench.weights())

    trained = run(
        bench,
        Training(learning_rate=1e-3, weight_decay=0.0, schedule="constant", epochs=4, batch_size=16),
        score=lambda values: next(scores),
        watch=lambda *_: snapshots.append(bench.weights()),
        on_step=on_step,
        log=notes.append,
    )
    assert (trained.best_epoch, trained.best_score, len(trained.records)) == (2, 1.0, 4)
    assert trained.stopped is None
    assert [record.learning_rate for record in trained.records] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])
    assert notes == [
        "epoch 1: the loss is not finite; training goes back to the best weights before, with 0.1 of the learning rate"
    ]
    weights = [name for name, _ in bench.network.named_parameters()]
    from_best = max(float((first_step[0][name] - snapshots[0][name]).abs().max()) for name in weights)
    from_last = max(float((first_step[0][name] - snapshots[1][name]).abs().max()) for name in weights)
    assert from_best < 2e-4 < from_last  # one step of Adam moves a weight by the learning rate at most


def test_a_second_loss_that_is_not_finite_ends_it_with_the_best_before(make_bench):
    scores = iter([2.0, math.nan, math.nan, 1.0])
    trained = run(make_bench(), score=lambda values: next(scores), watch=lambda *_: "a pruner finds it hopeless")
    assert (trained.best_epoch, trained.best_score, len(trained.records)) == (0, 2.0, 1)
    scores = iter([2.0, math.nan, math.nan, 1.0])
    trained = run(make_bench(), score=lambda values: next(scores))
    assert (trained.best_epoch, trained.best_score, len(trained.records)) == (0, 2.0, 3)
    assert "no longer finite; a smaller learning_rate" in trained.stopped


@pytest.mark.parametrize("val", [True, False])
def test_weights_that_became_nan_are_trained_again_from_the_best(make_bench, val):
    bench, broken = make_bench(), []

    def on_step(total):
        if len(broken) == 7:
            with torch.no_grad():
                next(bench.network.parameters()).fill_(math.nan)
        broken.append(total)

    trained = run(bench, val=val, on_step=on_step)
    assert trained.stopped is None
    assert len(trained.records) == 4
    assert [math.isfinite(record.train["loss"]) for record in trained.records] == [True, False, True, True]
    assert all(bool(tensor.isfinite().all()) for tensor in bench.network.state_dict().values())


def test_a_learning_rate_that_is_far_too_large_is_reported(make_bench):
    wild = Training(learning_rate=1e30, weight_decay=0.0, optimizer="sgd", schedule="constant", epochs=3, clip=0)
    trained = run(make_bench(batchnorm=False), wild)
    assert not math.isfinite(trained.best_score)
    assert "no longer finite" in trained.stopped


def test_the_callers_threads_come_back(make_bench):
    before = torch.get_num_threads()
    seen = []
    plan = Training(learning_rate=1e-3, weight_decay=0.0, epochs=1, batch_size=16, threads=before + 1)
    run(make_bench(), plan, on_step=lambda total: seen.append(torch.get_num_threads()))
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_validation_rows_do_not_touch_the_network(make_bench):
    def last(val):
        bench, snapshots = make_bench(dropout=0.5), []
        run(bench, val=val, watch=lambda *_: snapshots.append(bench.weights()))
        return snapshots[-1]

    with_val, without = last(True), last(False)
    assert with_val["parts.dense.1.running_mean"].any()
    assert all(torch.equal(tensor, without[name]) for name, tensor in with_val.items())


def test_relative_loss_is_1_for_a_network_that_learns_nothing(make_bench):
    bench = make_bench()
    with torch.no_grad():
        for name in ("kind", "price"):
            bench.network.parts[name].weight.zero_()
            bench.network.parts[name].bias.copy_(getattr(bench.network, f"prior__{name}"))
    still = Training(learning_rate=0.0, weight_decay=0.0, epochs=1)
    assert run(bench, still).records[0].val["relative_loss"] == pytest.approx(1.0, rel=1e-5)
