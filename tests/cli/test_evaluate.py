"""`medley evaluate`."""

import pandas as pd

import medley as md
from medley.cli.evaluate import _metrics_of
from medley.cli.main import main


def run(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


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
