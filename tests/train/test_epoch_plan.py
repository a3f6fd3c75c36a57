"""A planned number of epochs may grow; the schedule goes on where it was, and ends at the new end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.train.epoch_plan import EpochPlan, as_growth


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40)), max_size=4), st.integers(1, 7))
def test_progress_increases_from_zero_to_one_without_a_jump(epochs, growth, steps_per_epoch):
    plan, done = EpochPlan(epochs), 0
    for more_done, more_epochs in growth:
        done += more_done
        if done >= plan.epochs:
            break
        before = plan.progress(done * steps_per_epoch, steps_per_epoch)
        plan.grow(done, plan.epochs + more_epochs)
        assert plan.progress(done * steps_per_epoch, steps_per_epoch) == pytest.approx(before)
    steps = plan.epochs * steps_per_epoch
    values = [plan.progress(step, steps_per_epoch) for step in range(steps + 1)]
    assert values == sorted(set(values))
    assert values[0] == 0
    assert values[-1] == pytest.approx(1)
    assert plan.first_epochs == epochs
    assert as_growth([list(pair) for pair in plan.growth]) == tuple(plan.growth)


@pytest.mark.parametrize(
    ("done", "epochs", "grows"), [(1, 11.9, True), (1, 10.9, False), (5, 40, False), (4, 10**9, True)]
)
def test_a_plan_grows_early_and_by_a_tenth_at_least(done, epochs, grows):
    assert EpochPlan(10).can_grow(done, epochs) == grows


@pytest.mark.parametrize("pairs", [[[3, 2]], [[0, 2]], [[1, 5], [1, 9]], [[2, 9], [3, 5]]])
def test_what_cannot_have_grown_is_refused(pairs):
    with pytest.raises(ValueError, match="increasing"):
        as_growth(pairs)
