"""The last epochs of a training learn from validation rows, too; what these rows told before stays true."""

from dataclasses import replace
from time import monotonic

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.errors import ConfigError, WeakModelWarning
from medley.model.records import Record
from medley.search.last_epochs import TIME_FRACTION, deadline_before, epochs_on_all_rows
from medley.train.fit import fit as train
from medley.train.plan import Training
from medley.train.run import FitResult


@pytest.fixture
def frame(photo_frame):
    return photo_frame


def fit(frame, last_epochs, **options):
    training = Training(epochs=5, last_epochs=last_epochs, learning_rate=5e-3, patience=0)
    arguments = {"max_trials": 1, "verbose": 0, "pretrained": None, "training": training}
    return md.fit(frame, ["price", "kind"], **{**arguments, **options})


@pytest.fixture
def three_epochs(monkeypatch):
    """A time limit in which three epochs fit, of which none is too early to be the best."""
    monkeypatch.setattr("medley.train.fit.affordable_epochs", lambda *args: 3)
    monkeypatch.setattr("medley.train.epoch_plan.LATEST_GROWTH", 0)  # nor later
    monkeypatch.setattr("medley.search.last_epochs.LATE", 0)
    return {"training": None, "time_limit": 120}


@pytest.mark.parametrize("columns", [["photo"], ["size", "photo"]])
def test_the_scores_are_those_before_and_the_answers_those_after(frame, columns, monkeypatch):
    monkeypatch.setattr("medley.search.last_epochs.LATE", 0)  # whichever epoch is the best
    rows = frame[[*columns, "price", "kind"]]
    before, after = fit(rows, 0), fit(rows, 3)
    assert before.metadata["plan"]["last_epochs"] == 0
    assert after.metadata["plan"]["last_epochs"] == 3
    assert after.metadata["scores"] == before.metadata["scores"]
    for name in ("price", "kind"):
        first, second = (model.trust.validation.tasks[name].raw for model in (before, after))
        np.testing.assert_array_equal(first, second)
    assert not after.predict(rows).equals(before.predict(rows))
    parts = [str(node.block.name) for node in after.graph.nodes()]
    copies = [name for name in parts if name.startswith("image_block") and "(" in name]
    assert copies == []  # one encoder for all targets, which makes predictions faster


def test_a_target_that_is_not_learned_stays_constant(frame):
    rows = frame[["photo"]].assign(price=np.random.default_rng(2).normal(size=len(frame)))
    wild = Training(learning_rate=0.9, epochs=1, last_epochs=2, schedule="constant")
    with pytest.warns(WeakModelWarning, match="price: the model is no better than a constant"):
        model = md.fit(rows, "price", max_trials=1, verbose=0, pretrained=None, training=wild)
    assert model.metadata["replaced"] == {"price": "constant"}
    assert model.metadata["plan"]["last_epochs"] == 2
    assert model.predict(rows)["price"].nunique() == 1


def test_validation_rows_are_learned(frame):
    noise = np.random.default_rng(0).normal(size=len(frame))
    # The photographs show whether it is day, so the best epoch is not an early one.
    rows = frame[["photo"]].assign(price=noise + 3 * (frame["kind"] == "day"))
    training = Training(epochs=6, last_epochs=60, learning_rate=5e-3, patience=0)
    model = md.fit(rows, "price", max_trials=1, verbose=0, pretrained=None, training=training)
    assert model.metadata["plan"]["last_epochs"]
    held_out = model.trust.validation.rows
    error = (model.predict(rows)["price"] - rows["price"]).abs()
    assert error[held_out].mean() < 0.7 * np.abs(noise).mean()  # which can only be known by heart


def test_a_table_keeps_rows_that_the_caller_held_out(frame, three_epochs):
    assert fit(frame, 0, **three_epochs).metadata["plan"]["last_epochs"] > 0
    marked = frame.assign(part=["test" if row % 5 == 0 else "train" for row in range(len(frame))])
    for rows, more in ((frame, {"validation_split": 0.2}), (marked, {"split": "part"}), (frame, {"epochs": 3})):
        assert fit(rows, 0, **{**three_epochs, **more}).metadata["plan"]["last_epochs"] == 0


