"""`medley fit`."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.cli.main import main
from medley.core.files import write_file


def run(capsys, *arguments):
    code = main(["fit", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def quick(*arguments):
    return [*arguments, "--trials", "1", "--epochs", "1"]


def test_one_command_trains_a_model_on_a_table(capsys, pets_csv, tmp_path):
    folder = tmp_path / "model"
    arguments = quick(pets_csv, "--target", "breed", "--target", "price", "-o", folder, "--kind", "kind=category")
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    assert "target breed: binary" in out
    assert f"saved in {folder}" in out
    assert "price_loss" in out
    model = md.load(folder)
    assert model.output_names == ["breed", "price"]
    assert sorted(file.name for file in folder.iterdir()) == [
        "codecs.safetensors",
        "model.json",
        "search",
        "weights.safetensors",
    ]


def test_every_option_reaches_the_search(capsys, pets_csv, tmp_path, monkeypatch):
    received = {}

    def fake(table, targets, **options):
        received.update(options, table=str(table), targets=targets)
        raise md.MedleyError("enough")

    monkeypatch.setattr("medley.auto.table.fit.fit", fake)
    arguments = (
        "--target price --target breed --input age --input kind --kind kind=category --root r --group g --weight w "
        "--time-limit 90s --trials 3 --epochs 4 --seed 5 --device cpu --on-bad-file drop --overwrite -q --memory 2GB "
        "--pretrained models/bert --plan plan.json --missing Unknown --missing-in age=-1 --private kind "
        "--executor processes --workers 2"
    )
    plan = {"epochs": 3, "first_epochs": None, "inputs": {}}
    (tmp_path / "plan.json").write_text(json.dumps({"plan": plan}))
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, pets_csv, *arguments.split(), "-o", tmp_path / "model")
    assert (code, err) == (2, "medley: enough\n")
    missing_values = received.pop("missing_values")
    assert (missing_values.added, missing_values.by_column) == ({"unknown"}, {"age": {"-1"}})
    assert received == {
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
        "resume": False,
        "verbose": 0,
        "pretrained": "models/bert",
        "local_means": True,
        "memory": "2GB",
        "private": ["kind"],
        "executor": "processes",
        "workers": 2,
        "plan": plan,
        "project_name": "search",
        "directory": tmp_path / "model",
    }


def test_ranks_are_those_of_ray(capsys, pets_csv, tmp_path, monkeypatch):
    received = {}

    def fake(table, targets, **options):
        received.update(options)
        raise md.MedleyError("enough")

    monkeypatch.setattr("medley.auto.table.fit.fit", fake)
    arguments = [pets_csv, "--target", "price", "-o", tmp_path / "model"]
    assert run(capsys, *arguments, *["--executor", "ray", "--workers", "2", "--ranks", "4"])[0] == 2
    assert (received["executor"].ranks, received["executor"].workers, "workers" in received) == (4, 2, False)
    received.clear()
    code, _, err = run(capsys, *arguments, *["--executor", "processes", "--ranks", "4"])
    assert (code, received) == (2, {})
    assert "--ranks needs --executor ray" in err
    code, _, err = run(capsys, *arguments, *["--executor", "ray", "--ranks", "0"])
    assert (code, received) == (2, {})
    assert "--ranks must be a whole number of at least 1, got 0" in err


def test_quiet_prints_nothing_and_the_default_folder_has_the_files_name(capsys, pets_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, *quick("pets.csv", "--target", "price", "-q")) == (0, "", "")
    assert md.load("pets-model").output_names == ["price"]


def test_each_leak_is_reported_in_one_line(capsys, pets_csv, tmp_path):
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
    arguments = "--target prise --kind kind --kind age=numbr --input x --time-limit soon --trials 0 --group g"
    code, out, err = run(capsys, pets_csv, *arguments.split(), "-o", tmp_path / "notes")
    assert (code, out) == (2, "")
    for message in (
        "COLUMN=KIND",
        "contains other files",
        "'prise'",
        "'numbr'",
        "'x'",
        "--time-limit",
        "--trials",
        "'g'",
    ):
        assert message in err
    assert err.startswith("medley: 8 errors:")
    assert [file.name for file in (tmp_path / "notes").iterdir()] == ["diary.txt"]


def test_a_missing_table_and_no_target(capsys, tmp_path, pets_csv):
    code, _, err = run(capsys, tmp_path / "pet.csv", "--target", "price", "-o", tmp_path / "model")
    assert code == 2
    assert "'pets.csv'" in err
    code, _, err = run(capsys, pets_csv, "-o", tmp_path / "model")
    assert code == 2
    assert "name at least one column to predict" in err
    assert not (tmp_path / "model").exists()


def test_a_model_is_replaced_only_with_overwrite(capsys, pets_csv, tmp_path):
    folder = tmp_path / "model"
    assert run(capsys, *quick(pets_csv, "--target", "price", "-o", folder))[0] == 0
    code, _, err = run(capsys, *quick(pets_csv, "--target", "breed", "-o", folder))
    assert code == 2
    assert "contains a model already" in err
    assert md.load(folder).output_names == ["price"]
    assert run(capsys, *quick(pets_csv, "--target", "breed", "-o", folder, "--overwrite"))[0] == 0
    assert md.load(folder).output_names == ["breed"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_files_and_folders_are_never_overwritten(capsys, pets_csv, overwrite):
    arguments = ["--target", "price", *(["--overwrite"] if overwrite else [])]
    for output in (pets_csv, pets_csv.parent):
        before = pets_csv.read_bytes()
        assert run(capsys, *quick(pets_csv, *arguments, "-o", output))[0] == 2
        assert pets_csv.read_bytes() == before
        assert [file.name for file in pets_csv.parent.iterdir()] == ["pets.csv"]


def test_the_old_model_is_kept_if_the_new_one_cannot_be_written(capsys, pets_csv, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    assert run(capsys, *quick(pets_csv, "--target", "price", "-o", folder))[0] == 0

    def fail(path, content):
        if path.name == "model.json":
            raise OSError(28, "No space left on device")
        write_file(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("medley.model.files.write_file", fail)
        code, _, err = run(capsys, *quick(pets_csv, "--target", "breed", "-o", folder, "--overwrite"))
    assert code == 2
    assert "cannot be written" in err
    assert "No space left on device" in err
    assert md.load(folder).output_names == ["price"]
    assert run(capsys, *quick(pets_csv, "--target", "breed", "-o", folder, "--overwrite"))[0] == 0
    assert md.load(folder).output_names == ["breed"]


def test_ctrl_c_saves_the_best_network_so_far(tmp_path):
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


def test_ctrl_c_before_the_first_network(capsys, pets_csv, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("medley.auto.table.fit.fit", stop)
    code, out, err = run(capsys, pets_csv, "--target", "price", "-o", tmp_path / "model")
    assert (code, out, err) == (130, "", "medley: interrupted\n")


def test_the_search_of_a_model_can_be_listed_and_resumed(capsys, pets_csv, tmp_path):
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


def test_describe_shows_columns_targets_and_left_out_columns(capsys, pets_csv, tmp_path):
    frame = pd.read_csv(pets_csv).assign(same="x")
    frame.to_csv(pets_csv, index=False)
    assert run(capsys, *quick(pets_csv, "--target", "breed", "-o", tmp_path / "model", "-q"))[0] == 0
    assert main(["describe", str(tmp_path / "model")]) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert ["age", "number", "table", "a", "number,", "standardised"] in [line[:6] for line in lines]
    assert ["breed", "binary"] in [line[:2] for line in lines]
    assert ["same", "left", "out"] in [line[:3] for line in lines]


def test_a_plan_is_repeated_from_a_saved_model_and_from_a_file(pets_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = ["fit", str(pets_csv), "--target", "breed", "--target", "price", "-q"]
    assert main([*common, "-o", "first", "--trials", "1", "--time-limit", "4"]) == 0
    plan = json.loads((tmp_path / "first" / "model.json").read_text())["metadata"]["plan"]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert main([*common, "-o", "again", "--plan", "first"]) == 0
    assert main([*common, "-o", "third", "--plan", "plan.json"]) == 0
    first, again, third = (md.load(name).predict(pd.read_csv(pets_csv)) for name in ("first", "again", "third"))
    pd.testing.assert_frame_equal(again, third)
    if plan["complete"]:
        pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.json", None, "--plan none.json is not a file or folder"),
        ("plan.json", "{", "plan.json cannot be read as JSON"),
        ("plan.json", "[1]", "plan.json holds no plan"),
        ("plan.json", '{"epochs": -1, "first_epochs": null, "inputs": {}}', 'plan["epochs"] must be'),
        ("folder", "", "--plan folder is a folder without a saved model"),
    ],
)
def test_a_plan_that_is_none_is_an_error(name, content, expected, pets_csv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if content:
        (tmp_path / name).write_text(content)
    elif content == "":
        (tmp_path / name).mkdir()
    assert main(["fit", str(pets_csv), "--target", "price", "-o", "model", "--plan", name]) == 2
    assert expected in capsys.readouterr().err


def test_classes_are_added_to_a_saved_model_on_request(capsys, pets_model, pets_csv, tmp_path):
    more = pd.read_csv(pets_csv)
    more.loc[::3, "breed"] = "lynx"
    more.to_csv(tmp_path / "more.csv", index=False)
    arguments = [tmp_path / "more.csv", "--from", pets_model, "-o", tmp_path / "m", "--epochs", "1"]
    code, _, err = run(capsys, *arguments)
    assert (code, "lynx" in err) == (2, True), err
    assert run(capsys, *arguments, "--new-classes", "add")[0] == 0
    assert "lynx" in md.load(tmp_path / "m").labels("breed")
    code, _, err = run(capsys, tmp_path / "more.csv", "--target", "breed", "--new-classes", "add")
    assert (code, "--new-classes needs --from MODEL" in err) == (2, True)
