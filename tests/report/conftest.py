"""Models that reports are written about: one of a table with images and texts, whose names are hostile."""

import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md

HOSTILE = "<img src=x onerror=alert(1)>"
SECRET = "Rumpelstiltskin"


def people(folder, rows=90, seed=0):
    """Images, texts, numbers, categories; two targets, one of them with missing labels."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    size = rng.normal(5, 2, rows)
    kind = np.where(size + rng.normal(size=rows) > 5, "</script><b>large", "small & fine")
    for row in range(rows):
        pixels = np.full((12, 12, 3), 40 + 150 * (kind[row][0] == "<"), np.uint8)
        Image.fromarray(pixels + rng.integers(0, 40, pixels.shape, np.uint8)).save(folder / f"{seed}-{row}.png")
    words = np.array(["quiet", "loud", "green", "old", "new"])
    frame = pd.DataFrame(
        {
            HOSTILE: size.round(3),
            "photo": [f"{folder.name}/{seed}-{row}.png" for row in range(rows)],
            "note": [
                f"a {rng.choice(words)} one, said <i>{rng.choice(words)}</i> of number {row} at the {word} gate"
                for row, word in enumerate(rng.choice(words, rows))
            ],
            "owner": [f"{SECRET}{row % 4}" for row in range(rows)],
            "breed": kind,
            "price": (100 * size + rng.normal(0, 30, rows)).round(2),
        }
    )
    frame.loc[::9, "price"] = np.nan
    return frame


@pytest.fixture(scope="session")
def pets_folder(tmp_path_factory):
    """The folder of the table that the model is measured on, `test.csv`, with its images."""
    folder = tmp_path_factory.mktemp("reported")
    people(folder / "photos", 40, seed=1).to_csv(folder / "test.csv", index=False)
    people(folder / "photos", 90).to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def pets_model(pets_folder):
    """A trained model with a private column."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return md.fit(
            pets_folder / "train.csv",
            ["breed", "price"],
            column_kinds={"note": "text", "owner": "category"},
            private=["owner"],
            pretrained=None,
            max_trials=2,
            epochs=1,
            directory=pets_folder,
            verbose=0,
        )


@pytest.fixture(scope="session")
def page(pets_model, pets_folder):
    """The report of that model on the other table: its path."""
    return pets_model.report(pets_folder / "report.html", pets_folder / "test.csv")
