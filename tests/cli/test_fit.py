"""`medley fit`."""

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.cli import fit
from medley.cli.main import main


def run(capsys, *words):
    code = main(["fit", *map(str, words)])
    told = capsys.readouterr()
    return code, told.out, told.err


def quick(*words):
    return [*words, "--trials", "1", "--epochs", "1"]


def test_a_table_becomes_a_model_in_one_command(capsys, pets_csv, tmp_path):
    folder = tmp_path / "model"
    words = quick(pets_csv, "--target", "breed", "--target", "price", "-o", folder, "--kind", "kind=category")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert "target breed: binary" in out
    assert f"saved in {folder}" in out
    assert "price_loss" in out
    model = md.load(folder)
    assert model.output_names == ["breed", "price"]
    assert sorted(one.name for one in folder.iterdir()) == [
        "codecs.safetensors",
        "model.json",
        "search",
        "weights.safetensors",
    ]


def test_every_option_reaches_the_search(capsys, pets_csv, tmp_path, monkeypatch):
    asked = {}

    def fake(table, targets, **options):
        asked.update(options, table=table, targets=targets)
        raise md.MedleyError("enough")

    monkeypatch.setattr("medley.auto.table.fit.fit", fake)
    words = (
        "--target price --target breed --input age --input kind --kind kind=category --root r --group g --weight w "
        "--time-limit 90s --trials 3 --epochs 4 --seed 5 --device cpu --on-bad-file drop --overwrite -q --memory 2GB "
        "--pretrained models/bert"
    )
    code, _, err = run(capsys, pets_csv, *words.split(), "-o", tmp_path / "model")
    assert (code, err) == (2, "medley: enough\n")
    assert asked == {
        "table": str(pets_csv),
        "targets": ["price", "breed"],
        "inputs": ["age", "kind"],
        "column_kinds": {"kind": "category"},
        "root": "r",
        "group": "g",
        "time": None,
        "split": None,
        "sample_weight": "w",
        "time_limit": "90s",
        "max_trials": 3,
        "epochs": 4,
        "seed": 5,
        "device": "cpu",
        "on_bad_file": "drop",
        "overwrite": True,
        "verbose": 0,
        "pretrained": "models/bert",
        "memory": "2GB",
        "project_name": "search",
        "directory": tmp_path / "model",
    }


def test_quiet_says_nothing_and_the_folder_is_named_after_the_file(capsys, pets_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, *quick("pets.csv", "--target", "price", "-q")) == (0, "", "")
    assert md.load("pets-model").output_names == ["price"]


def test_leaks_are_one_line_each(capsys, pets_csv, tmp_path):
    frame = pd.read_csv(pets_csv)
    frame.assign(euros=frame["price"] * 2).to_csv(pets_csv, index=False)
    code, _, err = run(capsys, *quick(pets_csv, "--target", "price", "-o", tmp_path / "model"))
    assert code == 0
    assert err.startswith("medley: warning: Column 'euros' determines the target 'price'")
    assert err.count("\n") == 1
    assert main(["describe", str(tmp_path / "model")]) == 0
    assert "warning: column 'euros' determines the target 'price'" in capsys.readouterr().out


