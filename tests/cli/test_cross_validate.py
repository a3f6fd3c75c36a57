"""`medley cross-validate`."""

import json

import numpy as np
import pandas as pd
import pytest

from medley.cli.main import main

OPTIONS = ["--target", "breed", "--target", "price", "--folds", "2", "--trials", "1", "--epochs", "1"]


def test_scores_and_predictions_are_those_of_rows_that_were_left_out(capsys, pets_csv, tmp_path):
    file = tmp_path / "predictions.csv"
    assert main(["cross-validate", str(pets_csv), *OPTIONS, "--json", "-o", str(file)]) == 0
    printed = json.loads(capsys.readouterr().out)
    scores = {row["score"]: row for row in printed["scores"]}
    table, predictions = pd.read_csv(pets_csv), pd.read_csv(file)
    assert predictions.row.tolist() == list(range(60))
    is_right = (predictions.breed == table.breed).groupby(predictions.fold).mean()
    accuracy = scores["breed_accuracy"]
    np.testing.assert_allclose([accuracy["fold_0"], accuracy["fold_1"]], is_right, rtol=1e-6)
    assert accuracy["mean"] == pytest.approx(is_right.mean())
    assert accuracy["standard_error"] == pytest.approx(is_right.std() / 2**0.5)


def test_scores_are_printed_as_a_table(capsys, pets_csv):
    assert main(["cross-validate", str(pets_csv), *OPTIONS[2:], "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "60 rows, 2 folds"
    assert lines[1].split() == ["score", "mean", "standard", "error", "fold", "0", "fold", "1"]
    assert any(line.startswith("mean_squared_error ") for line in lines)


def test_all_errors_are_reported(capsys, pets_csv):
    assert main(["cross-validate", str(pets_csv), "--kind", "age", "-o", "there/is/none.csv"]) == 2
    err = capsys.readouterr().err
    for part in ("--target", "--kind must be COLUMN=KIND", "there is no folder"):
        assert part in err
    options = ["--target", "price", "--folds", "1", "--workers", "0", "--time-limit", "soon"]
    assert main(["cross-validate", str(pets_csv), *options]) == 2
    err = capsys.readouterr().err
    for part in ("--folds", "--workers", "--time-limit"):
        assert part in err
