"""`medley importance`."""

import pandas as pd
import pytest

from medley.cli.main import main


def test_columns_are_listed_by_importance_and_written(capsys, pets_model, pets_csv, tmp_path):
    file = tmp_path / "importance.csv"
    options = ["--repeats", "2", "--together", "age,kind", "-o", str(file)]
    assert main(["importance", str(pets_model), str(pets_csv), *options]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [line.split() for line in printed.out.splitlines()]
    columns = [line for line in lines[lines.index(["column", "permuted", "(60", "rows)"]) :] if line]
    assert columns[1] == ["column", "all", "tasks", "breed", "price"]
    assert columns[2][0] == "age"  # of which the price and the breed were made
    assert columns[2][2] == "±"
    frame = pd.read_csv(file).set_index(["level", "name", "task", "metric"])
    assert float(columns[2][1]) == pytest.approx(
        frame.importance["column", "age", "all tasks", "relative_loss"], abs=1e-4
    )
    assert ("group", "age + kind", "price", "mean_squared_error") in frame.index


def test_all_errors_are_reported(capsys, pets_model, pets_csv):
    options = ["--time-limit", "soon", "--together", "age,kind", "--associated", "-o", "there/is/none.csv"]
    assert main(["importance", str(pets_model), str(pets_csv), *options]) == 2
    err = capsys.readouterr().err
    for part in ("--time-limit", "--associated", "there is no folder"):
        assert part in err
    assert main(["importance", str(pets_model), str(pets_csv), "--together", "age,size"]) == 2
    assert "'size', which the model does not read" in capsys.readouterr().err


def test_tasks_are_compared_on_request(capsys, pets_model, pets_csv):
    assert main(["importance", str(pets_model), str(pets_csv), "--repeats", "1", "--tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("cosine of gradients (60 rows)")
    assert lines[start + 1].split() == ["task", "breed", "price"]
    first, second = lines[start + 2].split(), lines[start + 3].split()
    assert (first[0], second[0]) == ("breed", "price")
    assert first[1] == second[1]  # the cosine of a pair is that of its reverse
    assert -1 <= float(first[1]) <= 1
