"""Risk of a stretch of road, from a data frame of 20 numbers and the path of a map tile per row.

First with custom networks (a CNN with 64 outputs and a dense network with 32, concatenated; a sigmoid output), then in
one line. `--pretrained` replaces the CNN by a frozen ResNet-34, which runs once per tile, and a trainable layer with 64
outputs. Offline, pass the folder of any pretrained image encoder: `--pretrained FOLDER`.
Tiles are generated: roads on a green background. The risk depends on the number of roads and on two of the numbers.
Run: `python examples/road_risk.py [--rows 16] [--pretrained [FOLDER]]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from time import monotonic

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from torch import nn

import medley as md

SIDE = 48
RESNET = "microsoft/resnet-34"


def draw_tile(rng: np.random.Generator, roads: int) -> Image.Image:
    """A map tile with this number of roads."""
    tile = Image.new("RGB", (SIDE, SIDE), (190, 215, 170))
    pen = ImageDraw.Draw(tile)
    for _ in range(roads):
        edge = rng.integers(0, SIDE, 6).tolist()
        pen.line([(0, edge[0]), (edge[1], edge[2]), (SIDE, edge[3])], fill=(90, 90, 95), width=2 + edge[4] % 3)
    return tile


def make_rows(folder: Path, rows: int, seed: int = 0) -> pd.DataFrame:
    """A frame with columns f0..f19, `label` (0 or 1) and `image_path`; tiles are written into `folder`."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 20))
    roads = rng.integers(0, 6, rows)
    odds = 1.2 * (roads - 2.5) + numbers[:, 0] - 0.8 * numbers[:, 1]
    frame = pd.DataFrame(numbers, columns=[f"f{i}" for i in range(20)])
    frame["label"] = (odds + rng.logistic(size=rows) > 0).astype(int)
    frame["image_path"] = [f"tile{i}.png" for i in range(rows)]
    for name, count in zip(frame["image_path"], roads, strict=True):
        draw_tile(rng, int(count)).save(folder / name)
    return frame


class Cnn(nn.Sequential):
    """(B, 3, 48, 48) -> (B, 64)."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(32 * 9, 64),
            nn.ReLU(),
        )


class Dense(nn.Sequential):
    """(B, 20) -> (B, 32)."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())


# A saved model contains these names; a program that loads it must register them first.
md.extend.register("road_risk.cnn")(Cnn)
md.extend.register("road_risk.dense")(Dense)


def custom_networks(directory: str, seed: int = 0) -> md.AutoModel:
    """Custom modules as blocks, concatenated, with one sigmoid output."""
    tile, numbers = md.ImageInput(name="tile"), md.StructuredDataInput(name="numbers")
    seen = md.TorchBlock(Cnn)(tile)
    dense = md.TorchBlock(Dense)(numbers)
    risk = md.ClassificationHead(name="risk", dropout=0, metrics=["accuracy", "auc"])(
        md.Merge(merge_type="concatenate")([seen, dense])
    )
    return md.AutoModel(
        [tile, numbers], risk, project_name="custom", directory=directory, max_trials=1, overwrite=True, seed=seed
    )


def pretrained_network(directory: str, model: str = RESNET, seed: int = 0) -> md.AutoModel:
    """A frozen pretrained encoder with a trainable layer of 64 outputs, next to the dense network.

    Args:
        directory: folder of the project.
        model: a folder, or a name on the hub.
        seed: random seed.

    Raises:
        MedleyError: the weights cannot be found.
    """
    tile, numbers = md.ImageInput(name="tile"), md.StructuredDataInput(name="numbers")
    encoded = md.PretrainedImageBlock(model, pooling="mean", trainable=False)(tile)
    seen = md.DenseBlock(num_layers=1, num_units=64, use_batchnorm=False, dropout=0)(encoded)
    dense = md.TorchBlock(Dense)(numbers)
    risk = md.ClassificationHead(name="risk", dropout=0, metrics=["accuracy", "auc"])(
        md.Merge(merge_type="concatenate")([seen, dense])
    )
    return md.AutoModel(
        [tile, numbers], risk, project_name="pretrained", directory=directory, max_trials=1, overwrite=True, seed=seed
    )


def main() -> None:
    """Runs the programs and prints their scores on test rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000, help="training rows (16 is enough to see it run)")
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--pretrained", nargs="?", const=RESNET, metavar="FOLDER", help=f"default: {RESNET}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        frame = make_rows(folder, arguments.rows + 500)
        train, test = frame.iloc[: arguments.rows], frame.iloc[arguments.rows :]

        def split(rows: pd.DataFrame) -> tuple[list, np.ndarray]:
            paths = [folder / name for name in rows["image_path"]]
            return [paths, rows[[f"f{i}" for i in range(20)]]], rows["label"].to_numpy()

        start = monotonic()
        auto = custom_networks(directory)
        auto.fit(*split(train), epochs=arguments.epochs, verbose=0)
        print(f"custom networks: {auto.evaluate(*split(test), return_dict=True)}  ({monotonic() - start:.0f} s)")

        if arguments.pretrained:
            start = monotonic()
            auto = pretrained_network(directory, arguments.pretrained)
            try:
                auto.fit(*split(train), epochs=arguments.epochs, verbose=0)
            except md.MedleyError as error:
                sys.exit(str(error))
            print(f"pretrained: {auto.evaluate(*split(test), return_dict=True)}  ({monotonic() - start:.0f} s)")

        start = monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            model = md.fit(
                train, "label", root=folder, max_trials=1, epochs=arguments.epochs, directory=directory, verbose=0
            )
        predicted = model.predict(test, root=folder)
        right = (predicted["label"] == test["label"]).mean()
        print(f"one line: accuracy {right:.4f}  ({monotonic() - start:.0f} s)")
        print(predicted.head(3))


if __name__ == "__main__":
    main()
