"""In the time given: limits hold, a plan repeats a training, and a weak model is never handed out in silence."""

from time import monotonic

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.errors import ConfigError, WeakModelWarning
from medley.runtime import load as load_exported

RNG = np.random.default_rng(0)
ROWS = 400


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """A column, a text and an image, each of which says something of its own about the targets."""
    folder = tmp_path_factory.mktemp("photos")
    size, bright, red = RNG.normal(size=ROWS), RNG.integers(0, 2, ROWS), RNG.integers(0, 2, ROWS)
    paths = []
    for row in range(ROWS):
        pixels = RNG.integers(0, 90, (40, 40, 3), dtype=np.uint8) + np.uint8(150 * bright[row])
        paths.append(str(folder / f"{row}.png"))
        Image.fromarray(pixels).save(paths[-1])
    notes = [f"a {'red' if colour else 'blue'} thing of shape {row % 7} seen today" for row, colour in enumerate(red)]
    return pd.DataFrame(
        {
            "size": size,
            "note": notes,
            "photo": paths,
            "price": 10 + 2 * size + 3 * red + 4 * bright,
            "kind": np.where(bright + red > 1, "both", "not both"),
        }
    )


def fit(frame, tmp_path, targets=("price", "kind"), **options):
    kinds = {"note": "text"} if "note" in frame else {}
    arguments = {"max_trials": 1, "verbose": 0, "pretrained": None, "directory": tmp_path, "column_kinds": kinds}
    return md.fit(frame, list(targets), **{**arguments, **options})


@pytest.mark.parametrize("columns", [["size"], ["size", "note"], ["size", "note", "photo"], ["photo"]])
def test_a_time_limit_holds_and_every_modality_adds(frame, tmp_path, columns):
    began = monotonic()
    model = fit(frame[[*columns, "price", "kind"]], tmp_path, time_limit=8)
    assert monotonic() - began < 8 * 1.05 + 3  # the first call imports torch
    scores = model.evaluate(frame[[*columns, "price", "kind"]])
    explained = 1 - scores["price_mean_squared_error"] / frame["price"].var()
    assert explained > {1: 0.2, 2: 0.4, 3: 0.75}[len(columns)]


@pytest.mark.parametrize("latest_growth", [0, 0.5])
def test_a_plan_repeats_a_training_bit_by_bit(frame, tmp_path, monkeypatch, latest_growth):
    # However fast this machine is just now: three epochs seem to fit into the time, which is long enough for more.
    monkeypatch.setattr("medley.train.fit.affordable_epochs", lambda *args: 3)
    monkeypatch.setattr("medley.train.epoch_plan.LATEST_GROWTH", latest_growth)
    timed = fit(frame, tmp_path / "a", time_limit=120, epochs=7)
    plan = timed.metadata["plan"]
    assert (plan["epochs"], plan["growth"]) == ((7, [[1, 3]]) if latest_growth else (3, []))
    assert plan["inputs"]["photo"]["largest"] in (32, 40, 48, 64, 80, 96, 128)
    again = fit(frame, tmp_path / "b", max_trials=None, plan=plan)
    pd.testing.assert_frame_equal(again.predict_proba(frame), timed.predict_proba(frame))
    assert again.metadata["plan"] == plan


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("soon", r'plan must be model.metadata\["plan"\] of an earlier call'),
        ({"epoch": 3}, "of an earlier call"),
        ({"epochs": 0, "first_epochs": None, "inputs": {}}, "epochs.*at least 1, got 0"),
        ({"epochs": 5, "first_epochs": None, "inputs": {}, "growth": [[3, 2]]}, "growth.*pairs of whole numbers"),
        ({"epochs": 1, "first_epochs": None, "inputs": {"picture": {}}}, "sets 'picture', but the inputs are"),
        (
            {"epochs": 1, "first_epochs": None, "inputs": {"photo": {"big": 9}}},
            "sets 'big' of photo, which does not have this",
        ),
        ({"epochs": 1, "first_epochs": None, "inputs": {"linear_path": {"iterations": "many"}}}, "whole number"),
    ],
)
def test_what_is_no_plan_is_refused_before_anything_is_trained(frame, tmp_path, plan, message):
    with pytest.raises(ConfigError, match=message):
        fit(frame, tmp_path, plan=plan)


def test_a_plan_says_whether_it_was_carried_out(frame, tmp_path, monkeypatch):
    assert fit(frame.drop(columns="photo"), tmp_path / "a", epochs=1).metadata["plan"]["complete"]
    monkeypatch.setattr("medley.train.fit.affordable_epochs", lambda *args: 10_000)
    eager = md.Training(stepper="eager", patience=0)  # so many epochs would be worth half a minute of compiling
    cut = fit(frame[["size", "price", "kind"]], tmp_path / "b", time_limit=3, epochs=10_000, training=eager)
    assert not cut.metadata["plan"]["complete"]


