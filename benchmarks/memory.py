"""Peak memory of fitting a table and the same table with ten times the rows: in batches, and all of it in memory.

A table of numbers, categories, texts and images (PNG in its cells) is written as Parquet and fitted in a process of
its own, whose largest resident size is printed. Read in batches, it shall not grow with the rows, but for the index: a
few numbers per row (labels, the split, which cells are there, the order of an epoch).

    python benchmarks/memory.py --rows 12000 --folder FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from time import monotonic

import numpy as np

WORDS = [f"word{number}" for number in range(2000)]
IMAGES = 500
AT_ONCE = 4_000
MEMORY = "64MB"


def main() -> None:
    """Runs all four cases and prints them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12_000, help="of the smaller table")
    parser.add_argument("--times", type=int, default=10, help="how many times larger the other is")
    parser.add_argument("--side", type=int, default=32, help="pixels of an image's side")
    parser.add_argument("--folder", type=Path, help="where tables are written; a temporary one, if left out")
    parser.add_argument("--batches-only", action="store_true", help="leave out the runs in memory")
    parser.add_argument("--one", nargs=3, metavar=("FILE", "MEMORY", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(fitted(*args.one)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sizes = [args.rows, args.rows * args.times]
        files = [written(folder / f"{rows}-{args.side}.parquet", rows, args.side) for rows in sizes]
        print(f"{'':12} {'rows':>9} {'file':>9} {'peak':>9} {'of it, the fit':>15} {'seconds':>8}")
        streamed = [measured("in batches", file, rows, MEMORY) for file, rows in zip(files, sizes, strict=True)]
        compare("in batches", streamed, sizes)
        if not args.batches_only:
            held = [measured("in memory", file, rows, "1TB") for file, rows in zip(files, sizes, strict=True)]
            compare("in memory", held, sizes)


def measured(word: str, file: Path, rows: int, memory: str) -> dict[str, float]:
    """Fits in a process of its own and prints a line."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {**os.environ, "MEDLEY_CACHE": f"{folder}/cache"}
        command = [sys.executable, __file__, "--one", str(file), memory, folder]
        done = subprocess.run(command, env=cache, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    size, peak, fit = (
        file.stat().st_size / 2**20,
        figures["peak"] / 2**20,
        (figures["peak"] - figures["before"]) / 2**20,
    )
    print(f"{word:12} {rows:9,} {size:6.0f} MB {peak:6.0f} MB {fit:12.0f} MB {figures['seconds']:8.0f}", flush=True)
    return figures


def compare(word: str, figures: list[dict[str, float]], sizes: list[int]) -> None:
    """Prints what more rows cost."""
    more = figures[1]["peak"] - figures[0]["peak"]
    ratio = figures[1]["peak"] / figures[0]["peak"]
    per_row = more / (sizes[1] - sizes[0])
    print(f"{word}: {sizes[1] / sizes[0]:.0f}x the rows, {ratio:.2f}x the peak; {per_row:,.0f} bytes per further row")


def fitted(file: str, memory: str, folder: str) -> dict[str, float]:
    """Fits once; bytes before and at the peak, and seconds."""
    import pandas as pd

    import medley as md

    few = pd.DataFrame({"a": np.arange(64.0), "y": np.arange(64.0)})
    md.fit(few, "y", max_trials=1, epochs=1, directory=folder, project_name="warm", verbose=0)  # loads what fits need
    before, began = peak(), monotonic()
    options = {"max_trials": 1, "epochs": 1, "batch_size": 256, "time_limit": None, "verbose": 0}
    md.fit(file, ["price", "mood"], directory=folder, memory=memory, **options)
    return {"before": before, "peak": peak(), "seconds": monotonic() - began}


def peak() -> int:
    """The largest resident size of this process so far, in bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def written(path: Path, rows: int, side: int) -> Path:
    """Writes a table, bit by bit; one that is there is taken."""
    import pyarrow
    from pyarrow import parquet

    if path.exists():
        return path
    rng = np.random.default_rng(0)
    images = list(drawn(rng, side))
    writer, fresh = None, path.with_suffix(".new")
    for start in range(0, rows, AT_ONCE):
        size = min(AT_ONCE, rows - start)
        columns = some_rows(rng, size)
        columns["photo"] = [images[index] for index in rng.integers(0, len(images), size)]
        table = pyarrow.table(columns)
        writer = writer or parquet.ParquetWriter(fresh, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    os.replace(fresh, path)
    return path


def drawn(rng: np.random.Generator, side: int) -> Iterator[bytes]:
    """Noise as files of images."""
    from PIL import Image

    for _ in range(IMAGES):
        stream = BytesIO()
        Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(stream, "PNG")
        yield stream.getvalue()


def some_rows(rng: np.random.Generator, size: int) -> dict[str, object]:
    """Numbers, categories, texts and two targets."""
    numbers = rng.normal(size=(size, 8)).astype(np.float32)
    columns: dict[str, object] = {f"number{place}": numbers[:, place] for place in range(8)}
    columns["kind"] = rng.choice(["cat", "dog", "emu", "yak"], size)
    columns["town"] = [f"town {number}" for number in rng.integers(0, 300, size)]
    columns["note"] = [" ".join(rng.choice(WORDS, 12)) for _ in range(size)]
    columns["price"] = numbers[:, 0] * 2 + rng.normal(size=size)
    columns["mood"] = np.where(numbers[:, 1] + rng.normal(size=size) > 0, "shy", "bold")
    return columns


if __name__ == "__main__":
    main()
