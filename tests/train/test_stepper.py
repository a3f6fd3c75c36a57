"""One step."""

import pytest
import torch

from medley.train.eager import EagerStepper
from medley.train.plan import Training

PLAN = Training(learning_rate=1e-2, weight_decay=0.0, optimizer="sgd", schedule="constant")


def stepper(bench, plan=PLAN, precision=None, weights=None):
    return EagerStepper(bench.network.train(), bench.tasks, bench.balancer(weights), plan, precision)


def test_a_batch_without_any_label_moves_nothing(make_bench):
    bench = make_bench(batchnorm=False)
    before = bench.weights()
    batch = bench.rows.take(torch.arange(20))
    batch.observed = {name: torch.zeros(20, dtype=torch.bool) for name in batch.targets}
    stepper(bench).step(batch, 0.0)
    assert all(torch.equal(one, before[name]) for name, one in bench.network.state_dict().items())


def test_a_batch_without_labels_of_one_task_moves_that_head_not_at_all(make_bench):
    bench = make_bench()
    before = bench.weights()
    batch = bench.rows.take(torch.arange(20))
    batch.observed["kind"] = torch.zeros(20, dtype=torch.bool)
    stepper(bench).step(batch, 0.0)
    now = bench.network.state_dict()
    moved = {name for name, one in now.items() if not torch.equal(one, before[name])}
    assert not any(name.startswith("parts.kind") for name in moved)
    assert "parts.price.weight" in moved


def test_a_batch_without_any_input_moves_nothing(make_bench):
    bench = make_bench()
    before = bench.weights()
    batch = bench.rows.take(torch.tensor([3, 7, 3]))  # the rows that lack x
    told = stepper(bench).step(batch, 0.0)
    assert all(torch.equal(one, before[name]) for name, one in bench.network.state_dict().items())
    assert told.raw["price"].shape == (3, 1)


def test_gradients_are_clipped_to_the_plans_norm(make_bench):
    bench = make_bench(batchnorm=False)
    before = bench.weights()
    plan = Training(learning_rate=1.0, weight_decay=0.0, optimizer="sgd", schedule="constant", clip=0.01)
    stepper(bench, plan).step(bench.rows.take(torch.arange(20)), 0.0)
    moved = torch.cat([(p - before[name]).flatten() for name, p in bench.network.named_parameters()])
    # Nesterov's first step is 1.9 gradients long.
    assert moved.norm().item() == pytest.approx(0.019, rel=1e-3)


def test_what_a_step_leaves_behind_holds_no_graph(make_bench):
    told = stepper(make_bench()).step(make_bench().rows.take(torch.arange(8)), 0.0)
    assert all(not one.requires_grad for one in told.raw.values())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("word", ["bfloat16", "float16"])
def test_lower_precisions_train(make_bench, word, optimizer):
    bench = make_bench()
    plan = Training(learning_rate=1e-2, weight_decay=0.0, optimizer=optimizer, precision=word)
    one = stepper(bench, plan, getattr(torch, word))
    before = bench.weights()
    for _ in range(5):  # float16's first step may be skipped until the scale fits
        one.step(bench.rows.take(torch.arange(32)), 0.3)
    moved = [(value - before[name]).abs().max() for name, value in bench.network.named_parameters()]
    assert 0 < max(moved) < 1


def test_learnt_balancing_is_trained_beside_the_network(make_bench):
    bench = make_bench()
    one = stepper(bench, weights="uncertainty")
    before = [p.clone() for p in one.balancer.parameters()]
    assert before
    one.step(bench.rows.take(torch.arange(32)), 0.0)
    assert any(not torch.equal(p, q) for p, q in zip(before, one.balancer.parameters(), strict=True))
