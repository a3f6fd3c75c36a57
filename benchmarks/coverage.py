"""How often intervals and sets of classes hold the truth, and how well calibrated probabilities are, on new rows.

The model is trained for a minute on the training rows of each of the sets of `equal_time.py`: a quarter of an hour
on two cores in all. The rows that are scored took no part in it: the model's own validation rows, which intervals and
calibration come from, are training rows here.

    python benchmarks/coverage.py --data FOLDER
    python benchmarks/coverage.py --data FOLDER --sets adult,california --seconds 30 --levels 0.8,0.9
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from equal_time_sets import SETS, Split, read_split

import medley as md
from medley.trust.scores import calibration_error, log_losses

KINDS = {"auc": "category", "accuracy": "category"}


def rows_of(name: str, split: Split, seconds: float, levels: list[float]) -> Iterator[dict[str, Any]]:
    """Trains on one set and scores every target: a row per target and level."""
    spec = split.data_set
    kinds = {target: KINDS[metric] for target, metric in spec.targets.items() if metric in KINDS}
    train: Any = split.train[[*split.inputs, *spec.targets]]
    model = md.fit(
        train, list(spec.targets), root=split.root, time_limit=seconds, column_kinds=kinds, pretrained=None, verbose=0
    )
    scored: Any = split.scored
    x = scored[split.inputs]
    raw = model.predict_raw(x, root=split.root)
    frames = {level: model.predict(x, root=split.root, interval=level) for level in levels}
    for target in spec.targets:
        codec, truth = model.targets[target], scored[target]
        known = truth.notna().to_numpy()
        if codec.labels is not None:
            known = known & truth.isin(codec.labels).to_numpy()  # others are in no set
        encoded = codec.encode(truth[known].tolist())
        row = {"set": name, "target": target, "rows": int(known.sum())}
        if codec.labels is not None and codec.linear_link in ("logit", "multinomial"):
            cells, observed = codec.linear_targets(encoded)  # type: ignore[misc]
            pair = (raw[target][known], model.trust.calibrated(target, codec, raw[target][known]))
            calibration = model.trust.calibrations.get(target)
            row["method"] = "none" if calibration is None else calibration.method
            row["log_loss"] = [float(log_losses(codec.linear_link, out, cells, observed).mean()) for out in pair]
            row["ece"] = [calibration_error(codec.linear_link, out, cells, observed) for out in pair]
        for level, frame in frames.items():
            part = frame[known]
            if codec.labels is None:
                low, high = part[f"{target}_low"].to_numpy(), part[f"{target}_high"].to_numpy()
                numbers = truth.to_numpy()[known]
                hits = (low <= numbers) & (numbers <= high)
                size = float(np.median(high - low) / np.std(numbers))
                alone = np.nan
            else:
                sets = part[f"{target}_set"]
                hits = np.array([value in members for value, members in zip(truth[known], sets, strict=True)])
                size = float(np.mean([len(members) for members in sets]))
                alone = float((part[target].to_numpy() == truth[known].to_numpy()).mean())
            yield {**row, "level": level, "covered": float(hits.mean()), "size": size, "accuracy": alone}


def shown(row: dict[str, Any]) -> str:
    """A row as a line of a table in Markdown."""
    names = ("log_loss", "ece")
    scores = [" → ".join(f"{value:.4f}" for value in row[name]) if name in row else "" for name in names]
    accuracy = "" if np.isnan(row["accuracy"]) else f"{row['accuracy']:.3f}"
    error = np.sqrt(row["level"] * (1 - row["level"]) / row["rows"])  # of the fraction itself, from this many rows
    covered = f"{row['covered']:.3f} ± {error:.3f}"
    cells = [row["set"], row["target"], f"{row['rows']:,}", f"{row['level']:g}", covered, accuracy]
    cells += [f"{row['size']:.2f}", row.get("method", ""), *scores]
    return f"| {' | '.join(cells)} |"


def summary(results: list[dict[str, Any]], levels: list[float]) -> Iterator[str]:
    """The lines of the table of docs/trust.md: a row per set and target, a column per level."""
    yield f"| data | target | rows | {' | '.join(f'level {level:g}' for level in levels)} |"
    yield f"|---|---|---|{'---|' * len(levels)}"
    targets = dict.fromkeys((row["set"], row["target"]) for row in results)
    for name, target in targets:
        by_level = {row["level"]: row for row in results if (row["set"], row["target"]) == (name, target)}
        first = by_level[levels[0]]
        accuracy = "" if np.isnan(first["accuracy"]) else f" (accuracy {first['accuracy']:.3f})"
        covered = " | ".join(f"{by_level[level]['covered']:.3f}" for level in levels)
        yield f"| {name} | {target}{accuracy} | {first['rows']:,} | {covered} |"


def main() -> None:
    """Reads the arguments, and prints a row per set, target and level, then the table of docs/trust.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--sets", default=",".join(SETS), help="names, with commas between them")
    parser.add_argument("--seconds", type=float, default=60, help="for each training")
    parser.add_argument("--levels", default="0.8,0.9", help="probabilities, with commas between them")
    parser.add_argument("--quick", action="store_true", help="1,500 rows of each set")
    parser.add_argument("--output", type=Path, help="a JSON file for the rows")
    args = parser.parse_args()
    levels = [float(level) for level in args.levels.split(",")]
    results: list[dict[str, Any]] = []
    print("| set | target | rows | asked | covered | accuracy | size | calibration | log loss | ECE |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in args.sets.split(","):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", md.MedleyWarning)
            split = read_split(name, args.data, Path(folder), side="validation", seed=0, quick=args.quick)
            for row in rows_of(name, split, args.seconds, levels):
                results.append(row)
                print(shown(row), flush=True)
    print("", *summary(results, levels), sep="\n")
    if args.output is not None:
        args.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
