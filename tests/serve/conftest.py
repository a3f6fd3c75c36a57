"""A small model of a table with an image, saved and exported once, and a client of a server of it."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md

ROWS = 60


def png(value, side=12):
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
            "photo": [png(int(value)) for value in rng.integers(0, 256, rows)],
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
