"""Several trainings as one program: each lane computes what it would compute alone."""

from dataclasses import replace

import pytest
import torch

from medley.series.input import Input
from medley.tabular import DenseBlock
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.stacked import Stack

PLAN = Training(learning_rate=1e-2, weight_decay=0.1, epochs=3, batch_size=16, beta2=0.98, average=0.9, patience=0)
LANES = [PLAN, replace(PLAN, learning_rate=3e-3, weight_decay=0.0), replace(PLAN, learning_rate=2e-2, epochs=1)]


def train(bench, plan, seed, lane=None, watch=lambda record, score: None, weights=None):
    choose = {} if lane is None else {"choose_stepper": lambda eager, plan, work: lane.stepper(eager, 16)}
    hooks = TrainingHooks(lambda values: values["val_relative_loss"], watch, **choose)
    return fit(bench.network, bench.tasks, bench.balancer(weights), plan, bench.rows, bench.val, hooks, seed)


def benches(make_bench, count, dropout=0.0, **options):
    return [make_bench(gaps=False, seed=seed, dropout=dropout, batchnorm=False, **options) for seed in range(count)]


@pytest.fixture(scope="module")
def stack():
    """A stack whose programs all tests share."""
    return Stack(3)


def run(stack, trainings):
    for key, training in enumerate(trainings):
        stack.add(key, training)
    ended = []
    while len(ended) < len(trainings):
        ended += stack.run()
    return ended


@pytest.mark.slow
def test_lanes_of_other_rates_seeds_and_lengths_give_the_results_that_they_give_alone(make_bench, stack):
    alone = [
        train(bench, plan, seed) for seed, (bench, plan) in enumerate(zip(benches(make_bench, 3), LANES, strict=True))
    ]
    together, results = benches(make_bench, 3), {}

    def training(key):
        def run_lane(lane):
            results[key] = train(together[key], LANES[key], key, lane)

        return run_lane

    ended = run(stack, [training(key) for key in range(3)])
    assert stack.note is None
    assert ended == [2, 0, 1]
    for key, expected in enumerate(alone):
        assert results[key].best_epoch == expected.best_epoch
        assert results[key].best_score == pytest.approx(expected.best_score, rel=1e-3)
        for one, other in zip(results[key].records, expected.records, strict=True):
            assert one.flat() == pytest.approx(other.flat(), rel=2e-3, abs=1e-4)


@pytest.mark.slow
def test_a_pruned_lane_is_replaced_and_the_others_do_not_notice(make_bench, stack):
    expected = train(benches(make_bench, 1)[0], PLAN, 0)
    third = train(benches(make_bench, 3)[2], LANES[1], 2)
    rest, results, networks = benches(make_bench, 3), {}, {}

    def training(key, plan, **options):
        return lambda lane: results.update({key: train(rest[key], plan, key, lane, **options)})

    stack.add(0, training(0, PLAN))
    stack.add(1, training(1, PLAN, watch=lambda record, score: "pruned"))
    assert stack.run() == [1]
    networks[1] = rest[1].weights()
    stack.add(2, training(2, LANES[1]))
    assert stack.run() == [0]
    assert stack.run() == [2]
    assert [results[1].stopped, len(results[1].records)] == ["pruned", 1]
    assert all(torch.equal(tensor, networks[1][name]) for name, tensor in rest[1].weights().items())
    assert results[0].best_score == pytest.approx(expected.best_score, rel=1e-3)
    assert results[2].best_score == pytest.approx(third.best_score, rel=1e-3)


@pytest.mark.slow
def test_a_lane_can_be_cancelled_and_another_structure_trains_alone(make_bench, stack):
    def wide(dropout, *, batchnorm):
        x = Input(name="x")
        return [x], DenseBlock(num_units=(9,), use_batchnorm=batchnorm, dropout=dropout)(x)

    alone = train(make_bench(gaps=False, batchnorm=False, parts=wide), PLAN, 0)
    other, results = make_bench(gaps=False, batchnorm=False, parts=wide), {}
    stack.add(0, lambda lane: results.update({0: train(other, PLAN, 0, lane)}))
    stack.add(1, lambda lane: results.update({1: train(benches(make_bench, 1)[0], PLAN, 0, lane)}))

    def cancelled(lane):
        with pytest.raises(KeyboardInterrupt):
            train(benches(make_bench, 1)[0], PLAN, 0, lane)

    stack.add(2, cancelled)
    stack.cancel(2)
    assert stack.run() == [2]
    assert sorted(stack.run() + stack.run()) == [0, 1]
    assert [record.flat() for record in results[0].records] == [record.flat() for record in alone.records]


@pytest.mark.slow
def test_each_lane_has_its_own_dropout(make_bench):
    # Without dropout in one lane and with much of it in the other, the same network learns at another pace.
    def small(dropout, *, batchnorm):  # quick to compile
        x = Input(name="x")
        return [x], DenseBlock(num_layers=1, num_units=16, use_batchnorm=batchnorm, dropout=dropout)(x)

    options = {"gaps": False, "batchnorm": False, "size": 320, "parts": small}
    stack, networks, losses = Stack(2), [make_bench(dropout=p, **options) for p in (1e-6, 0.9)], {}
    plan = replace(PLAN, average=0.0)
    for key, bench in enumerate(networks):
        stack.add(key, lambda lane, key=key, bench=bench: losses.update({key: train(bench, plan, 0, lane)}))
    while len(losses) < 2:
        stack.run()
    assert stack.note is None
    train_losses = [losses[key].records[-1].train["loss"] for key in range(2)]
    alone = train(make_bench(dropout=1e-6, **options), plan, 0)
    assert train_losses[0] == pytest.approx(alone.records[-1].train["loss"], rel=5e-3)
    assert train_losses[1] > train_losses[0] * 1.2
