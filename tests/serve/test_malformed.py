"""Requests that were made up from the server's own description, and broken ones: an answer, and never a status 500."""

import json
import random

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def schema(address):
    return schemathesis.openapi.from_url(f"http://{address}/openapi.json")


def test_made_up_requests_never_fail_the_server(schema, request):
    from hypothesis import HealthCheck, Phase, given, settings

    number = request.config.getoption("--malformed-requests")
    operations = [operation.ok() for operation in schema.get_all_operations()]
    posts = [operation for operation in operations if operation.method == "post"]
    assert len(posts) == 3
    statuses = set()
    for operation in operations:
        modes = list(schemathesis.GenerationMode) if operation in posts else [schemathesis.GenerationMode.POSITIVE]
        for mode in modes:
            share = number // (4 * len(posts)) if operation in posts else 1

            @settings(
                max_examples=max(share, 1),
                phases=[Phase.generate],
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case):
                response = case.call()
                statuses.add(response.status_code)
                assert response.status_code != 500, response.text

            ask()
    assert {200, 422} <= statuses


def test_broken_bodies_never_fail_the_server(client, row, request):
    choose = random.Random(0)
    body = json.dumps({"rows": [row], "explain": True}).encode()
    tensors = {
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [1], "data": [str(cell)]} for name, cell in row.items()]
    }
    bodies = {"/models/pets/predict": body, "/v2/models/pets/infer": json.dumps(tensors).encode()}
    bodies["/models/pets/predict.csv"] = b"age,kind,born,note,vaccinated,photo\n3,dog,,a note,yes,\n"
    odd = [
        b"null",
        b"1e999",
        b"-1",
        b"[]",
        b"{}",
        b'""',
        b"true",
        b"\\ud800",
        b"\xff",
        b"\0",
        b'"',
        b"99999999999999999999",
    ]
    for _ in range(request.config.getoption("--malformed-requests") // 2):
        path, original = choose.choice(list(bodies.items()))
        broken = bytearray(original)
        for _ in range(choose.randint(1, 4)):
            start = choose.randrange(len(broken))
            broken[start : start + choose.choice((0, 1, 8, 60))] = choose.choice(odd)
        response = client.post(path, content=bytes(broken), headers={"content-type": "application/json"})
        assert response.status_code in (200, 400, 413, 415, 422), (path, bytes(broken), response.text)
