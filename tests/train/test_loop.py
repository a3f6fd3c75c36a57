"""The training loop equals a simple one, does not wait within an epoch, and yields correct records."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from medley.heads.masked import task_loss
from medley.model.forward import compute_outputs
from medley.model.tasks import measure
from medley.train.eager import EagerStepper
from medley.train.epoch_plan import EpochPlan
from medley.train.loop import train
from medley.train.plan import Training

PLAN = Training(learning_rate=1e-2, weight_decay=0.0, optimizer="adam", schedule="constant", clip=0)


def records(bench, plan=PLAN, epochs=2, batch_size=16, clock=float, weights=None, on_step=lambda: None):
    balance = bench.balancer(weights)
    stepper = EagerStepper(bench.network, bench.tasks, balance, plan, None)
    weights_by_name = dict(zip([task.name for task in bench.tasks], balance.loss_weights, strict=True))
    return train(
        stepper,
        bench.rows,
        bench.tasks,
        weights_by_name,
        plan=EpochPlan(epochs),
        batch_size=batch_size,
        shuffle=torch.Generator().manual_seed(5),
        validate=lambda: {"seen": 1.0},
        clock=clock,
        on_step=on_step,
    )


@pytest.mark.parametrize("gaps", [False, True])
def test_it_equals_a_loop_written_by_hand(make_bench, gaps):
    ours, hand = make_bench(gaps=gaps), make_bench(gaps=gaps)
    ours.network.train()
    list(records(ours, weights=[0.5, 0.6]))

    hand.network.train()
    optimizer = torch.optim.Adam(hand.network.parameters(), lr=1e-2, fused=True)
    shuffle = torch.Generator().manual_seed(5)
    for _ in range(2):
        for index in torch.randperm(hand.rows.size, generator=shuffle).split(16):
            batch = hand.rows.take(index)
            raw = hand.network(batch)
            losses = [task_loss(t.loss, raw[t.name], batch.targets[t.name], batch.observed[t.name]) for t in hand.tasks]
            optimizer.zero_grad()
            (0.5 * losses[0] + 0.6 * losses[1]).backward()
            optimizer.step()
    for name, tensor in hand.network.state_dict().items():
        torch.testing.assert_close(ours.network.state_dict()[name], tensor, msg=name)


def test_a_record_holds_the_scores_of_training_rows_as_they_were_seen(make_bench):
    bench = make_bench()
    bench.network.train()
    still = Training(learning_rate=0.0, weight_decay=0.0, optimizer="sgd", schedule="constant")
    for parameter in bench.network.parameters():
        parameter.requires_grad_()
    bench.network.eval()  # nothing moves, so that the epoch's own numbers are those of an evaluation
    record = next(records(bench, still, epochs=1))
    expected = measure(
        bench.tasks,
        compute_outputs(bench.network, bench.rows, 70),
        bench.rows,
        {"kind": 1.0, "price": 1.0},
        rows_only=True,
    )
    assert record.train == pytest.approx(expected, rel=1e-5)
    assert (record.epoch, record.learning_rate, record.val) == (0, 0.0, {"seen": 1.0})


def test_every_epoch_has_all_rows_in_a_new_order(make_bench):
    bench, indices = make_bench(), []
    take = bench.rows.take
    bench.rows.take = lambda index: indices.append(index) or take(index)
    bench.network.train()
    list(records(bench, epochs=2))
    first, second = torch.cat(indices[:5]), torch.cat(indices[5:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(70))
    assert first.tolist() != second.tolist()
    assert [len(index) for index in indices[:5]] == [16, 16, 16, 16, 6]


def test_the_clock_ends_the_training_between_steps_and_the_seen_rows_are_reported(make_bench):
    bench, steps = make_bench(), []
    bench.network.train()

    def count():
        steps.append(1)

    epochs_seen = list(
        records(bench, epochs=9, clock=lambda fraction: 1.0 if len(steps) >= 7 else fraction, on_step=count)
    )
    assert len(steps) == 7
    assert [record.epoch for record in epochs_seen] == [0, 1]
    assert list(records(bench, clock=lambda fraction: 1.0)) == []


def test_the_schedule_is_followed_step_by_step(make_bench):
    bench = make_bench()
    bench.network.train()
    plan = Training(learning_rate=0.1, weight_decay=0.0, schedule="one_cycle")
    epochs_seen = list(records(bench, plan, epochs=4, batch_size=35))
    # Progress at the last of two steps an epoch: 1/8, 3/8, 5/8, 7/8.
    expected = [0.04 + 0.96 * 0.370590, 0.972018 * 1.0, 0.556, 0.0761]
    assert [record.learning_rate / 0.1 for record in epochs_seen] == pytest.approx(expected, abs=2e-2)


class Waits(TorchDispatchMode):
    """Counts operations that would wait for a device."""

    NAMES = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ in self.NAMES
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("weights", [None, "uncertainty"])
def test_no_step_waits_for_the_device(make_bench, weights):
    """With missing inputs and labels, and clipping: the number of waits does not depend on the number of steps."""
    counts = []
    for batch_size in (35, 5):
        bench = make_bench()
        bench.network.train()
        plan = Training(learning_rate=1e-2, weight_decay=0.0, optimizer="sgd")
        with Waits() as waits:
            next(records(bench, plan, epochs=1, batch_size=batch_size, weights=weights))
        counts.append(waits.count)
    assert counts[0] == counts[1]
