"""`medley predict`."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.cli import predict
from medley.cli.main import main
from medley.cli.output import write_frame
from medley.errors import DataError


def run(capsys, *arguments):
    code = main(["predict", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_predictions_are_printed_as_csv(capsys, pets_model, pets_csv):
    code, out, err = run(capsys, pets_model, pets_csv)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "breed,breed_probability,price"
    assert len(lines) == 61


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("out.csv", pd.read_csv),
        ("out.csv.gz", pd.read_csv),
        ("out.tsv", lambda path: pd.read_csv(path, sep="\t")),
        ("out.parquet", pd.read_parquet),
        ("out.jsonl", lambda path: pd.read_json(path, lines=True)),
    ],
)
def test_predictions_are_written_in_any_format(capsys, pets_model, pets_csv, tmp_path, name, reader):
    out = tmp_path / name
    assert run(capsys, pets_model, pets_csv, "-o", out) == (0, "", "")
    expected = md.load(pets_model).predict(pets_csv)
    pd.testing.assert_frame_equal(reader(out), expected, check_dtype=False, rtol=1e-6)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["pets.csv", name])
    assert out.stat().st_mode & 0o777 == pets_csv.stat().st_mode & 0o777


def test_probabilities_and_inputs_are_added(capsys, pets_model, pets_csv, tmp_path):
    out = tmp_path / "out.csv"
    assert run(capsys, pets_model, pets_csv, "-o", out, "--proba", "--with-inputs")[0] == 0
    frame = pd.read_csv(out)
    input_columns = list(pd.read_csv(pets_csv).columns)
    assert list(frame.columns) == [
        *input_columns,
        "breed_predicted",
        "breed_probability",
        "price_predicted",
        "breed_old",
        "breed_young",
    ]
    pd.testing.assert_frame_equal(frame[input_columns], pd.read_csv(pets_csv))
    assert np.allclose(frame[["breed_old", "breed_young"]].max(axis=1), frame["breed_probability"])


def test_a_table_without_targets_keeps_their_names(capsys, pets_model, pets_csv, tmp_path):
    pd.read_csv(pets_csv)[["kind", "age"]].to_csv(tmp_path / "new.csv", index=False)
    code, out, _ = run(capsys, pets_model, tmp_path / "new.csv", "--with-inputs")
    assert code == 0
    assert out.splitlines()[0] == "kind,age,breed,breed_probability,price"


def test_all_errors_are_reported_at_once(capsys, pets_csv, tmp_path):
    code, out, err = run(capsys, tmp_path / "nothing", tmp_path / "pet.csv", "-o", tmp_path / "no" / "out.xls")
    assert (code, out) == (2, "")
    assert err.startswith("medley: 4 errors:")
    for message in ("end in .csv", "there is no folder", "model.json", "'pets.csv'"):
        assert message in err


def test_missing_columns_are_named(capsys, pets_model, tmp_path):
    (tmp_path / "new.csv").write_text("aeg,other\n1,2\n")
    code, _, err = run(capsys, pets_model, tmp_path / "new.csv")
    assert code == 2
    assert "Column 'age' is missing" in err
    assert "near: 'aeg'" in err
    assert "Column 'kind' is missing" in err


def test_the_table_itself_is_not_overwritten(capsys, pets_model, pets_csv):
    before = pets_csv.read_bytes()
    code, _, err = run(capsys, pets_model, pets_csv, "-o", pets_csv)
    assert code == 2
    assert "the table itself" in err
    assert pets_csv.read_bytes() == before


def test_a_model_that_reads_no_table_is_an_error(capsys, pets_csv, tmp_path):
    auto = md.StructuredDataRegressor(max_trials=1, directory=tmp_path)
    auto.fit(np.random.default_rng(0).normal(size=(40, 2)), np.arange(40.0), epochs=1, verbose=0)
    auto.export_model().save(tmp_path / "model")
    code, _, err = run(capsys, tmp_path / "model", pets_csv)
    assert code == 2
    assert "rather than to a table" in err


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    out.write_text("old")

    def fail(self, path, **_):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="No space"):
        write_frame(pd.DataFrame({"a": [1]}), str(out))
    assert (out.read_text(), os.listdir(tmp_path)) == ("old", ["out.csv"])


def test_lists_are_written_as_json(tmp_path):
    frame = pd.DataFrame({"tags": [("a", "ü"), ()], "vector": [np.array([1.5, 2.0]), None]})
    write_frame(frame, str(tmp_path / "out.csv"))
    reloaded = pd.read_csv(tmp_path / "out.csv")
    assert json.loads(reloaded["tags"][0]) == ["a", "ü"]
    assert json.loads(reloaded["vector"][0]) == [1.5, 2.0]
    assert reloaded["vector"].isna()[1]


def test_cells_that_parquet_does_not_support_are_an_error(tmp_path):
    with pytest.raises(DataError, match=r"write \.csv or \.jsonl"):
        write_frame(pd.DataFrame({"a": [1, "x", {2}]}), str(tmp_path / "out.parquet"))
    assert list(tmp_path.iterdir()) == []


def test_a_search_and_its_saved_trials_predict_like_the_model(capsys, pets_model, pets_csv):
    search = pets_model.parent / "search"
    expected = run(capsys, pets_model, pets_csv)
    assert expected[0] == 0
    assert run(capsys, search, pets_csv) == expected
    assert run(capsys, search / "trials" / "0", pets_csv) == expected
    assert md.load(search / "trials" / "0").metadata["tasks"]["price"]["kind"] == "number"


def test_each_batch_takes_one_forward_pass(capsys, pets_model, pets_csv, tmp_path, monkeypatch):
    out, passes = tmp_path / "out.csv", []
    raw = md.Model._compute_raw
    monkeypatch.setattr(md.Model, "_compute_raw", lambda self, *args: passes.append(1) or raw(self, *args))
    monkeypatch.setattr(predict, "ROWS", 25)
    assert run(capsys, pets_model, pets_csv, "-o", out, "--proba") == (0, "", "")
    assert len(passes) == 3
    model = md.load(pets_model)
    predictions, probabilities = pd.read_csv(out), model.predict_proba(pets_csv)
    pd.testing.assert_frame_equal(
        predictions[["breed", "price"]], model.predict(pets_csv)[["breed", "price"]], rtol=1e-5
    )
    pd.testing.assert_frame_equal(
        predictions[["breed_old"]], probabilities[["breed_old"]], check_dtype=False, rtol=1e-5
    )


def test_bad_images_are_reported_once_with_their_rows_in_the_table(capsys, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for row in range(30):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{row}.png")
    frame = pd.DataFrame({"photo": [f"{row}.png" for row in range(30)], "price": np.arange(30.0)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = md.fit(tmp_path / "t.csv", "price", max_trials=1, epochs=1, directory=tmp_path, verbose=0)
    model.save(tmp_path / "model")
    for row in (4, 21):
        (tmp_path / f"{row}.png").write_bytes(b"")
    monkeypatch.setattr(predict, "ROWS", 10)
    code, _, err = run(capsys, tmp_path / "model", tmp_path / "t.csv")
    assert code == 0
    assert err.count("warning") == 1
    assert "photo: 2 of 30 images cannot be read" in err
    assert "- row 4 (" in err
    assert "- row 21 (" in err


def test_a_table_without_rows_gives_a_header(capsys, pets_model, pets_csv, tmp_path):
    (tmp_path / "none.csv").write_text("age,kind\n")
    code, out, err = run(capsys, pets_model, tmp_path / "none.csv", "--proba")
    assert (code, err) == (0, "")
    assert out == "breed,breed_probability,price,breed_old,breed_young\n"


@pytest.mark.parametrize("memory", ["auto", "1kB"])
def test_unreadable_cells_are_reported_with_row_and_column(capsys, pets_model, tmp_path, memory):
    rows = pd.DataFrame({"age": [8.0] * 3000, "kind": "cat"}, dtype=object)
    rows.loc[2500, "age"] = "7 years"
    rows.loc[7, "age"] = "inf"
    rows.to_csv(tmp_path / "new.csv", index=False)
    code, out, err = run(capsys, pets_model, tmp_path / "new.csv", "--memory", memory)
    assert (code, len(out.splitlines())) == (0, 3001)
    assert "2 cells cannot be read and count as missing (--on-unreadable raise stops instead)." in err
    assert "row 2500, column 'age': '7 years' is not a number" in err
    assert "row 7, column 'age': " in err
    code, _, err = run(capsys, pets_model, tmp_path / "new.csv", "--on-unreadable", "raise")
    assert code == 2
    assert "--on-unreadable warn counts them as missing" in err
