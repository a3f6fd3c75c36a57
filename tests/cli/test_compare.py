"""`medley compare`."""

import pandas as pd

import medley as md
from medley.cli.main import main


def test_metrics_are_listed_side_by_side(capsys, pets_model, pets_csv, tmp_path):
    file = tmp_path / "comparison.csv"
    other = md.load(pets_model).save(tmp_path / "copy")
    assert main(["compare", str(pets_model), str(other), str(pets_csv), "--samples", "20", "-o", str(file)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[1].split()[:4] == ["target", "metric", "model", "copy"]
    accuracy = next(line for line in lines if line.startswith("breed") and "accuracy" in line)
    assert "+0 [+0, +0]" in accuracy
    frame = pd.read_csv(file).set_index(["target", "metric", "model"])
    assert frame.value["price", "mean_squared_error", "copy"] > 0
    assert not frame.differs.any()


def test_one_model_is_too_few(capsys, pets_model, pets_csv):
    assert main(["compare", str(pets_model), str(pets_csv)]) == 2
    assert "at least two models" in capsys.readouterr().err
