"""A training step."""

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
    assert all(torch.equal(tensor, before[name]) for name, tensor in bench.network.state_dict().items())


def test_a_batch_without_labels_of_one_task_does_not_move_that_head(make_bench):
    bench = make_bench()
    before = bench.weights()
    batch = bench.rows.take(torch.arange(20))
    batch.observed["kind"] = torch.zeros(20, dtype=torch.bool)
    stepper(bench).step(batch, 0.0)
    now = bench.network.state_dict()
    moved = {name for name, tensor in now.items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith("parts.kind") for name in moved)
    assert "parts.price.weight" in moved


def test_a_batch_without_any_input_moves_nothing(make_bench):
    bench = make_bench()
    before = bench.weights()
    batch = bench.rows.take(torch.tensor([3, 7, 3]))  # the rows that lack x
    output = stepper(bench).step(batch, 0.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in bench.network.state_dict().items())
    assert output.raw["price"].shape == (3, 1)


def test_gradients_are_clipped_to_the_plans_norm(make_bench):
    bench = make_bench(batchnorm=False)
    before = bench.weights()
    plan = Training(learning_rate=1.0, weight_decay=0.0, optimizer="sgd", schedule="constant", clip=0.01)
    stepper(bench, plan).step(bench.rows.take(torch.arange(20)), 0.0)
    moved = torch.cat([(p - before[name]).flatten() for name, p in bench.network.named_parameters()])
    # Nesterov's first step is 1.9 gradients long.
    assert moved.norm().item() == pytest.approx(0.019, rel=1e-3)


def test_outputs_of_a_step_are_detached(make_bench):
    output = stepper(make_bench()).step(make_bench().rows.take(torch.arange(8)), 0.0)
    assert all(not raw.requires_grad for raw in output.raw.values())


def test_heads_are_computed_in_float32_whatever_the_precision(make_bench):
    output = stepper(make_bench(), precision=torch.bfloat16).step(make_bench().rows.take(torch.arange(32)), 0.0)
    assert {raw.dtype for raw in output.raw.values()} == {torch.float32}
    # bfloat16 has 8 bits: outputs that were computed in it would be equal to their rounded values.
    assert all(bool((raw != raw.bfloat16().float()).any()) for raw in output.raw.values())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precisions_train(make_bench, dtype, optimizer):
    bench = make_bench()
    plan = Training(learning_rate=1e-2, weight_decay=0.0, optimizer=optimizer, precision=dtype)
    eager = stepper(bench, plan, getattr(torch, dtype))
    before = bench.weights()
    for _ in range(5):  # float16's first step may be skipped until the scale fits
        eager.step(bench.rows.take(torch.arange(32)), 0.3)
    moved = [(value - before[name]).abs().max() for name, value in bench.network.named_parameters()]
    assert 0 < max(moved) < 1


def test_learnt_balancing_is_trained_beside_the_network(make_bench):
    bench = make_bench()
    eager = stepper(bench, weights="uncertainty")
    before = [p.clone() for p in eager.balancer.parameters()]
    assert before
    eager.step(bench.rows.take(torch.arange(32)), 0.0)
    assert any(not torch.equal(p, q) for p, q in zip(before, eager.balancer.parameters(), strict=True))
