"""The option --json of all commands: one document that other programs read."""

import json

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.cli.main import COMMANDS, command_parser, main

PRINT_NO_DATA = {"new", "completion", "worker", "serve"}
"""They write a configuration and a script; a worker and a server print progress."""


def run(capsys, *arguments):
    code = main([*map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(capsys, *arguments):
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    return json.loads(out)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in PRINT_NO_DATA])
def test_every_command_that_prints_has_the_option(command):
    assert "--json" in command_parser([command])[1][command]._option_string_actions


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_quiet(command):
    options = command_parser([command])[1][command]._option_string_actions
    assert {"-q", "-v"} <= set(options)


def test_inspect(capsys, pets_csv):
    frame = pd.read_csv(pets_csv)
    frame["copy"] = frame["price"] * 2
    frame.loc[:5, "age"] = None
    pd.concat([frame, frame[:4]]).to_csv(pets_csv, index=False)
    inspected = document(capsys, "inspect", pets_csv, "--target", "price")
    columns = {column.pop("column"): column for column in inspected["columns"]}
    assert inspected["rows"] == 64
    assert columns["age"]["kind"] == "number"
    assert columns["age"]["missing"] == pytest.approx(10 / 64)
    assert [target["task"] for target in inspected["targets"]] == ["number"]
    assert [(leak["column"], leak["target"]) for leak in inspected["leaks"]] == [("copy", "price")]
    assert inspected["duplicate_rows"] == 4


def test_evaluate_and_describe(capsys, pets_model, pets_csv):
    frame = pd.read_csv(pets_csv)
    frame.loc[:9, "breed"] = None
    frame.to_csv(pets_csv, index=False)
    model = md.load(pets_model)
    expected = model.evaluate(pets_csv)
    scores = document(capsys, "evaluate", pets_model, pets_csv)
    assert scores["loss"] == pytest.approx(expected["loss"])
    assert scores["targets"][0]["labelled_rows"] == 50
    assert scores["targets"][1]["metrics"]["loss"] == pytest.approx(expected["price_loss"])
    described = document(capsys, "describe", pets_model)
    assert described["metadata"]["scores"] == model.metadata["scores"]
    assert [column["column"] for column in described["columns"]] == model.table.required
    assert described["outputs"][0] == {
        "output": "breed",
        "target": "breed",
        "head": "ClassificationHead",
        "classes": ["old", "young"],
    }
    assert sum(part["parameters"] or 0 for part in described["parts"]) == described["parameters"]
    assert all(part["bytes"] >= 0 and part["milliseconds"] > 0 for part in described["parts"])
    assert described["parameters"] == sum(parameter.numel() for parameter in model.network.parameters())


def test_predict_prints_rows(capsys, pets_model, pets_csv):
    code, out, _ = run(capsys, "predict", pets_model, pets_csv, "--json", "--with-inputs")
    rows = pd.DataFrame([json.loads(line) for line in out.splitlines()])
    expected = md.load(pets_model).predict(pets_csv)
    assert code == 0
    np.testing.assert_allclose(rows["price_predicted"], expected["price"])
    assert rows["breed_predicted"].tolist() == expected["breed"].tolist()
    code, out, err = run(capsys, "predict", pets_model, pets_csv, "--json", "-o", "out.csv")
    assert (code, out) == (2, "")
    assert "--json prints rows, and -o out.csv writes them" in err


def test_trials_and_doctor(capsys, pets_model):
    project = pets_model.parent / "search"
    trials = document(capsys, "trials", project)
    assert trials["best"] == 0
    assert trials["trials"][0]["state"] == "complete"
    assert trials["trials"][0]["epochs"] == 2
    assert isinstance(trials["trials"][0]["score"], float)
    assert {finding["state"] for finding in document(capsys, "doctor", pets_model)} == {"ok"}


def test_a_damaged_model_is_found_in_json_too(capsys, pets_model, tmp_path):
    model = md.load(pets_model).save(tmp_path / "model")
    (model / "weights.safetensors").unlink()
    code, out, _ = run(capsys, "doctor", model, "--json")
    assert code == 2
    assert "damaged" in [finding["state"] for finding in json.loads(out)]


def test_importance_explanations_and_exports(capsys, pets_model, pets_csv, tmp_path):
    measured = document(capsys, "importance", pets_model, pets_csv, "--repeats", 1)
    assert measured["rows"] == 60
    assert {entry["name"] for entry in measured["importance"] if entry["level"] == "column"} == {"age", "kind"}
    explained = document(capsys, "explain", pets_model, pets_csv, "--row", 3, "--target", "price", "--samples", 4)
    (item,) = explained
    amounts = sum(part["amount"] for part in item["parts"])
    assert amounts == pytest.approx(item["output"] - item["reference"], rel=1e-4)
    pytest.importorskip("onnxscript")
    paths = document(capsys, "export", pets_model, "-o", tmp_path / "pets.onnx")
    assert [pd.io.common.file_exists(path) for path in paths.values()] == [True, True]


def test_blocks(capsys):
    blocks = document(capsys, "blocks")
    assert {"image.conv", "tabular.dense"} <= {block["name"] for block in blocks}
    (block,) = document(capsys, "blocks", "ConvBlock")
    assert block["class"] == "ConvBlock"
    assert "kernel_size" in [field["field"] for field in block["fields"]]


def test_comparisons_thresholds_and_reports(capsys, pets_model, pets_csv, tmp_path):
    model = md.load(pets_model).save(tmp_path / "model")
    compared = document(capsys, "compare", pets_model, model, pets_csv, "--samples", 20)
    assert compared["rows"] == 60
    assert {entry["target"] for entry in compared["metrics"]} == {"breed", "price"}
    assert compared["groups"] is None
    twice = document(capsys, "compare", model, model, pets_csv, "--samples", 5, "--group", "kind")
    assert {entry["model"] for entry in twice["metrics"]} == {str(model), f"{model} (2)"}
    assert 1 < twice["groups"] < 60
    threshold = document(capsys, "threshold", model, "--target", "breed", "--at", 0.3)
    assert threshold["rules"]["breed"]["threshold"] == 0.3
    assert document(capsys, "threshold", model)["rules"] == threshold["rules"]
    assert document(capsys, "threshold", model, "--reset")["rules"] == {}
    code, out, _ = run(capsys, "drift", pets_model, pets_csv, "--json")
    drift = json.loads(out)
    assert (code, drift["drifted"]) == (0, 0)
    assert {"age", "kind"} <= {column["name"] for column in drift["columns"]}
    report = document(capsys, "report", pets_model, "-o", tmp_path / "report.json")
    assert report["bytes"] == (tmp_path / "report.json").stat().st_size
