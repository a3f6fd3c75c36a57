"""The server as a client sees it: the answers of `Model.predict`, refusals that name cells, limits, key, metrics."""

import base64
import io
import json
import socket
import time

import pandas as pd
import pytest
from starlette.testclient import TestClient

import medley as md
from medley.errors import ConfigError
from medley.serve import Batching, Limits, Settings, app


def predict(client, **content):
    return client.post("/models/pets/predict", json=content)


def test_answers_are_those_of_predict(client, pets_model, frame, rows):
    answers = predict(client, rows=rows).json()["answers"]
    expected = pets_model.predict(frame.iloc[:5], proba=True)
    assert [answer["breed"]["prediction"] for answer in answers] == expected["breed"].tolist()
    assert [answer["price"] for answer in answers] == [
        {"prediction": pytest.approx(price, rel=1e-5)} for price in expected["price"]
    ]
    for answer, old, best in zip(answers, expected["breed_old"], expected["breed_probability"], strict=True):
        assert answer["breed"]["probabilities"] == {"old": pytest.approx(old), "young": pytest.approx(1 - old)}
        assert answer["breed"]["probability"] == pytest.approx(best)


def test_columns_are_rows_in_another_form(client, rows):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert predict(client, columns=columns).json() == predict(client, rows=rows).json()
    assert predict(client, rows=[]).json()["answers"] == []


def test_a_form_holds_one_row_and_its_files(client, row):
    parts = {name: str(cell) for name, cell in row.items() if name != "photo"}
    photo = ("photo.png", base64.b64decode(row["photo"]))
    by_form = client.post("/models/pets/predict", data={**parts, "explain": "true"}, files={"photo": photo}).json()
    assert by_form["answers"] == predict(client, rows=[row]).json()["answers"]
    assert {entry["column"] for entry in by_form["influences"][0]["price"]} == set(row)
    without_photo = client.post("/models/pets/predict", data=parts).json()["answers"]
    assert without_photo == predict(client, rows=[{**row, "photo": None}]).json()["answers"]


def test_intervals_and_sets_come_where_asked_for(client, pets_model, frame, rows):
    answers = predict(client, rows=rows, interval=0.8, probabilities=False).json()["answers"]
    expected = pets_model.predict(frame.iloc[:5], interval=0.8)
    assert [answer["price"]["interval"] for answer in answers] == [
        pytest.approx(ends) for ends in expected[["price_low", "price_high"]].to_numpy().tolist()
    ]
    assert [answer["breed"]["set"] for answer in answers] == expected["breed_set"].tolist()
    assert "probabilities" not in answers[0]["breed"]
    assert "must be a probability between 0 and 1" in predict(client, rows=rows, interval=2).json()["error"]


def test_what_mattered_is_the_change_without_a_cell(client, pets_model, row):
    content = predict(client, rows=[row], explain=True).json()
    listed = content["influences"][0]
    without = predict(client, rows=[{**row, "age": None}]).json()["answers"][0]
    answer = content["answers"][0]
    changes = {target: {entry["column"]: entry["change"] for entry in entries} for target, entries in listed.items()}
    assert changes["price"]["age"] == pytest.approx(answer["price"]["prediction"] - without["price"]["prediction"])
    best = answer["breed"]["prediction"]
    drop = answer["breed"]["probability"] - without["breed"]["probabilities"][best]
    assert changes["breed"]["age"] == pytest.approx(drop, abs=1e-6)
    sizes = [abs(entry["change"]) for entry in listed["price"]]
    assert sizes == sorted(sizes, reverse=True)
    assert predict(client, rows=[row] * 20, explain=True).status_code == 422


