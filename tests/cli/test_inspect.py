"""`medley inspect`."""

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


def shown(capsys, *words):
    assert main(["inspect", *words]) == 0
    return capsys.readouterr().out


def line_of(told, name):
    return next(line for line in told.splitlines() if line.startswith(f"{name} "))


def test_every_column_has_a_line_that_says_kind_why_and_what_it_becomes(capsys, table):
    told = shown(capsys, table)
    assert told.startswith(f"{table}: 40 rows, 6 columns\n")
    assert "identifier" in line_of(told, "id")
    assert line_of(told, "id").endswith("left out")
    assert "number" in line_of(told, "price")
    assert "1,234.5 €" in line_of(told, "price")
    assert "20.0%" in line_of(told, "seen")
    assert "%d.%m.%Y" in line_of(told, "seen")
    assert "sampled files exists" in line_of(told, "photo")
    assert "one of 2 categories" in line_of(told, "breed")


def test_targets_have_tasks_and_what_gives_them_away_is_told(capsys, table):
    told = shown(capsys, table, "--target", "breed", "--target", "price")
    columns, targets = told.split("targets\n")
    assert not any(line.startswith(("breed ", "price ")) for line in columns.splitlines())
    assert "binary" in line_of(targets, "breed")
    assert "number" in line_of(targets, "price")
    assert "warning: Column 'code' determines the target 'breed': it has one value for each of its values." in targets
    assert "--kind 'code'=unused" in targets


def test_the_callers_word_goes_above_ours(capsys, table):
    told = shown(capsys, table, "--kind", "code=category", "--kind", "seen=unused", "--target", "breed")
    assert "the caller set it" in line_of(told, "code")
    assert line_of(told, "seen").endswith("left out")
    assert "warning" not in shown(capsys, table, "--kind", "code=unused", "--target", "breed")


def test_the_callers_word_goes_for_targets_too(capsys, table):
    targets = shown(capsys, table, "--kind", "code=number", "--target", "code").split("targets\n")[1]
    assert "binary" not in line_of(targets, "code")
    assert "the caller set it" in line_of(targets, "code")


def test_images_are_looked_for_under_the_root(capsys, table, tmp_path):
    for number in range(40):
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / f"{number}.png").write_bytes(b"")
    assert "99%" in line_of(shown(capsys, table, "--root", str(tmp_path / "photos")), "photo")


def test_repeated_rows_and_other_encodings_are_noted(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"ort,x,y\n" + "Köln,1.5,a\nBonn,2.5,b\n".encode("cp1252") * 9)
    told = shown(capsys, str(path), "--target", "y")
    assert told.startswith("note: t.csv is not UTF-8 (line 2) and was read as Windows-1252")
    assert "note: 16 rows repeat the inputs of another" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pets.cs"], "The folder has 'pets.csv'"),
        (["pets.csv", "--target", "bred"], "There is no column 'bred' to predict. Did you mean 'breed'?"),
        (["pets.csv", "--target", "seen"], "The target 'seen' holds cells of kind time"),
        (["pets.csv", "--target", "code", "--kind", "code=image"], "'image' for the target 'code', which cannot be"),
        (["pets.csv", "--kind", "code"], "--kind takes COLUMN=KIND"),
        (["pets.csv", "--kind", "cod=text"], "'cod', which is not a column. Did you mean 'code'?"),
        (["pets.csv", "--kind", "code=txt"], "'txt' for 'code', which is not a kind. Did you mean 'text'?"),
        (["pets.csv", "--kind", "breed=number"], "Column 'breed' cannot be parsed as number"),
    ],
)
def test_an_error_is_told_and_ends_with_2(capsys, table, monkeypatch, tmp_path, words, told):
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", *words]) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


def test_all_errors_of_a_call_are_told_at_once(capsys, table):
    assert main(["inspect", table, "--target", "bred", "--kind", "x", "--kind", "breed=time", "--kind", "z=text"]) == 2
    assert "4 errors:" in capsys.readouterr().err


def test_of_a_table_larger_than_memory_a_sample_is_looked_at(capsys, tmp_path, monkeypatch):
    from medley.tables.reading import large_table as scan

    monkeypatch.setattr(scan.scan, "__kwdefaults__", {"rows": 100})
    frame = pd.DataFrame({"size": range(500), "kind": ["a", "b"] * 250})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert main(["inspect", str(tmp_path / "t.csv"), "--target", "kind", "--memory", "1kB"]) == 0
    told = capsys.readouterr().out
    assert "500 rows, of which 100 were drawn at random" in told
    assert "binary" in told
