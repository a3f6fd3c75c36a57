"""Several trainings as one program: each lane computes what it would compute alone."""

from dataclasses import replace

import pytest

from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.stacked import Stack

PLAN = Training(learning_rate=1e-2, weight_decay=0.1, epochs=3, batch_size=16, beta2=0.98, average=0.9, patience=0)
LANES = [PLAN, replace(PLAN, learning_rate=3e-3, weight_decay=0.0), replace(PLAN, learning_rate=2e-2, epochs=1)]


def train(bench, plan, seed, lane=None, watch=lambda record, score: None, weights=None):
    choose = {} if lane is None else {"choose_stepper": lambda eager, plan, work: lane.stepper(eager)}
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
