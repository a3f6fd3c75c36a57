"""A model as a directory: nothing but data, the same predictions, clear errors where it is damaged."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import medley
from medley.core.layer import Layer
from medley.core.normalization import Normalization
from medley.core.registry import register
from medley.core.serialization import FORMAT, json_bytes
from medley.core.torchblock import TorchBlock
from medley.errors import ArtifactError, ConfigError, MedleyError
from medley.fusion import Merge
from medley.heads import RegressionHead
from medley.model.artifact import accept, load
from medley.series.input import Input

FILES = ["codecs.safetensors", "model.json", "weights.safetensors"]

FRESH = """
import json, sys
import numpy as np
import medley, safetensors.torch, torch

def forbid(event, arguments):
    if event == "pickle.find_class" or (event == "open" and str(arguments[0]).startswith(sys.argv[1])
                                        and not str(arguments[0]).endswith((".json", ".safetensors"))):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(forbid)
torch.set_num_threads(1)
model = medley.load(sys.argv[1])
rows = json.loads(sys.stdin.read())
rows["wave"] = np.array(rows["wave"], "float32")
raw = model.predict_raw(rows)
price = model.predict(rows)["price"]
print(json.dumps([{name: array.tobytes().hex() for name, array in raw.items()}, price.tobytes().hex(),
                  model.predict(rows)["kind"].tolist()]))
