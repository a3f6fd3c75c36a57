"""Models that were saved by earlier versions load and predict what they predicted then."""

import json
from pathlib import Path

import numpy as np
import pytest

import medley as md
from medley.core import serialization
from medley.core.serialization import FIRST_FORMAT, FORMAT, array_from_json
from medley.errors import ArtifactError

HERE = Path(__file__).parent
SAVED = sorted(path.parent for path in HERE.glob("*/*/model.json"))


def unpacked(value):
    if isinstance(value, dict):
        if set(value) == {"array", "dtype", "shape"}:
            return array_from_json(value)
        if set(value) == {"tuple"}:
            return tuple(unpacked(item) for item in value["tuple"])
        return {name: unpacked(item) for name, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("folder", SAVED, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_saved_model_predicts_what_it_predicted(folder):
    content = unpacked(json.loads((folder / "expected.json").read_text("utf-8")))
    raw = md.load(folder).predict_raw(content["rows"])
    assert raw.keys() == content["raw"].keys()
    for head, expected in content["raw"].items():
        np.testing.assert_allclose(raw[head], expected, rtol=1e-3, atol=1e-4)  # other processors round differently


@pytest.mark.parametrize("path", sorted(HERE.glob("*/*/model.onnx")), ids=lambda path: path.parent.name)
def test_an_exported_model_predicts_what_it_predicted(path):
    from medley import runtime

    content = unpacked(json.loads((path.parent / "expected.json").read_text("utf-8")))
    raw = runtime.load(path).predict_raw(content["rows"])
    for head, expected in content["raw"].items():
        np.testing.assert_allclose(raw[head], expected, rtol=1e-3, atol=1e-3)


def test_there_are_models_of_every_promised_format():
    formats = {int(folder.parent.name) for folder in SAVED}
    assert formats == set(range(FIRST_FORMAT, FORMAT + 1))
    for folder in SAVED:
        assert json.loads((folder / "model.json").read_text("utf-8"))["format"] == int(folder.parent.name)


def test_an_older_format_is_migrated_step_by_step(tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"format": FORMAT, "medley": "0.1.0", "heads": [1]}))
    steps = {
        FORMAT: lambda content: {"targets": content["heads"]},
        FORMAT + 1: lambda content: {**content, "new": True},
    }
    monkeypatch.setattr(serialization, "MIGRATIONS", steps)
    monkeypatch.setattr(serialization, "FORMAT", FORMAT + 2)
    content = serialization.read_json(path)
    assert (content["targets"], content["new"], content["format"]) == ([1], True, FORMAT)


def test_formats_before_the_first_promised_are_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"format": FIRST_FORMAT - 1, "medley": "0.0.9"}))
    with pytest.raises(ArtifactError, match=r"written by medley 0\.0\.9 in format 2"):
        serialization.read_json(path)
