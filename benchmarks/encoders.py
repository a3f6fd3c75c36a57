"""What the encoders of `medley[encoders]` add in the time of a call: MiniLM to reviews, EfficientNet-Lite0 to images.

The same rows, split and seconds with and without the encoder, in one call of `md.fit` for all targets. Scores are those
of validation rows of `equal_time_sets.py`, the greater the better. Seconds pass by the clock on the wall, so a busy
machine takes some away; those of the processor are printed beside the scores.

Run: `python benchmarks/encoders.py --data FOLDER [--seconds 60] [--quick]`
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from equal_time_rivals import Problem, score
from equal_time_sets import Split, read_split

import medley as md

MINILM, LITE0 = "sentence-transformers/all-MiniLM-L6-v2", "efficientnet-lite0"
RUNS = (
    ("womens_clothing", 500, MINILM),
    ("womens_clothing", 2000, MINILM),
    ("fashion_photo", 2000, LITE0),
    ("houses", None, LITE0),
)
"""Set, number of training rows, encoder."""


def scores(split: Split, rows: int | None, pretrained: str | None, seconds: float) -> tuple[dict[str, float], str]:
    """Target -> score, and what the call took."""
    train = split.train if rows is None else split.train.sample(rows, random_state=0)
    targets = list(split.data_set.targets)
    began, ran = perf_counter(), process_time()
    model = md.fit(
        train[[*split.inputs, *targets]].reset_index(drop=True),
        targets,
        root=split.root,
        time_limit=seconds,
        pretrained=pretrained,
        seed=0,
        verbose=0,
    )
    spent = f"{perf_counter() - began:.0f} s, of which {process_time() - ran:.0f} s of the processor"
    probabilities: Any = model.predict_proba(split.scored[split.inputs], root=split.root)
    results = {}
    for target in targets:
        problem, classes = Problem(split, target), model.labels(target)
        columns = target if classes is None else [f"{target}_{label}" for label in classes]
        prediction = probabilities[columns].to_numpy(float)[problem.scored_rows]
        results[target] = score(problem.metric, problem.true, prediction, classes)
    return results, spent


def main() -> None:
    """Prints a table per set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the sets' folders")
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of each call")
    parser.add_argument("--quick", action="store_true", help="the first set only: does it run?")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=md.MedleyWarning)
    for name, rows, encoder in RUNS[: 1 if options.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            split = read_split(name, options.data, Path(folder), side="validation", seed=0, quick=False)
            results = {}
            for pretrained in (None, encoder):
                with tempfile.TemporaryDirectory() as cache:  # encodings of other runs are not used
                    os.environ["MEDLEY_CACHE"] = cache
                    results[pretrained] = scores(split, rows, pretrained, options.seconds)
        print(f"\n{name}, {rows or len(split.train):,} training rows; without an encoder and with {encoder}")
        for target in split.data_set.targets:
            print(f"  {target:20} {results[None][0][target]:8.3f} {results[encoder][0][target]:8.3f}")
        print(f"  without: {results[None][1]}; with: {results[encoder][1]}", flush=True)


if __name__ == "__main__":
    main()
