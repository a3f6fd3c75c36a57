"""The choice of stepper and precision."""

import pytest
import torch

from medley.train.eager import EagerStepper
from medley.train.plan import PRECISIONS, Training
from medley.train.steppers import autocast_dtype, make_stepper


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_has_a_stepper(make_bench, precision):
    bench = make_bench()
    dtype = autocast_dtype(precision, torch.device("cpu"))
    assert dtype == {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    plan = Training(learning_rate=1e-3, weight_decay=0.0, precision=precision)
    stepper = make_stepper(bench.network.train(), bench.tasks, bench.balancer(), plan, dtype)
    assert isinstance(stepper, EagerStepper)
    output = stepper.step(bench.rows.take(torch.arange(16)), 0.5)
    assert output.raw["kind"].shape == (16, 1)
