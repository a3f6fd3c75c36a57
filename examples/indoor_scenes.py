"""Kinds of rooms, from an image and a caption: ViT and RoBERTa side by side.

Images lie in one folder per kind of room; captions in a CSV file with the columns `file` (the image's path in that
folder) and `caption`. The first token of ViT and that of RoBERTa (the first 8 of its 12 layers) are concatenated; a
dense layer of 256 (ReLU, dropout .5) tells the rooms apart. Adam, learning rate 1e-4, batches of 16; F1 weighted by
class is told, on a fifth of the images that nothing was learnt from. Captions that the CSV lacks are written by
`--captioner`, where one is given; else these rows go without.

Run: `python examples/indoor_scenes.py rooms captions.csv --vit FOLDER --roberta FOLDER [--captioner FOLDER] [--tune]`
or offline, with rooms that are drawn here and tiny encoders of random weights: `examples/indoor_scenes.py --tiny`
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw

import medley as md

BATCH = 16

# Kind of room -> its wall, what stands in it, what is said of it.
ROOMS = {
    "bathroom": ((205, 232, 240), "ellipse", "a bath with tiles and a mirror"),
    "bedroom": ((226, 206, 222), "wide", "a bed with a blanket and two pillows"),
    "children's room": ((250, 226, 120), "dots", "toys on a colourful carpet"),
    "closet": ((180, 160, 140), "bars", "coats and shirts that hang in a row"),
    "corridor": ((214, 214, 206), "doors", "doors on both sides, and a long floor"),
    "dining room": ((200, 170, 120), "table", "a table with six chairs"),
    "garage": ((120, 125, 130), "wide", "a car and tools along the wall"),
    "kitchen": ((246, 246, 236), "bars", "an oven, a sink and cupboards"),
    "library": ((120, 82, 50), "shelves", "books on shelves up to the ceiling"),
    "office": ((190, 205, 220), "table", "a desk with a screen and a lamp"),
    "staircase": ((160, 150, 170), "steps", "steps that lead up to a landing"),
}


def read_captions(files: np.ndarray, folder: str | Path, table: str | Path) -> list[str | None]:
    """The caption of each image, None where the table has none."""
    captions = pd.read_csv(table).dropna().set_index("file")["caption"].to_dict()
    return [captions.get(Path(file).relative_to(folder).as_posix()) for file in files]


def network(
    vit: str, roberta: str, captioner: Any = None, *, layers: int = 8, tune: bool = False
) -> tuple[list[Any], md.extend.Node]:
    """The inputs and the head: two encoders, concatenated, and a dense layer; captions that lack are written."""
    photo, caption = md.ImageInput(name="photo"), md.TextInput(name="caption")
    words = caption if captioner is None else md.CaptionImages(captioner)(photo, caption)
    seen = md.PretrainedImageBlock(vit, pooling="cls", trainable=tune)(photo)
    sentence = md.PretrainedTextBlock(roberta, pooling="cls", num_hidden_layers=layers, trainable=tune)(words)
    joined = md.Merge(merge_type="concatenate")([seen, sentence])
    hidden = md.DenseBlock(num_layers=1, num_units=256, use_batchnorm=False, dropout=0.5)(joined)
    return [photo, caption], md.ClassificationHead(name="room", dropout=0, metrics=["f1_weighted", "accuracy"])(hidden)


def learn(
    folder: str | Path, table: str | Path, vit: str, roberta: str, directory: str, *, epochs: int = 10, **options: Any
) -> tuple[md.AutoModel, dict[str, float]]:
    """Learns from four fifths of the images; the scores are of the others."""
    parts = [
        md.image_dataset_from_directory(folder, image_size=None, validation_split=0.2, subset=part)
        for part in ("training", "validation")
    ]
    (train, test) = [([files, read_captions(files, folder, table)], rooms) for files, rooms in parts]
    plan = md.Training(
        optimizer="adam", learning_rate=1e-4, weight_decay=0.0, schedule="constant", batch_size=BATCH, patience=0
    )
    inputs, room = network(vit, roberta, **options)
    auto = md.AutoModel(
        inputs, room, "indoor_scenes", max_trials=1, directory=directory, overwrite=True, training=plan, seed=0
    )
    auto.fit(*train, validation_split=0.15, epochs=epochs, verbose=0)
    return auto, auto.evaluate(*test, return_dict=True)


def draw_room(rng: np.random.Generator, kind: str, side: int = 32) -> Image.Image:
    """A room in other light each time, with what stands in it somewhere else."""
    wall, shape, _ = ROOMS[kind]
    light = np.clip(np.array(wall) * rng.uniform(0.8, 1.1) + rng.normal(0, 6, 3), 0, 255).astype(int)
    room = Image.new("RGB", (side, side), tuple(light.tolist()))
    pen, dark = ImageDraw.Draw(room), (50, 40, 45)
    x, y = (int(position) for position in rng.integers(2, 8, 2))
    pen.rectangle((0, side - 8, side, side), fill=tuple((light // 2).tolist()))
    boxes = {
        "wide": [(x, y + 12, x + 20, y + 18)],
        "dots": [(x + at, y + at % 9, x + at + 3, y + at % 9 + 3) for at in range(0, 24, 5)],
        "bars": [(at + x, y, at + x + 2, y + 16) for at in range(0, 24, 6)],
        "doors": [(x, y, x + 4, side - 8), (side - x - 4, y, side - x, side - 8)],
        "table": [(x, y + 8, x + 18, y + 10), (x + 1, y + 10, x + 3, y + 18), (x + 15, y + 10, x + 17, y + 18)],
        "shelves": [(1, at + y, side - 2, at + y + 2) for at in range(0, 24, 5)],
        "steps": [(at + x, side - 8 - at, side, side - 6 - at) for at in range(0, 20, 5)],
    }
    for box in boxes.get(shape, []):
        pen.rectangle(box, fill=dark)
    if shape == "ellipse":
        pen.ellipse((x, y + 8, x + 20, y + 18), fill=(255, 255, 255))
    return room


def make_rooms(folder: Path, count: int, seed: int = 0) -> Path:
    """Draws so many rooms of each kind into a folder per kind; captions go beside them, one in five left out."""
    rng = np.random.default_rng(seed)
    rows = []
    for kind, (*_, said) in ROOMS.items():
        (folder / "rooms" / kind).mkdir(parents=True)
        others = [about for other, (*_, about) in ROOMS.items() if other != kind]
        for number in range(count):
            file = f"{kind}/{number}.png"
            draw_room(rng, kind).save(folder / "rooms" / file)
            caption = said if rng.random() < 0.8 else str(rng.choice(others))  # some captions are of another room
            rows.append((file, caption if number % 5 else None))
    pd.DataFrame(rows, columns=["file", "caption"]).to_csv(folder / "captions.csv", index=False)
    return folder


def tiny_encoders(folder: Path) -> tuple[str, str]:
    """A ViT and a RoBERTa of 12 layers, tiny and of random weights, saved as pretrained ones are."""
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    from medley.testing.tiny_models import tiny_model

    logging.disable_progress_bar()
    texts = [said for *_, said in ROOMS.values()]
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 12}
    folders = []
    for kind, layers in (("vit", 2), ("roberta", 12)):
        path = tiny_model(kind, folder / kind, texts=texts)
        config = AutoConfig.from_pretrained(path, **{**sizes, "num_hidden_layers": layers, "initializer_range": 0.2})
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(path)
        folders.append(path)
    return folders[0], folders[1]


@md.extend.register("indoor_scenes.describe")
def describe(images: list[Image.Image]) -> list[str]:
    """Stands in for a captioner where none can be had: says how bright rooms are."""
    words = ("dark", "dim", "bright", "white")
    return [f"a {words[int(np.asarray(image).mean()) // 64]} room" for image in images]


def main() -> None:
    """Runs it and tells how well it knows rooms that it has not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="?", help="folder with one folder of images per kind of room")
    parser.add_argument("captions", nargs="?", help="CSV file with the columns file and caption")
    parser.add_argument("--vit", default="google/vit-base-patch16-224", help="a folder, or a name on the hub")
    parser.add_argument("--roberta", default="FacebookAI/roberta-base", help="a folder, or a name on the hub")
    parser.add_argument("--captioner", help="an image-to-text model: a folder, or a name on the hub")
    parser.add_argument("--tune", action="store_true", help="let the encoders learn too (on a GPU, better)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--tiny", action="store_true", help="rooms that are drawn here, tiny random encoders")
    parser.add_argument("--count", type=int, default=40, help="with --tiny: images per kind of room")
    arguments = parser.parse_args()
    if not arguments.tiny and arguments.captions is None:
        parser.error("give the folder of images and the CSV of captions, or --tiny")
    began = monotonic()
    with tempfile.TemporaryDirectory() as directory:
        if arguments.tiny:
            os.environ["HF_HUB_OFFLINE"] = "1"
            folder = make_rooms(Path(directory), arguments.count)
            vit, roberta = tiny_encoders(folder)
            arguments.images, arguments.captions = folder / "rooms", folder / "captions.csv"
            options: dict[str, Any] = {"captioner": describe, "epochs": 60}
        else:
            vit, roberta = arguments.vit, arguments.roberta
            options = {"captioner": arguments.captioner, "tune": arguments.tune, "epochs": arguments.epochs}
        try:
            _, scores = learn(arguments.images, arguments.captions, vit, roberta, directory, **options)
        except md.MedleyError as error:  # a folder or weights that are not there
            sys.exit(str(error))
    for name, value in scores.items():
        print(f"test {name} {value:.4f}")
    print(f"{monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
