"""What images add to a table: the price of houses with and without their four photographs, over several seeds.

`medley fit houses.csv --target price --target bedrooms` in a call: the same rows, targets and number of epochs, once
with the image columns and once without. A quarter of the houses is kept for the test, another quarter in each seed.

Run: `python benchmarks/houses.py --data FOLDER [--seeds 5]`; FOLDER holds houses/houses.csv and houses/images.zip.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
import zipfile
from pathlib import Path
from statistics import mean
from time import monotonic

import numpy as np
import pandas as pd

import medley as md

FACTS = ["bedrooms", "bathrooms", "area", "zipcode"]
IMAGES = ["image_frontal", "image_bedroom", "image_bathroom", "image_kitchen"]


def score(rows: pd.DataFrame, root: Path, inputs: list[str], seed: int, epochs: int) -> tuple[float, float]:
    """R2 of the logarithm of the price, and median error in percent, on a quarter of the houses."""
    test = np.random.default_rng(seed).random(len(rows)) < 0.25
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = md.fit(
            rows[~test],
            "price",
            inputs=inputs,
            root=root,
            max_trials=1,
            epochs=epochs,
            time_limit=None,
            seed=seed,
            directory=directory,
            verbose=0,
            pretrained=None,  # from scratch, whatever this machine has cached
        )
        predicted = model.predict(rows[test], root=root)["price"].to_numpy()
    true = rows.loc[test, "price"].to_numpy(dtype=float)
    error = np.log(np.maximum(predicted, 1)) - np.log(true)
    r2 = 1 - (error**2).sum() / ((np.log(true) - np.log(true).mean()) ** 2).sum()
    return float(r2), float(100 * np.median(np.abs(predicted / true - 1)))


def main() -> None:
    """Prints both scores per seed and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    rows = pd.read_csv(arguments.data / "houses" / "houses.csv")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with zipfile.ZipFile(arguments.data / "houses" / "images.zip") as packed:
            packed.extractall(root)
        table = []
        for seed in range(arguments.seeds):
            began = monotonic()
            without = score(rows, root, FACTS, seed, arguments.epochs)
            beside = score(rows, root, [*FACTS, *IMAGES], seed, arguments.epochs)
            table.append((*without, *beside))
            print(
                f"seed {seed}: facts alone R2 {without[0]:.3f}, median error {without[1]:.1f} %;  "
                f"with images R2 {beside[0]:.3f}, median error {beside[1]:.1f} %  ({monotonic() - began:.0f} s)",
                flush=True,
            )
        a, b, c, d = (mean(column) for column in zip(*table, strict=True))
        print(f"mean: facts alone R2 {a:.3f}, {b:.1f} %;  with images R2 {c:.3f}, {d:.1f} %")


if __name__ == "__main__":
    main()
