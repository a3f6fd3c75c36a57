"""A small model of a table with an image, saved and exported once, and a client of a server of it."""

import base64
import io
import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

import medley as md
from medley.serve import app

ROWS = 60


def png_of(value, side=12):
    """The content of an image file of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (value, 255 - value, 90)).save(buffer, "PNG")
    return buffer.getvalue()


def pets(rows=ROWS):
    rng = np.random.default_rng(0)
    age, kind = rng.normal(8, 3, rows).round(1), rng.choice(["cat", "dog", "cow"], rows)
    return pd.DataFrame(
        {
            "age": age,
            "kind": kind,
            "born": (pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")).strftime(
                "%Y-%m-%d"
            ),
            "note": rng.choice(["a friendly old animal", "barks at night a lot", "sleeps all day long"], rows),
            "vaccinated": rng.choice([True, False], rows),
            "photo": [png_of(int(value)) for value in rng.integers(0, 256, rows)],
            "breed": np.where(age + rng.normal(0, 2, rows) > 8, "old", "young"),
            "price": 100 * age + rng.normal(0, 200, rows),
        }
    )


@pytest.fixture(scope="session")
def frame():
    return pets()


@pytest.fixture(scope="session")
def pets_model(frame):
    return md.fit(frame, ["breed", "price"], max_trials=1, epochs=1, verbose=0)


@pytest.fixture(scope="session")
def pets_folder(pets_model, tmp_path_factory):
    return pets_model.save(tmp_path_factory.mktemp("serve") / "pets")


@pytest.fixture(scope="session")
def pets_onnx(pets_model, tmp_path_factory):
    return pets_model.export(tmp_path_factory.mktemp("serve") / "pets.onnx")


@pytest.fixture(scope="session")
def application(pets_model):
    return app({"pets": pets_model})


@pytest.fixture(scope="session")
def client(application):
    with TestClient(application) as client:
        yield client


@pytest.fixture(scope="session")
def address(application):
    """The address of a real server, for clients that are not ours."""
    with running(application) as address:
        yield address


@contextmanager
def running(application):
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def row(frame):
    """One row as JSON."""
    return json_row(frame.iloc[0])


@pytest.fixture(scope="session")
def rows(frame):
    return [json_row(frame.iloc[place]) for place in range(5)]


def json_row(series):
    cells = series.drop(["breed", "price"]).to_dict()
    return {**cells, "photo": base64.b64encode(cells["photo"]).decode(), "vaccinated": bool(cells["vaccinated"])}


@pytest.fixture(scope="session")
def png():
    return png_of


@pytest.fixture(scope="session")
def run_server():
    return running