def test_a_plan_repeats_the_last_epochs(frame, three_epochs):
    timed = fit(frame, 0, **three_epochs)
    again = fit(frame, 0, training=None, plan=timed.metadata["plan"])
    assert again.metadata["plan"]["last_epochs"] == timed.metadata["plan"]["last_epochs"] > 0
    pd.testing.assert_frame_equal(timed.predict(frame), again.predict(frame))


@pytest.mark.parametrize("at_step", [1, 7])
def test_ctrl_c_in_the_last_epochs_keeps_the_model_before(frame, monkeypatch, at_step):
    def interrupted(*args, **options):
        steps = []

        def on_step(total):
            steps.append(total)
            if len(steps) == at_step:
                raise KeyboardInterrupt

        return train(*args[:6], replace(args[6], on_step=on_step), *args[7:], **options)

    expected = fit(frame, 0)
    monkeypatch.setattr("medley.search.last_epochs.fit", interrupted)
    model = fit(frame, 4)
    assert model.metadata["plan"]["last_epochs"] == 0
    pd.testing.assert_frame_equal(model.predict(frame), expected.predict(frame))


@pytest.mark.slow
def test_a_killed_search_continues_in_the_last_epochs(frame, tmp_path, monkeypatch):
    class KilledError(BaseException):
        """Not an error that a trial survives."""

    options = {"directory": tmp_path, "project_name": "photos", "time_limit": None}
    expected = fit(frame, 4)
    calls = []

    def killed(*args, **more):
        hooks, steps = args[6], []

        def checkpoint(take):
            steps.append(1)
            if len(steps) == 5 and not calls:
                calls.append(1)
                hooks.checkpoint.func.__self__.save("last", take)
                raise KilledError

        return train(*args[:6], replace(hooks, checkpoint=checkpoint), *args[7:], **more)

    monkeypatch.setattr("medley.search.last_epochs.fit", killed)
    with pytest.raises(KilledError):
        fit(frame, 4, **options)
    model = fit(frame, 4, **options)
    assert calls == [1]
    assert model.metadata["plan"]["last_epochs"] == 4
    pd.testing.assert_frame_equal(model.predict(frame), expected.predict(frame))


@pytest.mark.slow
def test_executors_end_with_the_same_model(frame):
    models = [fit(frame, 2, executor=executor, max_trials=2, tuner="random") for executor in ("serial", "stacked")]
    assert [model.metadata["plan"]["last_epochs"] for model in models] == [2, 2]
    first, second = (model.predict(frame)["price"] for model in models)
    np.testing.assert_allclose(first, second, rtol=1e-3)


def table_rows(size):
    return Rows({"x": Encoded(np.ones((size, 2), np.float32), np.ones(size, bool))})


def trained(epochs, best, stopped=None):
    return FitResult([Record(epoch, 1.0, 0.1) for epoch in range(epochs)], best, stopped=stopped)


@pytest.mark.parametrize(
    ("plan", "result", "epochs"),
    [
        (Training(last_epochs=None), trained(10, 9), 5),
        (Training(last_epochs=2), trained(10, 9, "time ran out"), 2),
        (Training(), trained(10, 9), 0),
        (Training(last_epochs=None), trained(10, 3), 0),  # it overfits
        (Training(last_epochs=None), trained(10, 9, "stopped early"), 0),
        (Training(last_epochs=None), trained(10, 9, "pruned"), 0),
    ],
)
def test_the_number_of_epochs_without_a_limit(plan, result, epochs):
    rows = [table_rows(20), table_rows(5)]
    assert epochs_on_all_rows(plan, result, 10.0, None, rows) == epochs
    assert epochs_on_all_rows(plan, result, 10.0, None, rows[:1]) == 0


def test_the_number_of_epochs_that_fit_into_the_time():
    rows, plan = [table_rows(20), table_rows(5)], Training(last_epochs=None)
    counts = [epochs_on_all_rows(plan, trained(10, 9), 10.0, monotonic() + left, rows) for left in (100, 5.1, 0.5, -1)]
    assert counts == [10, 4, 0, 0]  # an epoch on all rows takes 1.25 seconds
    later = monotonic() + 100
    assert deadline_before(plan, later) == pytest.approx(later - 100 * TIME_FRACTION, abs=0.1)
    assert deadline_before(Training(), later) == later
    assert deadline_before(plan, None) is None


def test_the_numbers_of_last_epochs_are_checked():
    with pytest.raises(ConfigError, match="last_epochs must be a whole number of at least 0"):
        Training(last_epochs=-1)