def test_a_table_in_csv_comes_back_with_answers(client, pets_model, frame):
    table = frame.drop(columns=["breed", "photo"]).head(4).assign(photo=None, age=["3", "old", "", "7.5"])
    response = client.post("/models/pets/predict.csv", content=table.to_csv(index=False, sep=";"))
    answers = pd.read_csv(io.StringIO(response.text))
    assert list(answers.columns[:7]) == list(table.columns)
    with pytest.warns(match="'old' is not a number"):
        expected = pets_model.predict(table, proba=True)
    assert answers["breed"].tolist() == expected["breed"].tolist()
    assert answers["price_predicted"].tolist() == pytest.approx(expected["price"].tolist(), rel=1e-5)
    assert (response.headers["medley-rows"], response.headers["medley-unreadable-cells"]) == ("4", "1")
    assert client.post("/models/pets/predict.csv", content=b"\x1f\x8b123").status_code == 415
    assert "missing" in client.post("/models/pets/predict.csv", content="age\n3\n").json()["error"]


def test_all_cells_that_cannot_be_used_are_named(client, row):
    refused = predict(client, rows=[row, {**row, "age": "heavy", "vaccinated": "perhaps"}])
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"row": 1, "column": "age", "message": "'heavy' is not a number."},
        {"row": 1, "column": "vaccinated", "message": "'perhaps' is not a boolean."},
    ]
    warned = predict(client, rows=[{**row, "age": "heavy"}], on_unreadable="warn").json()
    assert warned["warnings"] == [{"row": 0, "column": "age", "message": "'heavy' is not a number."}]
    assert warned["answers"] == predict(client, rows=[{**row, "age": None}]).json()["answers"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, 'Pass either "rows"'),
        ({"rows": [], "columns": {}}, 'Pass either "rows"'),
        ({"rows": 3}, "Rows must be a list"),
        ({"rows": [3]}, "Row 0 must be an object"),
        ({"columns": {"age": [1], "kind": []}}, "All columns must have the same number of rows"),
        ({"rows": [], "explian": True}, "'explian' is not part of a request. Did you mean 'explain'?"),
        ({"rows": [], "explain": 1}, "'explain' must be true or false"),
        ({"rows": [], "on_unreadable": "drop"}, "'on_unreadable' must be"),
    ],
)
def test_requests_that_break_a_rule_say_which(client, content, message):
    response = predict(client, **content)
    assert response.status_code == 422
    assert message in response.json()["error"]


def test_columns_that_a_request_lacks_are_named(client, row):
    errors = predict(client, rows=[{"age": 3, "knd": "dog"}]).json()["errors"]
    assert {error["column"] for error in errors} == set(row) - {"age"}
    assert "Did you mean 'knd'?" in errors[0]["message"]


def test_models_and_routes_that_there_are_not(client):
    assert client.post("/models/pest/predict", json={}).json()["error"] == (
        "There is no model 'pest'. Did you mean 'pets'?"
    )
    for path in ("/nothing", "/models/pets/nothing"):
        response = client.get(path)
        assert (response.status_code, set(response.json())) == (404, {"error", "errors"})
    assert client.get("/models/pets/predict").status_code == 405


def test_limits_are_kept(pets_model, row, png):
    limits = Limits(body_bytes=20_000, rows=3, depth=4, pixels=200)
    with TestClient(app({"pets": pets_model}, Settings(limits=limits))) as client:
        assert predict(client, rows=[row] * 3).status_code == 200
        assert predict(client, rows=[row] * 4).status_code == 413
        assert predict(client, rows=[{**row, "note": "x" * 20_000}]).status_code == 413
        parts = (b"x" * 1_000 for _ in range(100))  # without a length that announces it
        assert client.post("/models/pets/predict", content=parts).status_code == 413
        assert "deep" in predict(client, rows=[[[[[]]]]]).json()["error"]
        large = {**row, "photo": base64.b64encode(png(3, side=15)).decode()}
        assert "15 x 15 pixels; at most 200" in predict(client, rows=[large]).json()["errors"][0]["message"]


def test_a_request_that_does_not_come_to_an_end_is_refused(pets_model, run_server):
    with run_server(app({"pets": pets_model}, Settings(limits=Limits(seconds=0.2)))) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = "POST /models/pets/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            connection.sendall(f'{head}content-length: 90\r\n\r\n{{"rows"'.encode())
            assert connection.recv(1_000).startswith(b"HTTP/1.1 408")


