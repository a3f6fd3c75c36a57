"""Spoken digits: digit and speaker in one call; and digits from recordings and images, either of them often missing.

`python benchmarks/audio.py --data FOLDER`, where FOLDER holds `fsdd/` (samples.csv and recordings.zip of the Free
Spoken Digit Dataset, its takes 0 to 4 for testing) and `mnist/` (the four files).
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import medley as md

MISSING = 0.3
SEED = 0


def recordings(data: Path, folder: str) -> tuple[Any, Path]:
    """The table of the recordings, and the folder in which they lie."""
    with zipfile.ZipFile(data / "fsdd" / "recordings.zip") as archive:
        archive.extractall(folder)
    table: Any = pd.read_csv(data / "fsdd" / "samples.csv")
    return table, next(Path(folder).rglob(table["file"][0])).parent


def digit_and_speaker(table: Any, root: Path, folder: str, time_limit: str) -> None:
    """One call for both targets, with the given split."""
    began, used = time.perf_counter(), time.process_time()
    model = md.fit(
        table[table["split"] == "train"],
        ["digit", "speaker"],
        inputs=["file"],
        root=root,
        max_trials=1,
        time_limit=time_limit,
        directory=folder,
        project_name="speech",
        seed=SEED,
        verbose=0,
    )
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    scores = model.evaluate(table[table["split"] == "test"], root=root)
    print(f"digit {scores['digit_accuracy']:.4f}, speaker {scores['speaker_accuracy']:.4f}", end=" ")
    print(f"(300 test recordings; {seconds:.0f} s, {processor:.0f} s of CPU)")


def digits_of(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of MNIST."""
    with (
        gzip.open(folder / f"{name}-images-idx3-ubyte.gz") as images,
        gzip.open(folder / f"{name}-labels-idx1-ubyte.gz") as labels,
    ):
        return (
            np.frombuffer(images.read(), np.uint8, offset=16).reshape(-1, 28, 28),
            np.frombuffer(labels.read(), np.uint8, offset=8),
        )


def paired(table: pd.DataFrame, mnist: Path, root: Path, name: str, rng: np.random.Generator) -> pd.DataFrame:
    """Each recording beside an image of the same digit, drawn at random; either is missing in 30 % of the rows."""
    images, labels = digits_of(mnist, name)
    places: Any = [rng.choice(np.flatnonzero(labels == digit)) for digit in table["digit"]]
    sounds = [str(root / file) for file in table["file"]]
    no_sound, no_image = (rng.random(len(table)) < MISSING for _ in range(2))
    rows = pd.DataFrame({"sound": sounds, "image": [images[place] for place in places], "digit": list(table["digit"])})
    rows.loc[no_sound, "sound"] = None
    rows["image"] = [None if gap else image for gap, image in zip(no_image, rows["image"], strict=True)]
    return rows


def together(table: Any, data: Path, root: Path, folder: str, time_limit: str) -> None:
    """Digits from both, and from either alone, on the same rows."""
    rng = np.random.default_rng(SEED)
    train = paired(table[table["split"] == "train"], data / "mnist", root, "train", rng)
    test = paired(table[table["split"] == "test"], data / "mnist", root, "t10k", rng)
    for inputs in (["sound"], ["image"], ["sound", "image"]):
        model = md.fit(
            train,
            "digit",
            inputs=inputs,
            column_kinds={"digit": "category"},
            max_trials=1,
            time_limit=time_limit,
            directory=folder,
            project_name="_".join(inputs),
            seed=SEED,
            verbose=0,
        )
        print(f"digit from {' and '.join(inputs)}: {model.evaluate(test)['accuracy']:.4f}")


def main() -> None:
    """Runs both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of fsdd/ and mnist/")
    parser.add_argument("--time-limit", default="3m30s", help="of each fit; with reading and saving, under 4 minutes")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table, root = recordings(args.data, folder)
        digit_and_speaker(table, root, folder, args.time_limit)
        together(table, args.data, root, folder, args.time_limit)


if __name__ == "__main__":
    main()
