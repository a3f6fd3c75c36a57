"""The parts of `benchmarks/speed.py` besides epochs: images of files, searches, predictions, and new processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from speed_loops import auto_model, eager
from speed_networks import BATCH, WORK

import medley as md

SIDE, SMALL_SIDE = 224, 64


def write_images(folder: Path, count: int) -> list[str]:
    """JPEG files of 224 pixels with smooth random content, as photographs have it."""
    from PIL import Image

    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8))
        path = folder / f"{number}.jpg"
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(str(path))
    return paths


def pillow_seconds(paths: list[str], threads: int) -> float:
    """Seconds to decode all files with Pillow: JPEG draft mode, then reduced to 64 pixels."""
    from PIL import Image

    def decode(path: str) -> np.ndarray:
        with Image.open(path) as image:
            image.draft("RGB", (SMALL_SIDE, SMALL_SIDE))
            return np.asarray(image.convert("RGB").resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BILINEAR))

    start = perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(decode, paths))
    return perf_counter() - start


def medley_seconds(paths: list[str]) -> float:
    """Seconds until medley has all files in its cache of uint8 pixels."""
    codec = md.ImageInput(name="photo", size=SMALL_SIDE).codec()
    rows = np.array(paths, dtype=object)
    start = perf_counter()
    codec.fit(rows[:1])
    codec.encode(rows)
    return perf_counter() - start


def search_by_hand(rows: int, runs: int, epochs: int) -> tuple[float, float]:
    """Wall and CPU seconds of a run of (a) by the best eager loop: the mean of several, one after the other."""
    start, cpu = perf_counter(), cpu_seconds()
    for _ in range(runs):
        loop = eager(WORK["a"], rows)
        for _ in range(epochs):
            next(loop)
    return (perf_counter() - start) / runs, (cpu_seconds() - cpu) / runs


def search_by_medley(rows: int, trials: int, epochs: int, executor: str | None) -> tuple[float, float]:
    """Wall and CPU seconds of such runs as a search: other learning rates, a tenth of the rows for validation."""
    _, inputs, first, second = WORK["a"].rows(rows)
    folder = tempfile.mkdtemp()
    auto = auto_model(WORK["a"], folder, max_trials=trials, tuner="random", training={"weight_decay": 0.0})
    start, cpu = perf_counter(), cpu_seconds()
    auto.fit(
        inputs,
        [first, np.where(second, "yes", "no")],
        epochs=epochs,
        batch_size=BATCH,
        validation_split=0.1,
        verbose=0,
        executor=executor,
    )
    return perf_counter() - start, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def predictions(rows: int) -> dict[str, float]:
    """Seconds to predict one row and all rows with the bare network, and with medley."""
    hand, inputs, first, second = WORK["a"].rows(rows)
    auto = auto_model(WORK["a"], tempfile.mkdtemp(), training={"learning_rate": 1e-3, "weight_decay": 0.0})
    few = slice(0, 2_000)
    labels = [first[few], np.where(second, "yes", "no")[few]]
    auto.fit([x[few] for x in inputs], labels, epochs=1, batch_size=BATCH, verbose=0)
    network, tensors = WORK["a"].network().eval(), [torch.from_numpy(x) for x in hand]

    def bare(stop: int) -> None:
        with torch.no_grad():
            for start in range(0, stop, 1_024):
                network(*[x[start : min(start + 1_024, stop)] for x in tensors])

    model = auto.export_model()
    calls = {
        "bare, one row": lambda: bare(1),
        "medley, one row": lambda: model.predict([x[:1] for x in inputs]),
        "bare, all rows": lambda: bare(rows),
        "medley, all rows": lambda: model.predict(inputs),
    }
    return {name: min(_seconds(call) for _ in range(5)) for name, call in calls.items()}


def _seconds(call: Any) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


STARTS = {
    "python": "pass",
    "import torch": "import torch",
    "import medley": "import medley",
    "medley --help": "import sys; from medley.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    "first prediction": (
        "import torch, medley as md; md.load({model!r}).predict({{'size': [0.1], 'age': [0.2], 'colour': ['red']}})"
    ),
    "first step of fit": (
        "import os, torch\nfrom medley.cli.main import main\nfrom medley.train.eager import EagerStepper\n"
        "EagerStepper.step = lambda *args: os._exit(0)\n"
        "main(['fit', {table!r}, '--target', 'price', '-o', {out!r}])"
    ),
}
"""Start of a process -> its program."""


def small_table(folder: Path) -> dict[str, str]:
    """A saved model of a table of three columns, and the table."""
    rng = np.random.default_rng(0)
    columns = {"size": rng.normal(size=300), "age": rng.normal(size=300), "colour": rng.choice(["red", "green"], 300)}
    columns["price"] = 3 * columns["size"] + rng.normal(size=300)
    table, model = folder / "table.csv", folder / "model"
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    table.write_text("\n".join(lines))
    md.fit(str(table), ["price"], max_trials=1, epochs=1, verbose=0).save(str(model))
    return {"model": str(model), "table": str(table), "out": str(folder / "out")}


def start_seconds(program: str) -> tuple[float, float]:
    """Wall and CPU seconds of a new process with byte code present."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    start, cpu = perf_counter(), cpu_seconds()
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, stdout=subprocess.DEVNULL)
    return perf_counter() - start, cpu_seconds() - cpu


def growth(rows: int) -> Iterator[tuple[int, float, float]]:
    """Rows, and seconds of an epoch of (a) by hand and by medley: 1, 4 and 16 times the rows."""
    from speed_loops import medley_eager

    for factor in (1, 4, 16):
        loops = eager(WORK["a"], rows * factor), medley_eager(WORK["a"], rows * factor)
        for loop in loops:
            next(loop)
        hand, ours = (min(next(loop) for _ in range(2)) for loop in loops)
        yield rows * factor, hand, ours
