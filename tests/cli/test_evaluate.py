"""`medley evaluate`."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

import medley as md
from medley.cli.evaluate import _metrics_of
from medley.cli.main import main


def run(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def metric_values(out):
    """Target and metric -> value as it is printed."""
    rows = [line.split() for line in out.splitlines()]
    return {(row[0], row[2]): row[3] for row in rows if len(row) == 4}


def test_metrics_are_listed_by_target_with_their_labelled_rows(capsys, pets_model, pets_csv):
    frame = pd.read_csv(pets_csv)
    frame.loc[:9, "breed"] = None
    frame.to_csv(pets_csv, index=False)
    code, out, err = run(capsys, pets_model, pets_csv)
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    metrics = {(row[0], row[2]): (row[1], float(row[3])) for row in rows[2:] if len(row) == 4}
    expected = md.load(pets_model).evaluate(pets_csv)
    assert metrics["breed", "accuracy"] == ("50", float(f"{expected['breed_accuracy']:.4g}"))
    assert metrics["price", "loss"] == ("60", float(f"{expected['price_loss']:.4g}"))


def test_usual_metrics_are_listed_too(capsys, pets_model, pets_csv):
    _, out, _ = run(capsys, pets_model, pets_csv)
    values = metric_values(out)
    price = md.load(pets_model).predict(pets_csv)["price"]
    assert float(values["price", "r2"]) == pytest.approx(r2_score(pd.read_csv(pets_csv)["price"], price), abs=1e-3)
    assert {("breed", "auc"), ("breed", "f1"), ("price", "mean_absolute_error")} <= values.keys()


def test_metrics_that_rows_cannot_have_are_no_numbers(capsys, pets_model, pets_csv):
    pd.read_csv(pets_csv).head(1).to_csv(pets_csv, index=False)  # no ranking, no variance
    code, out, _ = run(capsys, pets_model, pets_csv)
    values = metric_values(out)
    assert code == 0
    assert (values["price", "r2"], values["breed", "auc"]) == ("nan", "nan")
    assert np.isfinite(float(values["price", "mean_absolute_error"]))


def test_all_missing_columns_are_reported(capsys, pets_model, tmp_path):
    (tmp_path / "new.csv").write_text("age,other\n1,2\n")
    code, out, err = run(capsys, pets_model, tmp_path / "new.csv")
    assert (code, out) == (2, "")
    for name in ("kind", "breed", "price"):
        assert f"Column {name!r} is missing" in err


def test_metrics_of_heads_with_a_common_prefix_are_distinguished():
    metrics = {"loss": 1.0, "a_loss": 2.0, "a_b_loss": 3.0, "a_accuracy": 0.5}
    assert _metrics_of(metrics, "a", ["a", "a_b"]) == [("loss", 2.0), ("accuracy", 0.5)]
    assert _metrics_of(metrics, "a_b", ["a", "a_b"]) == [("loss", 3.0)]
    assert _metrics_of({"loss": 1.0, "accuracy": 0.5}, "a", ["a"]) == [("loss", 1.0), ("accuracy", 0.5)]


def test_a_target_without_a_column_is_skipped_with_a_warning(capsys, pets_model, pets_csv, tmp_path):
    pd.read_csv(pets_csv).drop(columns="breed").to_csv(tmp_path / "less.csv", index=False)
    assert main(["evaluate", str(pets_model), str(tmp_path / "less.csv")]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("warning") == 1
    assert "no column 'breed'" in printed.err
    assert "price" in printed.out
    assert "breed" not in printed.out


def test_rows_can_have_weights(capsys, pets_model, pets_csv):
    frame = pd.read_csv(pets_csv)
    frame["households"] = [1.0] * 20 + [0.0] * 40
    frame.to_csv(pets_csv, index=False)
    code, out, err = run(capsys, pets_model, pets_csv, "--weight", "households", "--json")
    assert (code, err) == (0, "")
    scores = json.loads(out)
    first = md.load(pets_model).evaluate(frame[:20])
    assert scores["loss"] == pytest.approx(first["loss"] * 20 / 60, rel=1e-5)  # the mean over all rows, as in Keras
    assert scores["targets"][0]["metrics"]["accuracy"] == pytest.approx(first["breed_accuracy"])
    code, _, err = run(capsys, pets_model, pets_csv, "--weight", "household")
    assert code == 2
    assert err == "medley: --weight names 'household', which is not a column. Did you mean 'households'?\n"


def test_rows_come_from_the_standard_input(capsys, pets_model, pets_csv, monkeypatch):
    expected = run(capsys, pets_model, pets_csv)[1].splitlines()[1:]
    with pets_csv.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert run(capsys, pets_model, "-")[1].splitlines()[1:] == expected
