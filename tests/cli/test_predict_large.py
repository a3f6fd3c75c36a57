"""`medley predict` gives the same for tables larger than memory as for small ones."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.cli import predict, predict_large
from medley.cli.batch_output import open_output
from medley.cli.main import main
from medley.errors import DataError
from medley.tables.reading import large_table as scan


def run(capsys, *arguments):
    code = main(["predict", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture(autouse=True)
def batches(monkeypatch):
    monkeypatch.setattr(scan, "_BATCH_BYTES", (1, 1))
    monkeypatch.setattr(predict, "ROWS", 7)


READERS = {
    "out.csv": pd.read_csv,
    "out.csv.gz": pd.read_csv,
    "out.tsv": lambda path: pd.read_csv(path, sep="\t"),
    "out.parquet": pd.read_parquet,
    "out.jsonl": lambda path: pd.read_json(path, lines=True),
}


@pytest.mark.parametrize("name", READERS)
def test_files_of_any_format_equal_those_of_a_small_table(capsys, pets_model, pets_csv, tmp_path, name):
    outputs = []
    for memory in ("10GB", "1kB"):
        out = tmp_path / name
        arguments = (pets_model, pets_csv, "-o", out, "--with-inputs", "--proba", "--memory", memory)
        assert run(capsys, *arguments) == (0, "", "")
        outputs.append(READERS[name](out))
        mode = out.stat().st_mode & 0o777
        out.unlink()
    pd.testing.assert_frame_equal(outputs[1], outputs[0], rtol=1e-5)
    assert [file.name for file in tmp_path.iterdir()] == ["pets.csv"]
    assert mode == pets_csv.stat().st_mode & 0o777


def test_printed_predictions_have_one_header(capsys, pets_model, pets_csv):
    code, out, err = run(capsys, pets_model, pets_csv, "--memory", "1kB")
    assert (code, err) == (0, "")
    assert out.count("breed_probability") == 1
    assert len(out.splitlines()) == 61


def test_errors_are_reported_at_once_before_anything_is_written(capsys, pets_model, pets_csv, tmp_path):
    pd.read_csv(pets_csv).drop(columns=["age", "kind"]).to_csv(pets_csv, index=False)
    code, _, err = run(capsys, pets_model, pets_csv, "-o", tmp_path / "out.csv", "--memory", "1kB")
    assert code == 2
    assert "'age' is missing" in err
    assert "'kind' is missing" in err
    code, _, err = run(capsys, pets_model, pets_csv, "-o", tmp_path / "out.doc", "--memory", "much")
    assert code == 2
    assert all(word in err for word in ("out.doc", "memory must be", "'age' is missing"))
    assert [file.name for file in tmp_path.iterdir()] == ["pets.csv"]


def test_an_interrupted_run_keeps_the_old_file(capsys, pets_model, pets_csv, tmp_path, monkeypatch):
    out = tmp_path / "out.parquet"
    out.write_text("old")
    predict_frame = md.Model.predict_frame
    calls = []

    def broken(self, *args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict_frame(self, *args, **options)

    monkeypatch.setattr(md.Model, "predict_frame", broken)
    assert run(capsys, pets_model, pets_csv, "-o", out, "--memory", "1kB")[0] == 130
    assert out.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.parquet", "pets.csv"]


def test_bad_images_are_reported_once_with_their_rows(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for row in range(40):
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{row}.png")
    frame = pd.DataFrame({"photo": [f"{row}.png" for row in range(40)], "price": rng.normal(size=40)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = md.fit(
        tmp_path / "t.csv", "price", max_trials=1, epochs=1, directory=tmp_path / "s", verbose=0, pretrained=None
    )
    model.save(tmp_path / "model")
    for row in (3, 30):
        (tmp_path / f"{row}.png").write_bytes(b"")
    code, _, err = run(capsys, tmp_path / "model", tmp_path / "t.csv", "-o", tmp_path / "o.csv", "--memory", "100")
    assert code == 0
    assert err.count("cannot be read") == 1
    assert "2 of 40 images" in err
    assert "row 30 " in err


def test_parquet_merges_types_that_differ_between_batches(tmp_path):
    with open_output(str(tmp_path / "o.parquet")) as write:
        write(pd.DataFrame({"a": [1, 2], "b": [None, None], "c": [["x"], []]}))
        write(pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None], "c": [[], ["y", "z"]]}))
    written = pd.read_parquet(tmp_path / "o.parquet")
    assert written["a"].tolist()[:3] == [1.0, 2.0, 1.5]
    assert written["b"].tolist()[2] == "x"
    assert list(written["c"][3]) == ["y", "z"]

    def write_mixed_types():
        with open_output(str(tmp_path / "o.parquet")) as write:
            write(pd.DataFrame({"a": [1]}))
            write(pd.DataFrame({"a": ["x"]}))

    with pytest.raises(DataError, match="no type that Parquet supports"):
        write_mixed_types()
    assert [file.name for file in tmp_path.iterdir()] == ["o.parquet"]


def test_json_lines_are_one_per_row(tmp_path):
    with open_output(str(tmp_path / "o.jsonl")) as write:
        write(pd.DataFrame({"a": [1, 2]}))
        write(pd.DataFrame({"a": [3]}))
    assert [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()] == [
        {"a": 1},
        {"a": 2},
        {"a": 3},
    ]


def test_the_row_size_is_estimated_from_the_first_rows(pets_model, pets_csv):
    table = predict_large.large_table(md.load(pets_model), str(pets_csv), None, 1000)
    assert table.row_bytes > 10
    assert table.root == pets_csv.parent
