"""The benchmark of equal time: its splits, its metric, and that it resumes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def sets(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import equal_time_sets

    return equal_time_sets


def test_rows_that_share_a_value_are_on_one_side(sets):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"name": rng.integers(0, 300, 400), "image": rng.integers(0, 300, 400)})
    rows["name"] = rows["name"].astype(float).where(rng.random(400) < 0.5)
    parts = {side: sets.at_random("name", "image")(rows, side, 0) for side in ("validation", "test")}
    for train, held_out in parts.values():
        assert len(held_out) > 0
        for column in rows:
            assert not set(train[column].dropna()) & set(held_out[column].dropna())
    test_rows = set(parts["test"][1].index)
    assert not test_rows & {*parts["validation"][0].index, *parts["validation"][1].index}


def test_a_quarter_is_held_out_and_validation_rows_alone_depend_on_the_seed(sets):
    rows = pd.DataFrame({"x": range(1_600)})
    divide = sets.at_random()
    assert [len(part) for part in divide(rows, "test", 0)] == [1_200, 400]
    assert [len(part) for part in divide(rows, "validation", 0)] == [900, 300]
    assert divide(rows, "test", 0)[1].index.equals(divide(rows, "test", 1)[1].index)
    assert not divide(rows, "validation", 0)[1].index.equals(divide(rows, "validation", 1)[1].index)


def test_late_days_are_held_out(sets):
    days = [f"2020-01-{day:02}" for day in range(1, 21) for _ in range(3)]
    rows = pd.DataFrame({"date": days, "part": ["train"] * 48 + ["test"] * 12}).sample(frac=1, random_state=0)
    train, held_out = sets.by_date(rows, "validation", 0)
    assert (train["date"].max(), held_out["date"].min(), held_out["date"].max()) == (
        "2020-01-12",
        "2020-01-13",
        "2020-01-16",
    )


def test_answers_do_not_reveal_the_digit_from_the_question(sets, monkeypatch):
    images = np.zeros((2_000, 2, 2), np.uint8)
    digits = np.random.default_rng(1).integers(0, 10, 2_000).astype(np.uint8)
    monkeypatch.setattr(sets, "read_mnist", lambda folder, part: (images, digits))
    rows = sets.read_mnist_question(Path())
    even = rows[rows["question"] == "is it even?"]
    assert (even["answer"] == np.where(even["digit"] % 2 == 0, "yes", "no")).all()
    exact = rows[rows["question"] == "is it a 7?"]
    assert (exact["answer"] == np.where(exact["digit"] == 7, "yes", "no")).all()


def test_one_function_measures_numbers_and_probabilities(sets):
    from equal_time_rivals import score

    true = pd.Series([0, 1, 1, 0])
    yes = np.array([0.1, 0.8, 0.4, 0.3])
    assert score("auc", true, np.stack([1 - yes, yes], axis=1), [0, 1]) == 1
    assert score("auc", true, np.stack([yes, 1 - yes], axis=1), [1, 0]) == 1
    assert score("accuracy", true, np.stack([1 - yes, yes], axis=1), [0, 1]) == 0.75
    assert score("r2", true, np.stack([1 - yes, yes], axis=1), [0, 1]) == score("r2", true, yes)


@pytest.mark.slow
def test_results_are_stored_and_not_run_again(tmp_path):
    rng = np.random.default_rng(0)
    age = rng.integers(20, 60, 200)
    rows = pd.DataFrame(
        {
            "age": age,
            "workclass": rng.choice(["a", "b"], 200),
            "occupation": rng.choice(["x", "y", "z"], 200),
            "hours-per-week": age + rng.normal(0, 5, 200),
            "income": np.where(age + rng.normal(0, 5, 200) > 40, ">50K", "<=50K"),
        }
    )
    rows.loc[::7, "occupation"] = None
    (tmp_path / "adult").mkdir()
    rows.to_csv(tmp_path / "adult" / "adult.csv.gz", index=False)
    call = [sys.executable, str(BENCHMARKS / "equal_time.py"), "--data", str(tmp_path), "--sets", "adult"]
    call += ["--results", str(tmp_path / "results"), "--seconds", "2", "--rivals", "constant,linear,medley"]
    reports = []
    for _ in range(2):
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "failed" not in done.stderr
        reports.append(done.stdout)
    assert reports[0] == reports[1]
    assert "of 3 targets, within 1 % on" in reports[0]
    lines = (tmp_path / "results" / "equal_time.jsonl").read_text().splitlines()
    entries = {entry["rival"]: entry for entry in map(json.loads, lines)}
    assert len(lines) == len(entries) == 3
    assert entries["constant"]["scores"]["income"] == 0.5
    assert entries["linear"]["scores"]["income"] > 0.7
    assert (entries["medley"]["train_rows"], entries["medley"]["scored_rows"]) == (113, 37)


def test_time_in_which_a_process_does_not_run_is_not_counted(sets):
    from equal_time_clock import RunningClock

    clock = RunningClock()
    time.sleep(0.4)
    assert clock() < 0.2
    used = time.process_time()
    while time.process_time() < used + 0.3:
        pass
    assert 0.25 < clock() < 0.6
