"""The Open Inference Protocol, asked by Triton's own client and by hand."""

import json

import numpy as np
import pytest

from medley.serve.refusal import Refusal
from medley.serve.tensors import rows_of_tensors, tensors_of

triton = pytest.importorskip("tritonclient.http", reason="the client of Triton is not installed")


@pytest.fixture(scope="module")
def triton_client(address):
    with triton.InferenceServerClient(address) as client:
        yield client


def inputs_of(frame, *, is_binary):
    columns = {
        "age": ("FP64", frame["age"].to_numpy(np.float64)),
        "vaccinated": ("BOOL", frame["vaccinated"].to_numpy(bool)),
        "photo": ("BYTES", np.array(frame["photo"].tolist(), object)),
    }
    for name in ("kind", "born", "note"):
        columns[name] = ("BYTES", np.array([text.encode() for text in frame[name]], object))
    if not is_binary:
        del columns["photo"]
    tensors = []
    for name, (datatype, values) in columns.items():
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=is_binary)
        tensors.append(tensor)
    return tensors


def test_the_client_of_triton_finds_server_and_model(triton_client):
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready("pets")
    assert triton_client.get_server_metadata()["name"] == "medley"
    metadata = triton_client.get_model_metadata("pets")
    assert {"name": "age", "datatype": "FP64", "shape": [-1]} in metadata["inputs"]
    assert [tensor["name"] for tensor in metadata["outputs"]] == [
        "breed", "breed_probability", "breed_old", "breed_young", "price",
    ]  # fmt: skip
    with pytest.raises(triton.InferenceServerException, match="Did you mean 'pets'"):
        triton_client.get_model_metadata("pest")


def test_binary_tensors_get_the_answers_of_predict(triton_client, pets_model, frame):
    rows = frame.head(4)
    outputs = [triton.InferRequestedOutput(name, binary_data=True) for name in ("price", "breed", "breed_old")]
    result = triton_client.infer("pets", inputs_of(rows, is_binary=True), outputs=outputs, request_id="a-1")
    expected = pets_model.predict(rows, proba=True)
    assert result.get_response()["id"] == "a-1"
    assert [text.decode() for text in result.as_numpy("breed")] == expected["breed"].tolist()
    np.testing.assert_allclose(result.as_numpy("price"), expected["price"], rtol=1e-5)
    np.testing.assert_allclose(result.as_numpy("breed_old"), expected["breed_old"], rtol=1e-5)


def test_tensors_in_json_and_missing_columns(triton_client, pets_model, frame):
    rows = frame.head(3)
    photo = triton.InferInput("photo", [3], "BYTES")
    photo.set_data_from_numpy(np.array([b""] * 3, object), binary_data=False)
    tensors = [*inputs_of(rows, is_binary=False), photo]
    result = triton_client.infer("pets", tensors, outputs=[triton.InferRequestedOutput("price", binary_data=False)])
    expected = pets_model.predict(rows.assign(photo=None))
    np.testing.assert_allclose(result.as_numpy("price"), expected["price"], rtol=1e-5)
    with pytest.raises(triton.InferenceServerException, match="cell"):
        triton_client.infer("pets", inputs_of(rows, is_binary=False))


def test_versions_and_errors(client):
    version = client.get("/v2/models/pets").json()["versions"][0]
    assert client.get(f"/v2/models/pets/versions/{version}/ready").json()["ready"]
    assert client.get("/v2/models/pets/versions/7").status_code == 404
    response = client.post("/v2/models/pets/infer", json={"inputs": 3})
    assert response.status_code == 400
    assert "error" in response.json()
    header = {"inference-header-content-length": "900"}
    assert client.post("/v2/models/pets/infer", content=b"{}", headers=header).status_code == 400


@pytest.mark.parametrize(
    ("tensor", "binary", "message"),
    [
        ({"datatype": ["FP32"], "shape": [1], "data": [1]}, b"", "has the datatype"),
        ({"datatype": "FP8", "shape": [1], "data": [1]}, b"", "has the datatype 'FP8'"),
        ({"datatype": "FP32", "shape": [2], "data": [1]}, b"", r"has the shape \[2\] and 1 values"),
        ({"datatype": "FP32", "shape": [-1], "data": [1]}, b"", "no list of whole numbers"),
        ({"datatype": "FP32", "shape": [1], "data": ["a"]}, b"", "declared as FP32"),
        ({"datatype": "FP32", "shape": [1]}, b"", "has no data"),
        ({"datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 3}}, b"123", "within a number"),
        ({"datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 8}}, b"1234", "announces 8"),
        ({"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 6}}, b"\x09\0\0\0ab", "within a text"),
        ({"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": -1}}, b"", "binary_data_size"),
    ],
)
def test_tensors_that_contradict_themselves_are_refused(tensor, binary, message, application):
    fields = next(iter(application.state.served)).loaded.fields
    with pytest.raises(Refusal, match=message):
        rows_of_tensors({"inputs": [{"name": "age", **tensor}]}, binary, fields)


def test_outputs_are_tensors_in_json_or_behind_it():
    columns = [("kind", ["cat", None]), ("price", [1.5, None]), ("tags", [["a"], []])]
    outputs, binary = tensors_of(columns, [{"name": "price", "parameters": {"binary_data": True}}], binary=False)
    assert np.isnan(np.frombuffer(binary)[1])
    assert outputs[0]["parameters"] == {"binary_data_size": 16}
    outputs, binary = tensors_of(columns, None, binary=False)
    assert [output["data"] for output in outputs] == [["cat", ""], [1.5, None], ['["a"]', "[]"]]
    assert json.loads(json.dumps(outputs)) == outputs
    with pytest.raises(Refusal, match="no output 'size'"):
        tensors_of(columns, [{"name": "size"}], binary=False)
