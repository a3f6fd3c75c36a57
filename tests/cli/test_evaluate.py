"""`medley evaluate`."""

import pandas as pd

import medley as md
from medley.cli.evaluate import _of
from medley.cli.main import main


def run(capsys, *words):
    code = main(["evaluate", *map(str, words)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_metrics_stand_per_target_with_the_rows_that_count(capsys, pets_model, pets_csv):
    frame = pd.read_csv(pets_csv)
    frame.loc[:9, "breed"] = None
    frame.to_csv(pets_csv, index=False)
    code, out, err = run(capsys, pets_model, pets_csv)
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    told = {(row[0], row[2]): (row[1], float(row[3])) for row in rows[2:] if len(row) == 4}
    expected = md.load(pets_model).evaluate(pets_csv)
    assert told["breed", "accuracy"] == ("50", float(f"{expected['breed_accuracy']:.4g}"))
    assert told["price", "loss"] == ("60", float(f"{expected['price_loss']:.4g}"))


def test_targets_that_are_missing_are_told_with_all_else(capsys, pets_model, tmp_path):
    (tmp_path / "new.csv").write_text("age,other\n1,2\n")
    code, out, err = run(capsys, pets_model, tmp_path / "new.csv")
    assert (code, out) == (2, "")
    for name in ("kind", "breed", "price"):
        assert f"Column {name!r} is missing" in err


def test_metrics_are_told_apart_where_one_name_begins_another():
    found = {"loss": 1.0, "a_loss": 2.0, "a_b_loss": 3.0, "a_accuracy": 0.5}
    assert _of(found, "a", ["a", "a_b"]) == [("loss", 2.0), ("accuracy", 0.5)]
    assert _of(found, "a_b", ["a", "a_b"]) == [("loss", 3.0)]
    assert _of({"loss": 1.0, "accuracy": 0.5}, "a", ["a"]) == [("loss", 1.0), ("accuracy", 0.5)]


def test_a_target_whose_column_is_not_there_is_told_and_left_out(capsys, pets_model, pets_csv, tmp_path):
    pd.read_csv(pets_csv).drop(columns="breed").to_csv(tmp_path / "less.csv", index=False)
    assert main(["evaluate", str(pets_model), str(tmp_path / "less.csv")]) == 0
    told = capsys.readouterr()
    assert told.err.count("warning") == 1
    assert "no column 'breed'" in told.err
    assert "price" in told.out
    assert "breed" not in told.out
