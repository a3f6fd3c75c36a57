"""What an export saves: rows per second, and a process that starts, loads, predicts one row and ends.

Two models of the table door on generated rows, untrained but for one epoch, since only time is asked for: numbers and
words (12 columns), and the same with a text and an image of 32x32. Both predict from a frame, codecs included. Calls
are made in turn, so that a noisy machine disturbs both alike; figures are medians, of starts the best of five.

Run: `OMP_NUM_THREADS=1 python benchmarks/export.py`
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

import medley as md
from medley.runtime import load

ONE_ROW = """
import json, sys
import pandas as pd
if sys.argv[1].endswith(".onnx"):
    from medley.runtime import load
else:
    from medley.model.artifact import load
load(sys.argv[1]).predict(pd.DataFrame(json.loads(sys.argv[2])), root=sys.argv[3])
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def table(rows: int, folder: Path) -> pd.DataFrame:
    """Ten numbers, two words, a text and an image per row."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 10)), columns=[f"number {place}" for place in range(10)])
    frame["colour"] = rng.choice(["red", "green", "blue"], rows)
    frame["town"] = rng.choice([f"town {place}" for place in range(40)], rows)
    words = np.array(["old", "new", "house", "garden", "sea", "bright", "quiet", "street", "school", "station"])
    frame["about"] = [" ".join(rng.choice(words, 12)) for _ in range(rows)]
    for place in range(rows):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{place}.png")
    frame["photo"] = [f"{place}.png" for place in range(rows)]
    frame["price"] = frame["number 0"] * 10 + (frame["colour"] == "red") * 5 + rng.normal(size=rows)
    return frame


def timed(*calls: Callable[[], Any], seconds: float) -> list[float]:
    """Median seconds of each call, made in turn."""
    found: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = perf_counter() + seconds
    while perf_counter() < end:
        for call, times in zip(calls, found, strict=True):
            start = perf_counter()
            call()
            times.append(perf_counter() - start)
    return [median(times) for times in found]


def started(model: Path, row: pd.DataFrame, root: Path) -> tuple[float, float]:
    """Seconds of a process that predicts one row, the best of five, and the memory that it took in MB."""
    words = [sys.executable, "-c", ONE_ROW, str(model), json.dumps(row.to_dict("list")), str(root)]
    best, memory = float("inf"), 0.0
    for _ in range(5):
        start = perf_counter()
        memory = float(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])
        best = min(best, perf_counter() - start)
    return best, memory


def compare(name: str, frame: pd.DataFrame, root: Path, seconds: float) -> None:
    """Prints one model's lines."""
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore", md.MedleyWarning)
        model = md.fit(frame, "price", root=root, max_trials=1, epochs=1, directory=directory, verbose=0)
        saved = model.save(Path(directory) / "saved")
        start = perf_counter()
        path = model.export(Path(directory) / "model.onnx")
        exported = perf_counter() - start
        size = path.stat().st_size / 1e6
        ours = load(path, threads=torch.get_num_threads())
        print(f"{name}: exported in {exported:.1f} s, {size:.1f} MB")
        print(f"  {'':28}{'torch':>12}{'onnxruntime':>14}{'ratio':>8}")
        for rows in (1, 100, len(frame)):
            some = frame.iloc[:rows].drop(columns=["price"])
            both = timed(
                lambda some=some: model.predict(some, root=root),
                lambda some=some: ours.predict(some, root=root),
                seconds=seconds,
            )
            cells = [f"{value / rows * 1e3:.3f}" for value in both]
            print(f"  {f'ms per row, {rows:,} at once':28}{cells[0]:>12}{cells[1]:>14}{both[0] / both[1]:>8.2f}")
        row = frame.iloc[:1].drop(columns=["price"])
        (slow, much), (fast, little) = started(saved, row, root), started(path, row, root)
        print(f"  {'start to end, one row, s':28}{slow:>12.2f}{fast:>14.2f}{slow / fast:>8.2f}")
        print(f"  {'memory of that process, MB':28}{much:>12.0f}{little:>14.0f}{much / little:>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0, help="per figure")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        frame = table(args.rows, root)
        compare("numbers and words", frame.drop(columns=["about", "photo"]), root, args.seconds)
        compare("with text and image", frame, root, args.seconds)


if __name__ == "__main__":
    main()