def test_a_key_is_needed_where_one_is_set(pets_model, row):
    with TestClient(app({"pets": pets_model}, Settings(api_key="secret"))) as client:
        for headers in ({}, {"x-api-key": "secret "}, {"authorization": "Bearer secre"}, {"authorization": "secret"}):
            response = client.post("/models/pets/predict", json={"rows": [row]}, headers=headers)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
        for headers in ({"x-api-key": "secret"}, {"authorization": "bearer secret"}):
            assert client.post("/models/pets/predict", json={"rows": [row]}, headers=headers).status_code == 200
        assert [client.get(path).status_code for path in ("/", "/health", "/v2/health/live")] == [200] * 3
        assert [client.get(path).status_code for path in ("/models", "/metrics", "/openapi.json")] == [401] * 3
        assert client.get("/v2/models/pets").status_code == 401


def test_metrics_count_requests_rows_and_refusals(pets_model, row):
    with TestClient(app({"pets": pets_model}, Settings(batching=Batching(queue=1)))) as client:
        predict(client, rows=[row] * 3)
        predict(client, rows=[{**row, "age": "x"}])
        lines = client.get("/metrics").text.splitlines()
    route = 'model="pets",route="/models/{name}/predict"'
    assert f'medley_requests_total{{{route},status="200"}} 1.0' in lines
    assert f'medley_requests_total{{{route},status="422"}} 1.0' in lines
    assert 'medley_rows_total{model="pets"} 4.0' in lines


def test_every_request_is_one_line_of_log_without_cells(client, row, caplog):
    with caplog.at_level("INFO", logger="medley.serve"):
        predict(client, rows=[{**row, "note": "a secret note"}])
    details = caplog.records[-1].details
    assert (details["route"], details["status"], details["rows"]) == ("/models/{name}/predict", 200, 1)
    assert "secret" not in json.dumps([record.details for record in caplog.records])


def test_the_interface_describes_the_own_columns(client, row):
    description = client.get("/openapi.json").json()
    body = description["paths"]["/models/pets/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    rows = body["oneOf"][0]["properties"]["rows"]["items"]
    assert set(rows["properties"]) == set(row)
    assert predict(client, **body["examples"][0]).status_code == 200
    assert rows["properties"]["photo"]["anyOf"][0]["contentEncoding"] == "base64"


def test_models_that_cannot_be_served_are_reported_at_once(tmp_path, pets_model):
    with pytest.raises(ConfigError, match=r"(?s)3 errors.*nothing holds no model.*no file.*or\.onnx"):
        app([tmp_path / "nothing", tmp_path / "or.onnx"])
    with pytest.raises(ConfigError, match="cannot be the name of a model"):
        app({"my pets": pets_model})
    with pytest.raises(ConfigError, match=r"(?s)2 errors.*engine is 'onyx'.*rows must be"):
        Settings(engine="onyx", limits=Limits(rows=0))  # type: ignore[arg-type]


def test_a_model_that_was_saved_again_is_loaded_again(pets_model, frame, row, tmp_path):
    folder = pets_model.save(tmp_path / "pets")
    settings = Settings(engine="torch", reload_seconds=0.05)
    with TestClient(app(folder, settings)) as client:
        first = client.get("/models/pets").json()["version"]
        (folder / "model.json").write_text("{}")
        wait_until(lambda: "reload_error" in client.get("/models/pets").json())
        assert client.get("/models/pets").json()["version"] == first
        assert predict(client, rows=[row]).status_code == 200
        other = md.fit(frame.drop(columns="photo"), "price", max_trials=1, epochs=1, verbose=0)
        other.save(folder)
        wait_until(lambda: client.get("/models/pets").json()["version"] != first)
        state = client.get("/models/pets").json()
        assert [target["name"] for target in state["targets"]] == ["price"]
        assert "reload_error" not in state


def wait_until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
