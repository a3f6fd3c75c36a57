"""A lane computes what an eager training computes: for every head, every way to balance losses, all rows and weights.

The steps are run as functions of stacked tensors, but not compiled, which takes seconds; `test_stacked.py` compiles.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_unflatten

from medley.balance.choose import balancer
from medley.balance.scalarize import SCALARIZERS
from medley.core.batch import Rows
from medley.heads import ClassificationHead, CountHead, OrderedHead, RegressionHead
from medley.train import stacked
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training

# Of operations that are computed lane by lane; the compiler does not see them as such.
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")

PLAN = Training(learning_rate=1e-2, weight_decay=0.1, epochs=2, batch_size=16, patience=0)
PLANS = [PLAN, replace(PLAN, learning_rate=2e-2, weight_decay=0.0)]
SCALAR = ("uncertainty", "dwa", "famo", *SCALARIZERS)

LABELS = np.arange(48) % 3
HEADS = {
    "two classes": (ClassificationHead, LABELS > 0, {}),
    "classes": (ClassificationHead, np.array(["a", "b", "c"])[LABELS], {}),
    "class weights": (ClassificationHead, np.array(["a", "b", "c"])[LABELS], {"class_weight": {"a": 2.0}}),
    "label sets": (ClassificationHead, [["a", "b"][: label + 1] for label in LABELS], {"multi_label": True}),
    "numbers": (RegressionHead, LABELS * 2.5, {}),
    "absolute error": (RegressionHead, LABELS * 2.5, {"loss": "mae"}),
    "several numbers": (RegressionHead, np.stack([LABELS, -LABELS], 1) * 1.0, {}),
    "quantiles": (RegressionHead, LABELS * 2.5, {"quantiles": (0.1, 0.5, 0.9)}),
    "counts": (CountHead, LABELS, {}),
    "ordered": (OrderedHead, LABELS + 1, {}),
}


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    """Steps of lanes run without the compiler."""

    def compile_step(step, *arguments):
        spec = torch.utils._pytree.tree_flatten(arguments)[1]
        return lambda *leaves: step(*tree_unflatten(list(leaves), spec))

    monkeypatch.setattr(stacked, "compile_step", compile_step)


def train(bench, plan, seed, weights=None, lane=None, rows=None):
    choose = {} if lane is None else {"choose_stepper": lambda eager, plan, work: lane.stepper(eager, 16)}
    hooks = TrainingHooks(lambda values: values["val_loss"], **choose)
    names = [task.name for task in bench.tasks]
    loss_weights = balancer(weights, names, [task.head.weight for task in bench.tasks])
    result = fit(bench.network, bench.tasks, loss_weights, plan, rows or bench.rows, bench.val, hooks, seed)
    return result, bench.weights()


def assert_lanes_are_eager(make, weights=(None, None), rows=lambda bench, lane: None):
    """Trains two lanes, each alone and both together; returns the note of the stack."""
    arguments = list(zip(PLANS, range(2), weights, strict=True))
    alone = [train(bench, *args, rows=rows(bench, i)) for i, args in enumerate(arguments) if (bench := make(i))]
    stack, together = stacked.Stack(2), {}
    steps = count_steps(stack)
    for i, args in enumerate(arguments):

        def training(lane, i=i, args=args):
            bench = make(i)
            together[i] = train(bench, *args, lane=lane, rows=rows(bench, i))

        stack.add(i, training)
    while stack.run():
        pass
    for i, (result, tensors) in enumerate(alone):
        torch.testing.assert_close(together[i][1], tensors, rtol=2e-3, atol=2e-4)
        for received, expected in zip(together[i][0].records, result.records, strict=True):
            assert received.flat() == pytest.approx(expected.flat(), rel=2e-3, abs=2e-4, nan_ok=True)
    return stack.note, steps


def count_steps(stack):
    """A list that gets the number of lanes of every step that was computed together."""
    steps, program = [], stack._program

    def counted(structure, members):
        joint = program(structure, members)
        if joint is not None:
            steps.append(len(members))
        return joint

    stack._program = counted
    return steps


@pytest.mark.parametrize("kind", HEADS)
def test_lanes_of_every_head_are_eager(kind, make_bench):
    head, labels, options = HEADS[kind]

    def make(seed):
        weight = (1.0, 0.3)[seed]
        heads = lambda node: [  # noqa: E731
            head(name="kind", dropout=0.0, loss_weight=weight, **options)(node),
            RegressionHead(name="price", dropout=0.0)(node),
        ]
        return make_bench(gaps=False, batchnorm=False, seed=seed, size=48, heads=heads, labels={"kind": labels})

    note, steps = assert_lanes_are_eager(make)
    assert note is None
    assert steps == [2] * 6


@pytest.mark.parametrize("method", [name for name in SCALAR if name not in ("random", "geometric_mean")])
def test_lanes_of_every_way_to_combine_losses_are_eager(method, make_bench):
    note, steps = assert_lanes_are_eager(
        lambda seed: make_bench(gaps=False, batchnorm=False, seed=seed, size=48), (method, method)
    )
    assert note is None
    assert steps == [2] * 6


def test_lanes_differ_in_loss_weights(make_bench):
    note, steps = assert_lanes_are_eager(
        lambda seed: make_bench(gaps=False, batchnorm=False, seed=seed, size=48), ([1.0, 0.2], [0.0, 3.0])
    )
    assert note is None
    assert steps == [2] * 6


def test_random_loss_weights_are_drawn_for_each_lane(make_bench):
    stack, results = stacked.Stack(2), {}
    steps = count_steps(stack)
    for i in range(2):
        bench = make_bench(gaps=False, batchnorm=False, size=48)
        stack.add(i, lambda lane, i=i, bench=bench: results.update({i: train(bench, PLAN, 0, "random", lane)[1]}))
    while stack.run():
        pass
    assert (stack.note, steps) == (None, [2] * 6)
    assert any(not torch.equal(tensor, results[1][name]) for name, tensor in results[0].items())


@pytest.mark.parametrize(
    ("method", "reason"), [("pcgrad", "combines gradients, not losses"), ("geometric_mean", "branches on the values")]
)
def test_other_ways_are_trained_one_by_one_and_named(method, reason, make_bench):
    note, steps = assert_lanes_are_eager(
        lambda seed: make_bench(gaps=False, batchnorm=False, seed=seed, size=48), (method, method)
    )
    assert steps == []
    assert f"loss_weights='{method}' {reason}" in note


def test_lanes_have_rows_of_their_own(make_bench):
    """Other numbers of rows, as of folds; weights of rows, and rows without labels, in one lane only."""

    def rows(bench, lane):
        size = (48, 40)[lane]
        index = torch.randperm(48, generator=torch.Generator().manual_seed(lane))[:size]
        part = bench.rows.take(index)
        mine = Rows.__new__(Rows)
        mine.__dict__.update(bench.rows.__dict__)
        mine.size, mine.inputs, mine.targets, mine.present = size, part.inputs, part.targets, part.present
        mine.loss_targets = part.targets
        if lane:
            observed = torch.arange(size) % 4 > 0
            mine.observed = mine.loss_observed = {**bench.rows.observed, "price": observed}
            mine.weights = {"kind": torch.arange(size) % 3 * 0.5}
        return mine

    note, steps = assert_lanes_are_eager(
        lambda seed: make_bench(gaps=False, batchnorm=False, seed=seed, size=48), rows=rows
    )
    assert note is None
    assert 2 in steps


def test_lanes_are_ensembles_whose_members_leave_out_folds(make_bench, networks):
    def rows(bench, lane):
        return bench.rows.with_folds((torch.arange(48) + lane) % 4)

    note, steps = assert_lanes_are_eager(
        lambda seed: make_bench(gaps=False, seed=seed, size=48, parts=networks["ensemble"]), rows=rows
    )
    assert note is None
    assert steps == [2] * 6


def test_a_lane_that_fails_takes_no_other_with_it(make_bench):
    stack, results = stacked.Stack(3), {}
    expected = train(make_bench(gaps=False, batchnorm=False, size=48), PLAN, 0)[1]

    def training(key):
        def run(lane):
            bench = make_bench(gaps=False, batchnorm=False, size=48)
            if key == 1:
                bench.rows.take = lambda index: 1 / 0
            try:
                results[key] = train(bench, PLAN, 0, lane=lane)[1]
            except ZeroDivisionError as error:
                results[key] = error

        return run

    for key in range(3):
        stack.add(key, training(key))
    while stack.run():
        pass
    assert isinstance(results[1], ZeroDivisionError)
    for key in (0, 2):
        torch.testing.assert_close(results[key], expected, rtol=2e-3, atol=2e-4)


def test_an_error_of_a_step_ends_the_trainings_that_it_concerns(make_bench, monkeypatch):
    stack, results = stacked.Stack(2), {}
    batches = {}

    def step_alone(lane):
        raise ZeroDivisionError(batches[lane])

    def training(key, plan):
        def run(lane):
            batches[lane] = key
            try:
                results[key] = train(make_bench(gaps=False, batchnorm=False, size=48), plan, 0, lane=lane)[1]
            except ZeroDivisionError as error:
                results[key] = error

        return run

    monkeypatch.setattr(stacked.Lane, "step_alone", step_alone)
    stack.add(0, training(0, PLAN))
    stack.add(1, training(1, replace(PLAN, batch_size=12)))  # its batches are not those of a program
    stack.add(2, training(2, PLAN))
    while stack.run():
        pass
    assert isinstance(results[1], ZeroDivisionError)
    assert not isinstance(results[0], Exception)
    assert not isinstance(results[2], Exception)
