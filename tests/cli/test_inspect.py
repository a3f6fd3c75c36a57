"""`medley inspect`."""

import io
import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from medley.cli.main import main

ROWS = pd.DataFrame(
    {
        "id": range(40),
        "price": [f"{1000 + i * i:,}.50 €" for i in range(40)],
        "breed": ["pug", "husky"] * 20,
        "code": [7, 3] * 20,
        "photo": [f"{i}.png" for i in range(40)],
        "seen": ["03.04.2024", "17.05.2024", None, "01.01.2023", "31.12.2023"] * 8,
    }
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pets.csv"
    ROWS.to_csv(path, index=False, sep=";")
    return str(path)


def output_of(capsys, *arguments):
    assert main(["inspect", *arguments]) == 0
    return capsys.readouterr().out


def line_of(output, name):
    return next(line for line in output.splitlines() if line.startswith(f"{name} "))


def test_every_column_has_a_line_with_kind_reason_and_use(capsys, table):
    output = output_of(capsys, table)
    assert output.startswith(f"{table}: 40 rows, 6 columns\n")
    assert "identifier" in line_of(output, "id")
    assert line_of(output, "id").endswith("left out")
    assert "number" in line_of(output, "price")
    assert "1,234.5 €" in line_of(output, "price")
    assert "20.0%" in line_of(output, "seen")
    assert "%d.%m.%Y" in line_of(output, "seen")
    assert "sampled files exists" in line_of(output, "photo")
    assert "one of 2 categories" in line_of(output, "breed")


def test_targets_are_shown_with_tasks_and_leaks(capsys, table):
    output = output_of(capsys, table, "--target", "breed", "--target", "price")
    columns, targets = output.split("targets\n")
    assert not any(line.startswith(("breed ", "price ")) for line in columns.splitlines())
    assert "binary" in line_of(targets, "breed")
    assert "number" in line_of(targets, "price")
    assert "warning: Column 'code' determines the target 'breed': it has one value for each of its values." in targets
    assert "--kind 'code'=unused" in targets


def test_the_caller_overrides_the_inferred_kind(capsys, table):
    output = output_of(capsys, table, "--kind", "code=category", "--kind", "seen=unused", "--target", "breed")
    assert "the caller set it" in line_of(output, "code")
    assert line_of(output, "seen").endswith("left out")
    assert "warning" not in output_of(capsys, table, "--kind", "code=unused", "--target", "breed")


def test_the_caller_overrides_the_kind_of_a_target(capsys, table):
    targets = output_of(capsys, table, "--kind", "code=number", "--target", "code").split("targets\n")[1]
    assert "binary" not in line_of(targets, "code")
    assert "the caller set it" in line_of(targets, "code")


def test_images_are_found_under_the_root(capsys, table, tmp_path):
    for number in range(40):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / f"{number}.png").write_bytes(b"")
    assert "99%" in line_of(output_of(capsys, table, "--root", str(tmp_path / "photos")), "photo")


def test_duplicate_rows_and_other_encodings_are_noted(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"ort,x,y\n" + "Köln,1.5,a\nBonn,2.5,b\n".encode("cp1252") * 9)
    output = output_of(capsys, str(path), "--target", "y")
    assert output.startswith("note: t.csv is not UTF-8 (line 2) and was read as Windows-1252")
    assert "note: 16 rows have the same inputs as another row" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pets.cs"], "The folder has 'pets.csv'"),
        (["pets.csv", "--target", "bred"], "There is no column 'bred' to predict. Did you mean 'breed'?"),
        (["pets.csv", "--target", "seen"], "The target 'seen' holds cells of kind time"),
        (["pets.csv", "--target", "code", "--kind", "code=image"], "'image' for the target 'code', which cannot be"),
        (["pets.csv", "--kind", "code"], "--kind must be COLUMN=KIND"),
        (["pets.csv", "--kind", "cod=text"], "'cod', which is not a column. Did you mean 'code'?"),
        (["pets.csv", "--kind", "code=txt"], "'txt' for 'code', which is not a kind. Did you mean 'text'?"),
        (["pets.csv", "--kind", "breed=number"], "Column 'breed' cannot be parsed as number"),
    ],
)
def test_errors_are_printed_and_exit_with_2(capsys, table, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_all_errors_are_reported_at_once(capsys, table):
    assert main(["inspect", table, "--target", "bred", "--kind", "x", "--kind", "breed=time", "--kind", "z=text"]) == 2
    assert "4 errors:" in capsys.readouterr().err


def test_a_sample_of_a_table_larger_than_memory_is_examined(capsys, tmp_path, monkeypatch):
    from medley.tables.reading import large_table as scan

    monkeypatch.setattr(scan.scan, "__kwdefaults__", {"rows": 100})
    frame = pd.DataFrame({"size": range(500), "kind": ["a", "b"] * 250})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert main(["inspect", str(tmp_path / "t.csv"), "--target", "kind", "--memory", "1kB"]) == 0
    output = capsys.readouterr().out
    assert "500 rows, of which 100 were drawn at random" in output
    assert "binary" in output


def test_a_file_without_names_is_noted_and_the_caller_decides(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,virginica\n")
    output = output_of(capsys, str(path))
    assert "note: t.csv has no line of names: its columns are called column_1 to column_3 (--header" in output
    assert "3 rows, 3 columns" in output
    assert "2 rows, 3 columns" in output_of(capsys, str(path), "--header")


def test_several_files_a_query_and_the_standard_input(capsys, tmp_path, monkeypatch):
    for name in ("a", "b"):
        ROWS.to_csv(tmp_path / f"{name}.csv", index=False)
    assert "80 rows, 6 columns" in output_of(capsys, str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        ROWS.to_sql("pets", connection, index=False)
    uri = f"sqlite:///{tmp_path / 't.db'}"
    assert "40 rows, 6 columns" in output_of(capsys, "SELECT * FROM pets", "--connection", uri, "--target", "breed")
    assert "40 rows, 6 columns" in output_of(capsys, uri)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "a.csv").read_bytes())))
    assert output_of(capsys, "-").startswith("the standard input: 40 rows, 6 columns")


def test_missing_values_are_named_and_set(capsys, tmp_path):
    cells = {"price": ["1.5", "2.5", "4", "7.25", "sold", "9", "3"] * 9, "region": ["NA", "red", "blue"] * 21}
    path = tmp_path / "t.csv"
    pd.DataFrame(cells).to_csv(path, index=False)
    output = output_of(capsys, str(path))
    assert "'sold' (14.3%) counts as missing" in line_of(output, "price")
    assert "'NA' (33.3%) counts as missing" in line_of(output, "region")
    output = output_of(capsys, str(path), "--missing-in", "region=", "--missing", "2.5")
    assert "missing" not in line_of(output, "region")
    assert "'2.5' (14.3%)" in line_of(output, "price")
    assert main(["inspect", str(path), "--missing-in", "regoin=", "--missing-in", "x"]) == 2
    error = capsys.readouterr().err
    assert "--missing names 'regoin', which is not a column. Did you mean 'region'?" in error
    assert "--missing-in must be COLUMN=VALUE" in error


def test_tasks_are_those_of_fit(capsys, tmp_path):
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": [row / 40 for row in range(400)], "y": [row // 40 for row in range(400)]}).to_csv(
        path, index=False
    )
    output = output_of(capsys, str(path), "--target", "y")
    assert "regression comes closer" in output