def test_copies_for_each_target_keep_to_the_largest_size(frame, tmp_path):
    free = fit(frame.drop(columns="photo"), tmp_path / "a", epochs=2)
    size = sum(parameter.numel() for parameter in free.network.parameters())
    small = fit(frame.drop(columns="photo"), tmp_path / "b", epochs=2, max_model_size=size - 1)
    assert sum(parameter.numel() for parameter in small.network.parameters()) < size
    assert small.metadata["scores"]["val_relative_loss"] < 0.7


def test_a_target_of_weight_0_is_not_trained_in_the_first_stage_either(frame, tmp_path):
    model = fit(frame, tmp_path, epochs=1, loss_weights={"price": 1.0, "kind": 0.0})
    steps = [step for step in model.network.steps if "first stage of" in step.name]
    layers = {step.name.rpartition(" ")[2]: step.module.layer for step in steps}
    assert not layers["kind"].weight.any()
    assert layers["price"].weight.any()


def test_all_rows_are_learned_from_and_all_are_validated_on(frame, tmp_path):
    model = fit(frame.drop(columns="photo"), tmp_path, epochs=2)
    assert model.metadata["rows"] == {"train": ROWS, "held_out": 0}
    assert model.metadata["folds"] == 5
    assert 0 < model.metadata["scores"]["val_relative_loss"] < 0.6


def test_a_target_that_no_input_predicts_is_warned_of_by_name(tmp_path):
    frame = pd.DataFrame({"x": RNG.normal(size=3_000), "y": RNG.normal(size=3_000)})
    frame["z"] = np.where(frame["x"] + RNG.normal(size=3_000) > 0, "yes", "no")
    with pytest.warns(WeakModelWarning, match="^y: the model is no better than a constant"):
        model = fit(frame, tmp_path, ["y", "z"], epochs=1)
    assert model.metadata["not_learned"] == ["y"]


def test_a_table_with_a_column_of_times_is_validated_in_periods(tmp_path, capsys):
    days = pd.date_range("2020-01-01", periods=300)
    frame = pd.DataFrame({"day": days, "x": RNG.normal(size=300)})
    frame["y"] = frame["x"] + 0.1 * RNG.normal(size=300)
    fit(frame, tmp_path, ["y"], epochs=1, verbose=1)
    assert "validation rows are periods of time, by day" in capsys.readouterr().out


def test_a_second_stage_starts_at_the_first_ones_answers(frame, tmp_path):
    model = fit(frame, tmp_path, epochs=1, training=md.Training(learning_rate=0.0, epochs=1))
    early = fit(frame.drop(columns="photo"), tmp_path / "early", epochs=15)
    ratio = model.metadata["scores"]["val_relative_loss"] / early.metadata["scores"]["val_relative_loss"]
    assert 0.6 < ratio < 1.5


@pytest.mark.slow
def test_a_model_of_two_stages_is_saved_and_exported(frame, tmp_path):
    pytest.importorskip("onnxruntime")
    frame = frame.drop(columns="note")
    model = fit(frame, tmp_path, epochs=1)
    assert any("first stage of" in step.name for step in model.network.steps)
    rows = frame.drop(columns=["price", "kind"])
    expected = model.predict_proba(rows)
    pd.testing.assert_frame_equal(md.load(model.save(tmp_path / "model")).predict_proba(rows), expected)
    exported = load_exported(model.export(tmp_path / "model.onnx")).predict_proba(rows)
    np.testing.assert_allclose(exported.to_numpy(float), expected.to_numpy(float), rtol=1e-3, atol=1e-3)


def test_rows_that_lack_a_modality_are_predicted(frame, tmp_path):
    model = fit(frame, tmp_path, epochs=2)
    rows = frame.drop(columns=["price", "kind"]).head(6).astype(object)
    rows.loc[0, "photo"] = rows.loc[1, "note"] = rows.loc[2, "size"] = None
    rows.loc[3, ["photo", "note", "size"]] = None
    predicted = model.predict(rows)
    assert predicted["price"].notna().all()
    prior = model.targets["price"].decode(model.targets["price"].prior[None])[0]
    assert predicted["price"].iloc[3] == pytest.approx(prior, rel=1e-4)


def test_a_target_that_gets_worse_than_a_constant_is_predicted_by_the_constant(tmp_path):
    images = list(RNG.integers(0, 255, (120, 16, 16, 3), dtype=np.uint8))
    rows = pd.DataFrame({"photo": images, "size": RNG.normal(size=120), "sort": RNG.choice(list("aab"), 120)})
    wild = md.Training(learning_rate=0.9, epochs=1, schedule="constant")
    with pytest.warns(WeakModelWarning, match="no better than a constant"):
        model = md.fit(rows, ["size", "sort"], max_trials=1, training=wild, directory=tmp_path, verbose=0)
    assert model.metadata["scores"]["val_relative_loss"] <= 1
    assert model.predict(rows)["size"].nunique() == 1
