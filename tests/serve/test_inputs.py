"""Models that were fitted to inputs rather than to a table: arrays, images and texts by the name of the input."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import medley as md
from medley.serve import app

ROWS = 30
NAMES = ("photo", "facts", "note", "vector", "sensor")


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return {
        "photo": rng.integers(0, 255, (ROWS, 8, 8, 3)).astype("uint8"),
        "facts": rng.normal(size=(ROWS, 3)).round(3),
        "note": rng.choice(["red green", "blue", "green blue red"], ROWS).tolist(),
        "vector": rng.normal(size=(ROWS, 4)).round(3).astype("float32"),
        "sensor": rng.normal(size=(ROWS, 5, 2)).round(3).astype("float32"),
    }


@pytest.fixture(scope="module")
def model(x):
    inputs = [md.ImageInput(), md.StructuredDataInput(), md.TextInput(), md.Input(), md.TimeseriesInput()]
    named = [type(block)(name=name) for block, name in zip(inputs, NAMES, strict=True)]
    auto = md.AutoModel(
        named, [md.ClassificationHead(name="kind"), md.RegressionHead(name="price")], max_trials=1, seed=0
    )
    y = [np.where(x["facts"][:, 0] > 0, "high", "low"), 5 * x["facts"][:, 0]]
    auto.fit([x[name] for name in NAMES], y, epochs=3, verbose=0)
    return auto.model


@pytest.fixture(scope="module")
def client(model):
    with TestClient(app({"things": model})) as client:
        yield client


@pytest.fixture(scope="module")
def rows(x):
    return [
        {name: values[row] if name == "note" else values[row].tolist() for name, values in x.items()}
        for row in range(6)
    ]


@pytest.mark.parametrize(("name", "cell"), [("vector", [1.0, 2.0]), ("sensor", [[1.0, 2.0, 3.0]] * 5)])
def test_an_array_of_another_shape_is_an_error_of_its_field(client, rows, name, cell):
    response = client.post("/models/things/predict", json={"rows": [rows[0], {**rows[1], name: cell}]})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["row"], error["column"]) == (1, name)
    assert f"got {list(np.shape(cell))}" in error["message"]


def png_of(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def expected(model, x, size=6):
    named = {name: values[:size] for name, values in x.items()}
    named["photo"] = list(named["photo"])
    return model.predict(named, proba=True)


def test_answers_are_those_of_predict(client, model, x, rows):
    rows = [{**row, "photo": png_of(x["photo"][place])} if place % 2 else row for place, row in enumerate(rows)]
    rows[3]["facts"] = {str(place): cell for place, cell in enumerate(rows[3]["facts"])}
    content = client.post("/models/things/predict", json={"rows": rows}).json()
    predictions, probabilities = expected(model, x)
    answers = content["answers"]
    assert [answer["kind"]["prediction"] for answer in answers] == predictions["kind"].tolist()
    high = [answer["kind"]["probabilities"]["high"] for answer in answers]
    np.testing.assert_allclose(high, probabilities["kind"][:, 0], rtol=1e-5)
    np.testing.assert_allclose([answer["price"]["prediction"] for answer in answers], predictions["price"], rtol=1e-4)


def test_inputs_may_be_missing_and_are_explained(client, model):
    rows = [dict.fromkeys(NAMES), {**dict.fromkeys(NAMES), "facts": [2.0, 0.0, None]}]
    response = client.post("/models/things/predict", json={"rows": rows, "explain": True})
    content = response.json()
    assert response.status_code == 200
    absent = model.predict({**dict.fromkeys(NAMES), "facts": np.full((1, 3), np.nan)})
    assert content["answers"][0]["price"]["prediction"] == pytest.approx(float(absent["price"][0]), rel=1e-4)
    assert content["influences"][0]["price"] == []
    assert [entry["column"] for entry in content["influences"][1]["price"]] == ["facts"]


def test_tensors_have_the_shapes_of_the_inputs(client, model, x):
    declared = {tensor["name"]: tensor for tensor in client.get("/v2/models/things").json()["inputs"]}
    assert [declared[name]["shape"] for name in NAMES] == [[-1], [-1, 3], [-1], [-1, 4], [-1, 5, 2]]
    types = {"photo": "UINT8", "facts": "FP64", "note": "BYTES", "vector": "FP32", "sensor": "FP32"}
    tensors = [
        {
            "name": name,
            "datatype": types[name],
            "shape": list(np.shape(values[:6])),
            "data": np.ravel(values[:6]).tolist(),
        }
        for name, values in x.items()
    ]
    content = client.post("/v2/models/things/infer", json={"inputs": tensors}).json()
    outputs = {output["name"]: output["data"] for output in content["outputs"]}
    predictions, _ = expected(model, x)
    assert outputs["kind"] == predictions["kind"].tolist()
    np.testing.assert_allclose(outputs["price"], predictions["price"], rtol=1e-4)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"photo": "/etc/passwd"}, "paths and addresses are not opened"),
        ({"facts": [1.0]}, "facts The row must have 3 cells (0, 1, 2), got 1"),
        ({"vector": [[1, 2], [3]]}, "vector The cell must be an array"),
        ({"sensor": "12"}, "sensor"),
        ({"photo": [[["a"]]]}, "photo The cell must be an array"),
    ],
)
def test_wrong_cells_are_refused(client, rows, cell, message):
    response = client.post("/models/things/predict", json={"rows": [{**rows[0], **cell}]})
    content = response.json()
    assert response.status_code == 422
    assert message in " ".join([content["error"], *(f"{e['column']} {e['message']}" for e in content["errors"])])


def test_tables_are_refused_and_the_interface_names_the_inputs(client):
    response = client.post("/models/things/predict.csv", content=b"photo,facts\n1,2\n")
    assert response.status_code == 422
    assert "reads inputs (photo, facts, note, vector, sensor)" in response.json()["error"]
    described = client.get("/openapi.json").json()["paths"]
    body = described["/models/things/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["oneOf"][0]["properties"]["rows"]["items"]["properties"]) == list(NAMES)
    assert "/models/things/predict.csv" not in described


@pytest.fixture(scope="module")
def houses():
    """A client of a model of a table input with columns of three kinds."""
    rng = np.random.default_rng(0)
    days = np.datetime64("2020-01-01") + np.arange(ROWS)
    facts = {"size": rng.normal(80, 9, ROWS), "kind": rng.choice(["flat", "hut"], ROWS).astype(object), "built": days}
    auto = md.AutoModel(md.StructuredDataInput(name="facts"), md.RegressionHead(name="price"), max_trials=1)
    auto.fit(facts, facts["size"] * 3, epochs=1, verbose=0)
    with TestClient(app({"houses": auto.model})) as client:
        yield client


def test_a_table_input_has_a_field_per_column(houses):
    (field,) = houses.get("/models/houses").json()["fields"]
    assert field["control"] == "table"
    columns = {column["name"]: column for column in field["columns"]}
    assert {name: column["control"] for name, column in columns.items()} == {
        "size": "number",
        "kind": "choice",
        "built": "time",
    }
    assert sorted(columns["kind"]["choices"]) == ["flat", "hut"]
    assert 40 < columns["size"]["low"] < columns["size"]["high"] < 120
    body = houses.get("/openapi.json").json()["paths"]["/models/houses/predict"]["post"]["requestBody"]
    row = body["content"]["application/json"]["schema"]["oneOf"][0]["properties"]["rows"]["items"]
    assert list(row["properties"]["facts"]["anyOf"][1]["properties"]) == ["size", "kind", "built"]


GOOD = {"size": 80, "kind": "flat", "built": "2020-01-03"}


@pytest.mark.parametrize(
    ("cells", "column", "message"),
    [
        ({**GOOD, "size": "large"}, "facts: size", "'large' is not a number."),
        ({**GOOD, "built": "soon"}, "facts: built", "'soon' is not a time."),
        ({**GOOD, "kind": ["flat"]}, "facts: kind", "The cell must be a single value, got ['flat']."),
        ({"size": 80, "knd": "flat", "built": None}, "facts: kind", "There is no column 'kind'. Did you mean 'knd'?"),
    ],
)
def test_a_wrong_cell_of_a_table_input_is_named(houses, cells, column, message):
    rows = [{"facts": GOOD}, {"facts": cells}]
    response = houses.post("/models/houses/predict", json={"rows": rows[:2] if column != "facts: kind" else rows[1:]})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["column"] == column
    assert error["message"].startswith(message)


def test_unreadable_cells_of_a_table_input_count_as_missing_if_asked_for(houses):
    rows = [{"facts": {**GOOD, "size": "large"}}, {"facts": {**GOOD, "size": None}}, {"facts": [80, "flat", None]}]
    content = houses.post("/models/houses/predict", json={"rows": rows, "on_unreadable": "warn"}).json()
    wrong, missing, _ = (answer["price"]["prediction"] for answer in content["answers"])
    assert wrong == missing
    assert content["warnings"] == [{"row": 0, "column": "facts: size", "message": "'large' is not a number."}]