"""


@pytest.fixture
def saved(model, tmp_path):
    return model.save(tmp_path / "saved")


def test_a_new_process_predicts_the_same_bits_and_unpickles_nothing(model, rows, saved):
    sent = json.dumps({"wave": rows["wave"].tolist(), "facts": rows["facts"]})
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(saved)], input=sent, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    raw, price, kind = json.loads(done.stdout)
    assert raw == {name: array.tobytes().hex() for name, array in model.predict_raw(rows).items()}
    assert price == model.predict(rows)["price"].tobytes().hex()
    assert kind == model.predict(rows)["kind"].tolist()


def test_the_directory_holds_json_and_safetensors_alone(saved):
    assert sorted(path.name for path in saved.iterdir()) == FILES
    assert json.loads((saved / "model.json").read_text("utf-8"))["format"] == FORMAT


def test_metadata_names_and_summary_come_back(model, saved):
    again = load(saved)
    assert again.metadata == model.metadata
    assert (again.input_names, again.output_names) == (model.input_names, model.output_names)
    assert again.summary() == model.summary()
    assert again.labels("kind") == model.labels("kind")
    for name, tensor in again.network.state_dict().items():
        assert torch.equal(tensor, model.network.state_dict()[name])


def test_a_loaded_model_can_be_saved_again_to_the_same_bytes(saved, tmp_path):
    again = load(saved).save(tmp_path / "again")
    for name in FILES:
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def test_saving_over_a_model_replaces_it_and_leaves_no_other_files(model, make_model, saved):
    x = Input(name="x")
    small = make_model(x, RegressionHead(name="y")(x), {"x": np.eye(5)}, {"y": np.arange(5.0)})
    for turn in range(3):
        (small if turn % 2 == 0 else model).save(saved)
        assert load(saved).input_names == (small if turn % 2 == 0 else model).input_names
        kinds = [path.name.replace("-2", "") for path in saved.iterdir()]
        assert sorted(kinds) == FILES


def test_other_files_in_the_directory_stay(model, saved):
    (saved / "README.md").write_text("mine")
    model.save(saved)
    assert (saved / "README.md").read_text() == "mine"


@pytest.mark.parametrize("place", [0, -200])
def test_a_changed_bit_of_the_weights_is_reported(saved, place):
    content = bytearray((saved / "weights.safetensors").read_bytes())
    content[place] ^= 1
    (saved / "weights.safetensors").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"weights\.safetensors is damaged, or was changed .*different checksum"):
        load(saved)


def test_a_change_of_the_description_is_reported_and_can_be_accepted(saved):
    path = saved / "model.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content, indent=4, sort_keys=True))  # another layout, the same values
    assert load(saved).output_names
    content["metadata"]["note"] = "checked by hand"
    path.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=r"model\.json is damaged, or was changed after .*doctor .* --accept`"):
        load(saved)
    assert accept(saved) == ["model.json"]
    assert load(saved).metadata["note"] == "checked by hand"
    assert accept(saved) == []


def test_changed_weights_can_be_accepted_and_damaged_ones_not(saved):
    weights = saved / "weights.safetensors"
    tensors = {name: tensor * 0 for name, tensor in load_file(weights).items()}
    save_file(tensors, weights)
    with pytest.raises(ArtifactError, match=r"different checksum\)\. If you changed it on purpose"):
        load(saved)
    assert accept(saved) == ["weights.safetensors"]
    assert not any(tensor.any() for tensor in load(saved).network.parameters())
    weights.write_bytes(weights.read_bytes()[:-1])
    before = (saved / "model.json").read_bytes()
    with pytest.raises(ArtifactError, match="damaged"):
        accept(saved)
    assert (saved / "model.json").read_bytes() == before


def test_a_model_without_checksums_loads(saved):
    content = json.loads((saved / "model.json").read_text("utf-8"))
    del content["files"], content["checksum"]
    (saved / "model.json").write_text(json.dumps(content))
    assert load(saved).output_names


@pytest.mark.parametrize("files", [3, {"weights.safetensors": 3}, {"weights.safetensors": {"name": "../other"}}])
def test_only_files_of_the_directory_are_read(saved, files):
    content = json.loads((saved / "model.json").read_text("utf-8"))
    (saved / "model.json").write_bytes(json_bytes({**content, "files": files}))
    with pytest.raises(ArtifactError, match=r"model\.json is damaged"):
        load(saved)


def test_a_file_in_the_way_is_reported(model, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ArtifactError, match="is a file; a model is a directory"):
        model.save(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(ArtifactError, match=f"holds no complete model: {name} missing"):
        load(saved)


def test_a_directory_that_is_no_model_is_reported(tmp_path):
    with pytest.raises(ArtifactError, match=r"holds no complete model: model\.json, weights"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_named(saved, name, share):
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ArtifactError, match=f"{name} is damaged"):
        load(saved)


def test_any_part_of_the_description_may_be_missing_or_wrong(saved):
    """Every value of the JSON, taken away or replaced, either does not matter or is reported by an error of medley."""
    path = saved / "model.json"
    whole = json.loads(path.read_text("utf-8"))
    refused = 0
    for place in _places(whole):
        for damage in (None, "lion", 7, []):
            path.write_bytes(json_bytes(_changed(whole, place, damage)))
            try:
                load(saved)
            except MedleyError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"{place} = {damage!r} raises {error!r}") from error
    assert refused > 100


def _places(value, path=()):
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            if path[:1] != ("metadata",):
                yield (*path, key)
                yield from _places(value[key], (*path, key))


def _changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"format": "new"}', '{"format": 3}'])
def test_json_that_describes_no_model_is_damaged(saved, content):
    (saved / "model.json").write_text(content)
    with pytest.raises(ArtifactError, match="damaged"):
        load(saved)


def test_another_format_is_refused_with_both_versions_and_the_way_out(saved):
    content = json.loads((saved / "model.json").read_text("utf-8"))
    assert (content["format"], content["medley"]) == (FORMAT, medley.__version__)
    (saved / "model.json").write_text(json.dumps({**content, "format": 99, "medley": "7.5"}))
    with pytest.raises(ArtifactError) as error:
        load(saved)
    ours = f"medley {medley.__version__} reads format {FORMAT}"
    assert f"was written by medley 7.5 in format 99; {ours}. Update medley to 7.5 or later" in str(error.value)
    (saved / "model.json").write_text(json.dumps({**content, "format": 1, "medley": "0.1.0"}))
    with pytest.raises(ArtifactError, match=r"in format 1; .* pip install 'medley==0\.1\.0'"):
        load(saved)


def test_weights_of_another_network_are_refused(model, make_model, saved, tmp_path):
    x = Input(name="x")
    other = make_model(x, RegressionHead(name="y")(x), {"x": np.eye(5)}, {"y": np.arange(5.0)}).save(tmp_path / "other")
    (saved / "weights.safetensors").write_bytes((other / "weights.safetensors").read_bytes())
    with pytest.raises(ArtifactError, match="is damaged, or was changed after it was saved"):
        load(saved)
    content, others = (json.loads((folder / "model.json").read_text("utf-8")) for folder in (saved, other))
    content["files"]["weights.safetensors"] = others["files"]["weights.safetensors"]
    (saved / "model.json").write_bytes(json_bytes(content))
    with pytest.raises(ArtifactError, match="does not fit the graph beside it"):
        load(saved)


def joined(make_model, block):
    x = Input(name="x")
    return make_model(x, RegressionHead(name="y")(block(x)), {"x": np.eye(5)}, {"y": np.arange(5.0)})


class Plain(Layer):
    def build(self, *specs):
        return nn.Linear(specs[0].width, 3)


class Named(Layer, register="artifact_test.named"):
    def build(self, *specs):
        return nn.Linear(specs[0].width, 3)


@register("artifact_test.net")
def net():
    return nn.Linear(5, 3)


def test_a_part_without_a_registered_name_is_refused_before_anything_is_written(make_model, tmp_path):
    for block in (Plain(), TorchBlock(lambda: nn.Linear(5, 3))):
        with pytest.raises(ArtifactError, match="registered"):
            joined(make_model, block).save(tmp_path / "none")
        assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("block", [Named(), TorchBlock(net)])
def test_own_parts_with_a_registered_name_come_back(make_model, tmp_path, block):
    model = joined(make_model, block)
    np.testing.assert_array_equal(load(model.save(tmp_path)).predict(np.eye(5)), model.predict(np.eye(5)))


def test_a_part_that_is_not_registered_here_is_named(make_model, tmp_path):
    joined(make_model, Named()).save(tmp_path)
    path = tmp_path / "model.json"
    path.write_bytes(json_bytes(json.loads(path.read_text().replace("artifact_test.named", "theirs.named"))))
    with pytest.raises(ConfigError, match=r"Nothing is registered under 'theirs.named'.*must be imported"):
        load(tmp_path)


def test_a_block_called_twice_is_saved_once_and_stays_shared(make_model, tmp_path):
    x, shared = Input(name="x"), Named(name="shared")
    twice = Merge("add")([shared(x), shared(Normalization()(x))])
    model = make_model(x, RegressionHead(name="y")(twice), {"x": np.eye(5)}, {"y": np.arange(5.0)})
    again = load(model.save(tmp_path))
    assert len([name for name in again.network.state_dict() if name.endswith("weight")]) == 2
    np.testing.assert_array_equal(again.predict(np.eye(5)), model.predict(np.eye(5)))


def test_files_are_as_readable_as_any_other(tmp_path):
    from medley.core.files import write_file

    (tmp_path / "plain").write_bytes(b"x")
    write_file(tmp_path / "ours", b"x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_and_a_search_are_distinguished_from_a_broken_model(tmp_path):
    (tmp_path / "project.json").write_text("{}")
    with pytest.raises(ArtifactError, match="It holds a search"):
        load(tmp_path)
    with pytest.raises(ArtifactError, match="It is a file; a model is a folder"):
        load(tmp_path / "project.json")


def test_a_folder_that_cannot_be_written_to_is_reported(make_model, tmp_path, monkeypatch):
    x = np.zeros((4, 2), np.float32)
    model = make_model(Input(), RegressionHead(name="y"), {"input_1": x}, {"y": [1.0, 2.0, 3.0, 4.0]})

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medley.model.files.write_file", refuse)
    with pytest.raises(ArtifactError, match=r"cannot be written to .*model: No space left on device"):
        model.save(tmp_path / "model")
