"""Where memory is short, batches are computed in pieces, and what comes out is the same."""

import pytest
import torch

from medley.model.forward import compute_outputs
from medley.train import eager
from medley.train.eager import EagerStepper
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training

PLAN = Training(learning_rate=1e-2, weight_decay=0.0, optimizer="sgd", schedule="constant", clip=0.0)


@pytest.fixture
def small_memory(monkeypatch):
    """Forward passes fail for batches of more rows than this."""

    def limit(network, rows, error=None):
        forward = network.forward

        def fail(batch):
            if batch.size > rows:
                raise error or torch.OutOfMemoryError("CUDA out of memory.")
            return forward(batch)

        monkeypatch.setattr(network, "forward", fail)

    return limit


@pytest.mark.parametrize("weights", [None, "uncertainty"])
def test_pieces_add_up_to_the_gradient_of_the_batch(make_bench, small_memory, weights):
    whole, cut = make_bench(batchnorm=False), make_bench(batchnorm=False)
    batch = whole.rows.take(torch.arange(40))
    batch.weights = dict.fromkeys(batch.targets, torch.linspace(0.5, 2.0, 40))
    small_memory(cut.network, 12)
    steppers = [EagerStepper(b.network.train(), b.tasks, b.balancer(weights), PLAN, None) for b in (whole, cut)]
    outputs = [stepper.step(batch, 0.0).raw for stepper in steppers]
    assert [stepper.pieces for stepper in steppers] == [1, 4]
    for name, raw in outputs[0].items():
        torch.testing.assert_close(outputs[1][name], raw)
    if weights is None:  # other methods weigh each piece by its own losses
        for name, tensor in whole.network.state_dict().items():
            torch.testing.assert_close(cut.network.state_dict()[name], tensor)


def test_training_continues_in_smaller_pieces_and_says_so(make_bench, small_memory):
    bench, notes = make_bench(), []
    small_memory(bench.network, 10, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."))
    plan = Training(learning_rate=1e-2, weight_decay=0.0, epochs=3, batch_size=32)
    hooks = TrainingHooks(lambda values: values["val_relative_loss"], log=notes.append)
    result = fit(bench.network, bench.tasks, bench.balancer(), plan, bench.rows, bench.val, hooks, 0)
    assert len(result.records) == 3
    assert notes == ["memory is short: batches of 32 rows are computed in 4 pieces"]


def test_what_fits_in_no_way_and_other_errors_are_passed_on(make_bench, small_memory):
    for error, expected in [(torch.OutOfMemoryError("all"), "all"), (RuntimeError("shapes"), "shapes")]:
        bench = make_bench()
        small_memory(bench.network, 1, error)
        stepper = EagerStepper(bench.network.train(), bench.tasks, bench.balancer(), PLAN, None)
        with pytest.raises(RuntimeError, match=expected):
            stepper.step(bench.rows.take(torch.arange(8)), 0.0)


def test_predictions_are_computed_in_smaller_passes(make_bench, small_memory):
    bench = make_bench()
    expected = compute_outputs(bench.network, bench.rows, 64)
    small_memory(bench.network, 9)
    for name, raw in compute_outputs(bench.network, bench.rows, 64).items():
        torch.testing.assert_close(raw, expected[name])


def test_the_number_of_pieces_is_part_of_the_state(make_bench, small_memory):
    bench = make_bench()
    small_memory(bench.network, 10)
    first = EagerStepper(bench.network.train(), bench.tasks, bench.balancer(), PLAN, None)
    first.step(bench.rows.take(torch.arange(20)), 0.0)
    other = make_bench()
    second = eager.EagerStepper(other.network.train(), other.tasks, other.balancer(), PLAN, None)
    second.restore(first.state())
    assert second.pieces == first.pieces == 2
