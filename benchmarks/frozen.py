"""What keeping the results of frozen encoders saves: ten trials of ten epochs, with and without.

Images and texts through two encoders of random weights that are built here (a ViT and a BERT, no download), frozen; a
small network on top learns, and its sizes are searched. The same seed, trials and epochs both times: the scores must be
the same, the seconds are what differs.

Run: `python benchmarks/frozen.py [--rows 400] [--trials 10] [--epochs 10]`
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import medley as md
from medley.testing.tiny_models import tiny_model

SIDE = 64
LAYERS: dict[str, Any] = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 512,
}
WORDS = [
    "the",
    "new",
    "old",
    "house",
    "dress",
    "sea",
    "red",
    "green",
    "good",
    "bad",
    "poor",
    "lovely",
    "small",
    "large",
]


def save_vit(folder: Path) -> str:
    """A ViT of four layers for images of 64 x 64."""
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    ViTModel(ViTConfig(image_size=SIDE, patch_size=8, **LAYERS)).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return str(folder)


def save_bert(folder: Path) -> str:
    """A BERT of four layers over a tiny vocabulary."""
    from transformers import AutoConfig, BertModel

    tiny_model("bert", folder)  # its tokenizer stays
    config: Any = AutoConfig.from_pretrained(folder)
    config.update(LAYERS)
    BertModel(config).save_pretrained(folder)
    return str(folder)


def rows(count: int) -> tuple[list[Any], np.ndarray]:
    """Images whose brightness and sentences whose words say the class."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, count)
    images = rng.integers(0, 200, (count, SIDE, SIDE, 3)) + 20 * label[:, None, None, None]
    texts = [" ".join(rng.choice(WORDS[start : start + 9], 20)) for start in 5 * label]
    return [images.astype(np.uint8), texts], label


def search(vit: str, bert: str, arguments: argparse.Namespace, cache: str) -> tuple[float, np.ndarray]:
    """Seconds of a whole search, and the trials' scores."""
    os.environ["MEDLEY_CACHE"] = cache
    image, text = md.ImageInput(name="image"), md.TextInput(name="text")
    seen = md.PretrainedImageBlock(vit, pooling="mean", trainable=False)(image)
    read = md.PretrainedTextBlock(bert, pooling="mean", trainable=False)(text)
    label = md.ClassificationHead(name="label")(md.DenseBlock()(md.Merge()([seen, read])))
    with tempfile.TemporaryDirectory() as directory:
        # Results of frozen parts are cached in float32, so they are compared with networks that run in float32.
        training = md.Training(precision="float32")
        settings = {"max_trials": arguments.trials, "directory": directory, "tuner": "random", "seed": 0}
        auto = md.AutoModel([image, text], label, training=training, **settings)
        x, y = rows(arguments.rows)
        began = perf_counter()
        auto.fit(x, y, epochs=arguments.epochs, verbose=0)
        return perf_counter() - began, auto.history["score"].to_numpy()


def main() -> None:
    """Prints the seconds of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        vit, bert = save_vit(Path(directory) / "vit"), save_bert(Path(directory) / "bert")
        search(vit, bert, argparse.Namespace(rows=16, trials=1, epochs=1), "off")  # imports cost nobody then
        cache = str(Path(directory) / "cache")
        once, scores = search(vit, bert, arguments, cache)
        again, _ = search(vit, bert, arguments, cache)
        always, without = search(vit, bert, arguments, "off")
    print(f"{arguments.rows} rows, {arguments.trials} trials of {arguments.epochs} epochs at most")
    print(f"every time {always:.1f} s, once {once:.1f} s, once in an earlier run {again:.1f} s")
    print(f"ratio {always / once:.1f}, with an earlier run {always / again:.1f}")
    print(f"scores differ by {np.abs(scores - without).max():.1e} at most")


if __name__ == "__main__":
    main()
