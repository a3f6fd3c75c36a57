"""The saved format: arrays are restored, and only numeric arrays are saved."""

import json

import numpy as np
import pytest

from medley.core.serialization import (
    FORMAT,
    array_from_json,
    array_to_json,
    join_arrays,
    json_bytes,
    read_json,
    split_arrays,
    without_header,
)
from medley.errors import ArtifactError

ARRAYS = [
    np.arange(6, dtype="int32").reshape(2, 3)[:, ::2],
    np.array([1.5, -np.inf, np.nan]),
    np.array([True, False]),
    np.array([1, 2], dtype=">i8"),
    np.zeros((0, 4), "uint8"),
    np.float32(3.0).reshape(()),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_arrays_survive_json(array):
    again = array_from_json(json.loads(json.dumps(array_to_json(array))))
    assert again.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([object()]), np.array([1j])])
def test_arrays_of_other_things_are_refused(array):
    with pytest.raises(ArtifactError, match="must be numeric"):
        array_to_json(array)
    with pytest.raises(ArtifactError, match="must be numeric"):
        split_arrays({"array": array}, "x")
    with pytest.raises(ArtifactError, match="must be numeric"):
        array_from_json({"array": "", "dtype": array.dtype.str, "shape": [0]})


def test_a_state_is_split_and_joined():
    state = {"mean": np.ones(2), "names": ["a"], "scale": 2.0}
    values, arrays = split_arrays(state, "sources/a")
    _, other_arrays = split_arrays({"mean": np.zeros(2)}, "sources/ab")
    again = join_arrays(json.loads(json.dumps(values)), "sources/a", {**arrays, **other_arrays})
    assert again.keys() == state.keys()
    np.testing.assert_array_equal(again["mean"], state["mean"])


def test_json_files_have_a_header(tmp_path):
    (tmp_path / "x.json").write_bytes(json_bytes({"value": float("inf")}))
    assert read_json(tmp_path / "x.json")["value"] == float("inf")
    assert read_json(tmp_path / "x.json")["format"] == FORMAT


@pytest.mark.parametrize(
    "content",
    [
        {1: "a", 2.5: (1, 2)},
        {"a": float("nan"), "b": [-0.0, 1e300]},
        {"text": "\u00e9\u2028 \U0001f600"},
        {"n": 2**70},
        {},
    ],
)
def test_a_change_of_a_json_file_is_noticed_but_not_its_layout(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(json_bytes({"content": content, "rows": 3}))
    values = read_json(path)
    path.write_text(json.dumps(values, indent=7, sort_keys=True, ensure_ascii=True))
    assert repr(read_json(path)["content"]) == repr(values["content"])
    path.write_text(json.dumps({**values, "rows": 4}))
    with pytest.raises(ArtifactError, match=r"x\.json is damaged, or was changed after it was saved.*Copy it again"):
        read_json(path, advice="Copy it again.")
    assert read_json(path, accept=True)["rows"] == 4
    path.write_bytes(json_bytes(without_header(read_json(path, accept=True))))
    assert read_json(path)["rows"] == 4


@pytest.mark.parametrize("content", ["", "[]", "3", "{}", '{"format": "new"}', '{"format": null}', '{"format": 2'])
def test_damaged_json_is_reported(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"x\.json is damaged, or was not written by medley"):
        read_json(tmp_path / "x.json")
