"""The server as a process: it starts without torch, and finishes what it took before it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

WITHOUT_TORCH = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "optuna", "safetensors", "sklearn", "rich"):
            raise ModuleNotFoundError(f"{name} is not for this test", name=name)

sys.meta_path.insert(0, Nowhere())
from medley.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stderr=subprocess.PIPE, text=True)


def wait_for(process, client):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, process.stderr.read()
        try:
            return client.get("/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")


@pytest.mark.slow  # exporting the model takes seconds
def test_an_exported_model_is_served_where_torch_cannot_be_imported(pets_model, pets_onnx, frame, rows):
    port = free_port()
    process = start(WITHOUT_TORCH, "serve", f"pets={pets_onnx}", "--port", port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_for(process, client)
            content = client.post("/models/pets/predict", json={"rows": rows, "explain": True}).json()
            assert client.get("/models/pets").json()["engine"] == "onnx"
        expected = pets_model.predict(frame.iloc[:5])
        prices = [answer["price"]["prediction"] for answer in content["answers"]]
        assert prices == pytest.approx(expected["price"].tolist(), rel=1e-3)
        assert [answer["breed"]["prediction"] for answer in content["answers"]] == expected["breed"].tolist()
    finally:
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=30)[1]
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert {"loaded", "request", "Application shutdown complete."} <= set(events)
    assert process.returncode in (0, -signal.SIGTERM)


SLOW = """
import sys, time
import uvicorn
import medley as md
from medley.serve import app

model = md.load(sys.argv[1])
predict = type(model).raw_of_table
def slow(self, table, *args, **named):
    if time.monotonic() > started:
        print("taken", file=sys.stderr, flush=True)
        time.sleep(1)
    return predict(self, table, *args, **named)
started = float("inf")
type(model).raw_of_table = slow
application = app({"pets": model})
started = 0
uvicorn.run(application, port=int(sys.argv[2]), log_level="warning")
"""


def test_a_request_that_was_taken_is_finished_before_the_end(pets_folder, row):
    port = free_port()
    process = start(SLOW, pets_folder, port)
    answers = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        wait_for(process, client)
        request = threading.Thread(
            target=lambda: answers.append(client.post("/models/pets/predict", json={"rows": [row]}))
        )
        request.start()
        assert process.stderr.readline() == "taken\n"
        os.kill(process.pid, signal.SIGTERM)
        request.join()
        process.communicate(timeout=30)
        assert answers[0].status_code == 200
        assert len(answers[0].json()["answers"]) == 1
        with pytest.raises(httpx.TransportError):
            client.get("/health")