def test_all_errors_are_reported_at_once(capsys, pets_csv, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    words = "--target prise --kind kind --kind age=numbr --input x --time-limit soon --trials 0 --group g"
    code, out, err = run(capsys, pets_csv, *words.split(), "-o", tmp_path / "notes")
    assert (code, out) == (2, "")
    for told in ("COLUMN=KIND", "holds other files", "'prise'", "'numbr'", "'x'", "--time-limit", "--trials", "'g'"):
        assert told in err
    assert err.startswith("medley: 8 errors:")
    assert [one.name for one in (tmp_path / "notes").iterdir()] == ["diary.txt"]


def test_a_missing_table_and_no_target(capsys, tmp_path, pets_csv):
    code, _, err = run(capsys, tmp_path / "pet.csv", "--target", "price", "-o", tmp_path / "model")
    assert code == 2
    assert "'pets.csv'" in err
    code, _, err = run(capsys, pets_csv, "-o", tmp_path / "model")
    assert code == 2
    assert "name at least one column to predict" in err
    assert not (tmp_path / "model").exists()


def test_a_model_is_replaced_only_where_that_is_said(capsys, pets_csv, tmp_path):
    folder = tmp_path / "model"
    assert run(capsys, *quick(pets_csv, "--target", "price", "-o", folder))[0] == 0
    code, _, err = run(capsys, *quick(pets_csv, "--target", "breed", "-o", folder))
    assert code == 2
    assert "holds a model already" in err
    assert md.load(folder).output_names == ["price"]
    assert run(capsys, *quick(pets_csv, "--target", "breed", "-o", folder, "--overwrite"))[0] == 0
    assert md.load(folder).output_names == ["breed"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_or_file_of_something_else_is_never_written_to(capsys, pets_csv, overwrite):
    words = ["--target", "price", *(["--overwrite"] if overwrite else [])]
    for place in (pets_csv, pets_csv.parent):
        before = pets_csv.read_bytes()
        assert run(capsys, *quick(pets_csv, *words, "-o", place))[0] == 2
        assert pets_csv.read_bytes() == before
        assert [one.name for one in pets_csv.parent.iterdir()] == ["pets.csv"]


def test_a_model_that_cannot_be_written_leaves_the_old_one(capsys, pets_csv, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    assert run(capsys, *quick(pets_csv, "--target", "price", "-o", folder))[0] == 0

    def fail(self, directory):
        (directory).mkdir()
        (directory / "weights.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(md.Model, "save", fail)
        with pytest.raises(OSError, match="No space"):
            fit._save(md.load(folder), folder)
    assert md.load(folder).output_names == ["price"]
    assert not list(folder.glob(".new*"))


def test_ctrl_c_keeps_the_best_so_far(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400), "y": rng.normal(size=400)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    folder = tmp_path / "model"
    command = [sys.executable, "-m", "medley.cli.main", "fit", str(tmp_path / "t.csv"), "--target", "y"]
    command += ["-o", str(folder), "--trials", "1000", "--time-limit", "5m"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    trials, ends = folder / "search" / "trials.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < ends and not trials.is_file():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"interrupted; the best network so far is saved in {folder}" in err
    assert "Traceback" not in err
    assert len(md.load(folder).predict(frame.head(3))) == 3


def test_ctrl_c_before_there_is_anything(capsys, pets_csv, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("medley.auto.table.fit.fit", stop)
    code, out, err = run(capsys, pets_csv, "--target", "price", "-o", tmp_path / "model")
    assert (code, out, err) == (130, "", "medley: interrupted\n")


def test_the_search_of_a_model_can_be_looked_at_and_gone_on_with(capsys, pets_csv, tmp_path):
    folder = tmp_path / "model"
    assert run(capsys, *quick(pets_csv, "--target", "price", "-o", folder))[0] == 0
    assert main(["trials", str(folder / "search")]) == 0
    for file in folder.glob("*.*"):  # as if it had been killed before the model was written
        file.unlink()
    capsys.readouterr()
    code, out, _ = run(capsys, pets_csv, "--target", "price", "-o", folder, "--epochs", "1", "--trials", "2")
    assert code == 0
    assert "the search resumes from there" in out
    assert len((folder / "search" / "trials.jsonl").read_text().splitlines()) == 2


def test_describe_tells_of_columns_targets_and_what_was_left_out(capsys, pets_csv, tmp_path):
    frame = pd.read_csv(pets_csv).assign(same="x")
    frame.to_csv(pets_csv, index=False)
    assert run(capsys, *quick(pets_csv, "--target", "breed", "-o", tmp_path / "model", "-q"))[0] == 0
    assert main(["describe", str(tmp_path / "model")]) == 0
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines()]
    assert ["age", "number", "table", "a", "number,", "standardised"] in [line[:6] for line in lines]
    assert ["breed", "binary"] in [line[:2] for line in lines]
    assert ["same", "left", "out"] in [line[:3] for line in lines]
