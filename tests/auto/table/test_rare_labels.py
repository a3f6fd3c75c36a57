"""Rows with labels that few rows have: whichever rows are held out, fitting and measuring go on."""

import warnings
from itertools import count

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import medley as md
from medley.errors import ConfigError, MedleyWarning, WeakModelWarning

ROWS = 24
TARGETS = {
    "category": lambda codes: [f"kind {code}" for code in codes],
    "set": lambda codes: [["even"] if code == 0 else ["odd", f"tag {code}"] for code in codes],
    "ordered": lambda codes: [int(code) for code in codes],
}
SPLITS = {
    "folds": {},
    "random": {"validation_split": 0.3},
    "group": {"group": "group"},
    "few groups": {"group": "half"},
    "time": {"time": "when"},
    "split": {"split": "is_train"},
}


def table(codes, kind):
    rows = np.arange(len(codes))
    return pd.DataFrame(
        {
            "x": np.cos(rows),
            "group": rows % 7,
            "half": rows % 3,
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rows, "D"),
            "is_train": rows % 4 > 0,
            "y": TARGETS[kind](codes),
            "z": np.sin(rows),
        }
    )


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    numbers = count()

    def fit(frame, **options):
        folder = tmp_path_factory.mktemp("fit") / str(next(numbers))
        options = {"max_trials": 1, "epochs": 1, "verbose": 0, "directory": folder, "inputs": ["x"], **options}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = md.fit(frame, **options)
        texts = [str(warning.message) for warning in caught if not issubclass(warning.category, WeakModelWarning)]
        assert all(issubclass(warning.category, MedleyWarning) for warning in caught)
        return model, texts

    return fit


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(list(TARGETS)),
    st.sampled_from(list(SPLITS)),
    st.lists(st.integers(0, ROWS - 1), max_size=4, unique=True),
)
def test_rare_classes_are_classes_whichever_rows_are_held_out(fit, kind, split, rare):
    codes = np.arange(ROWS) % 2
    codes[rare] = 2 + np.arange(len(rare))  # a class of one row each
    frame = table(codes, kind)
    model, texts = fit(frame, targets=["y", "z"], column_kinds={"y": kind}, **SPLITS[split])
    labels = {label for cell in frame["y"] for label in (cell if kind == "set" else [cell])}
    assert set(model.targets["y"].labels) == labels
    scores = model.metadata["scores"]
    assert all(np.isfinite(value) for name, value in scores.items() if name.endswith("loss"))
    assert len([text for text in texts if "has no training rows" in text or "have no training rows" in text]) <= 1
    if split == "random":
        assert not texts, "rows are spared so that training has every class"
    assert len(model.predict(frame)) == ROWS


def test_classes_of_the_latest_rows_are_named_once_and_missed(fit):
    frame = table(np.r_[np.arange(20) % 2, 2, 2, 3, 0], "category")
    model, texts = fit(frame, targets="y", time="when", validation_split=0.2)
    assert texts == [
        "y: 2 classes have no training rows ('kind 2', 'kind 3'): their 3 validation rows count as misses in metrics "
        "and are left out of the loss."
    ]
    assert model.targets["y"].labels == ["kind 0", "kind 1", "kind 2", "kind 3"]
    assert model.metadata["scores"]["val_accuracy"] <= 2 / 5
    with pytest.warns(MedleyWarning, match="2 classes have no training rows"):
        scores = model.evaluate(frame[-5:])
    assert scores["loss"] == pytest.approx(model.metadata["scores"]["val_loss"], rel=1e-4)


def test_rare_tags_stay_in_training(fit):
    frame = table(np.arange(ROWS) % 2, "set")
    for row in range(0, ROWS, 5):
        frame.at[row, "y"] = ["even", f"once {row}"]
    model, texts = fit(frame, targets="y", validation_split=0.3)
    assert not texts
    assert model.targets["y"].learned.all()


def test_one_unknown_class_does_not_refuse_all_scores(fit):
    frame = table(np.arange(ROWS) % 2, "category")
    model, _ = fit(frame, targets=["y", "z"], validation_split=0.25)
    other = frame.assign(y=["kind 9", *frame["y"][1:]])
    without_it = model.evaluate(frame[1:])
    with pytest.warns(MedleyWarning, match=r"y: 1 class has no training rows \('kind 9'\): its row counts as a miss"):
        scores = model.evaluate(other)
    assert scores["y_accuracy"] == pytest.approx(without_it["y_accuracy"] * (ROWS - 1) / ROWS)
    assert scores["y_loss"] == pytest.approx(without_it["y_loss"], rel=1e-5)


def test_three_classes_in_three_rows_can_be_fitted(fit):
    model, texts = fit(pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "c"]}), targets="y")
    assert model.targets["y"].labels == ["a", "b", "c"]
    assert len(texts) == 1


def test_weights_of_one_target_leave_the_others_alone(fit):
    frame = table(np.arange(ROWS) % 2, "category").assign(weight=(np.arange(ROWS) < 12) * 1.0)
    frame["z"] = np.where(frame["weight"] > 0, 5.0 + frame["z"], -100.0)
    options = {"validation_split": 0.25, "epochs": 30}
    weighted, _ = fit(frame, targets=["y", "z"], sample_weight={"z": "weight"}, **options)
    assert "weight" not in weighted.table.required
    assert weighted.predict(frame)["z"].min() > -20
    with pytest.raises(ConfigError, match=r"sample_weight names 'w', which is not a target\. Choose from: 'y', 'z'"):
        fit(frame, targets=["y", "z"], sample_weight={"w": "weight"})


def test_what_a_split_column_means_is_printed_with_counts(tmp_path, capsys):
    frame = table(np.arange(ROWS) % 2, "category")
    options = {"max_trials": 1, "epochs": 1, "directory": tmp_path, "inputs": ["x"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakModelWarning)
        model = md.fit(frame, "y", split="is_train", **options)
    assert "split by column 'is_train': 18 training rows (True), 6 validation rows (False)" in capsys.readouterr().out
    assert model.metadata["rows"] == {"train": 18, "held_out": 6}
