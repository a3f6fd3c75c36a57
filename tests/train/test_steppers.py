"""The choice of stepper and precision."""

import pytest
import torch

from medley.train.compiled import CompiledStepper
from medley.train.eager import EagerStepper
from medley.train.plan import PRECISIONS, Training
from medley.train.steppers import Work, autocast_dtype, choose_stepper
from medley.train.threads import ForwardCount


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_trains(make_bench, precision):
    bench = make_bench()
    dtype = autocast_dtype(precision, torch.device("cpu"))
    assert dtype == {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    plan = Training(learning_rate=1e-3, weight_decay=0.0, precision=precision)
    stepper = EagerStepper(bench.network.train(), bench.tasks, bench.balancer(), plan, dtype)
    output = stepper.step(bench.rows.take(torch.arange(16)), 0.5)
    assert output.raw["kind"].shape == (16, 1)


SMALL, LARGE = ForwardCount(10**6, 20), ForwardCount(10**9, 20)


@pytest.mark.parametrize(
    ("stepper", "work", "is_compiled"),
    [
        ("auto", Work(64, 1_000, SMALL, 10), False),  # a second or two
        ("auto", Work(64, 1_000_000, SMALL, 10), True),
        ("auto", Work(64, 1_000_000, SMALL, 10, is_complete=False), False),
        ("auto", Work(64, 1_000_000, LARGE, 10), False),  # arithmetic, which no compiler saves
        ("eager", Work(64, 1_000_000, SMALL, 10), False),
        ("compiled", Work(64, 1_000, SMALL, 10), True),
    ],
)
def test_steps_are_compiled_where_training_is_long_enough_to_pay_for_it(make_bench, stepper, work, is_compiled):
    bench = make_bench()
    plan = Training(learning_rate=1e-3, weight_decay=0.0, stepper=stepper)
    eager = EagerStepper(bench.network.train(), bench.tasks, bench.balancer(), plan, None)
    assert isinstance(choose_stepper(eager, plan, work), CompiledStepper if is_compiled else EagerStepper)
