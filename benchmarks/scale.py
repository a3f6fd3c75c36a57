"""Trials per minute by executor and number of workers, what each executor adds to a trial, and what it moves.

A table of random numbers with two targets, a dense network, trials of equal length (random values, nothing pruned, no
early stopping). Measured from the end of the first trials on, so without the start of workers, which is given apart.

    python benchmarks/scale.py --trials 16 --epochs 30
    python benchmarks/scale.py --executors serial processes files ray --workers 1 2

    python benchmarks/scale.py --memory 1 4 16 --rows 50000
    python benchmarks/scale.py --memory 1 4 16 --rows 50000 --ranks 2

writes tables of 1, 4 and 16 times the rows as Parquet, fits each with two worker processes that read and encode its row
groups by themselves, and prints the largest memory of the search and of its workers: anonymous pages, and those of
files, which are shared and which the system may take back. With `--ranks`, the workers are processes that train each
network together; with `--images`, a column of the table holds paths of images.

On a machine whose cores are busy with other work, only ratios of rows that were measured at the same time say anything:
`--repeat 3` runs all cases in turn, and the medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import numpy as np

import medley as md
from medley.search.execute.choose import resolve_executor
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.files import Files
from medley.search.execute.processes import Processes
from medley.search.execute.task import TaskWriter
from medley.search.search_spec import SearchSpec
from medley.search.tuners import Tuner


class Unpruned(Tuner):
    """Random values, nothing pruned."""

    def sampler(self, seed: int) -> Any:
        from optuna.samplers import RandomSampler

        return RandomSampler(seed)

    def pruner(self, epochs: int) -> Any:
        from optuna.pruners import NopPruner

        return NopPruner()


class Timed(Executor):
    """Notes when trials begin and end in another executor."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self.workers = inner.workers
        self.began = 0.0
        self.trials: dict[int, PendingTrial] = {}
        self.submitted: dict[int, float] = {}
        self.ended: list[tuple[float, TrialOutcome]] = []
        self.writer: TaskWriter | None = None

    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        self.began = monotonic()
        self.writer = TaskWriter(search_spec)
        self.inner.begin(search_spec, folder)
        self.workers = self.inner.workers

    def submit(self, trial: PendingTrial) -> None:
        self.trials[trial.number] = trial
        self.submitted[trial.number] = monotonic()
        self.inner.submit(trial)

    def poll(self) -> list[TrialOutcome]:
        outcomes = self.inner.poll()
        self.ended += [(monotonic(), outcome) for outcome in outcomes]
        return outcomes

    def cancel(self, number: int) -> None:
        self.inner.cancel(number)

    def close(self) -> None:
        self.inner.close()

    def figures(self) -> dict[str, float]:
        """Seconds to the first result, trials per minute after it, and seconds per trial besides its training."""
        times = [time for time, _ in self.ended]
        first = self.workers  # trials that began while workers started
        rest = self.ended[first:]
        overhead = [time - self.submitted[outcome.number] - outcome.result.seconds for time, outcome in rest]
        return {
            "first result, s": times[0] - self.began,
            "trials per minute": 60 * len(rest) / (times[-1] - times[first - 1]),
            "training, s": median(outcome.result.seconds for _, outcome in rest),
            "overhead per trial, ms": 1000 * median(overhead),
        }

    def moved(self, project: Path) -> dict[str, float]:
        """Bytes that a trial moves, and those that are moved once."""
        assert self.writer is not None
        tasks = [len(json.dumps(self.writer.content(trial))) for trial in self.trials.values()]
        models = [
            sum(file.stat().st_size for file in model.iterdir())
            for model in (project / "trials").iterdir()
            if model.is_dir()
        ]
        lines = (project / "trials.jsonl").read_bytes().splitlines()
        return {
            "task": median(tasks),
            "result": median(map(len, lines)),
            "model": median(models),
            "arrays, once": sum(array.nbytes for array in self.writer.names.arrays.values()),
        }


@contextmanager
def started(name: str, workers: int, project: Path) -> Iterator[None]:
    """Starts workers where they do not come with the executor."""
    processes = []
    if name == "files":
        command = ["-m", "medley", "worker", str(project), "--idle", "60s", "-q"]
        processes = [subprocess.Popen([sys.executable, *command]) for _ in range(workers)]
    try:
        yield
    finally:
        for process in processes:
            process.wait(60)


def measured(name: str, workers: int, rows: int, trials: int, epochs: int) -> tuple[dict[str, float], dict[str, float]]:
    """The figures of one search, and the bytes it moved."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 20))
    y = [(x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int), x[:, 3] - x[:, 4]]
    z = md.DenseBlock(num_layers=2, num_units=64, use_batchnorm=False, dropout=0.0)(
        facts := md.StructuredDataInput(name="facts")
    )
    heads = [md.ClassificationHead(dropout=0.0)(z), md.RegressionHead(dropout=0.0)(z)]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        training = md.Training(patience=0, threads=1)
        auto = md.AutoModel(facts, heads, "project", trials, folder, tuner=Unpruned, training=training, device="cpu")
        resolved = resolve_executor(name, None if name == "serial" else workers)
        assert resolved is not None
        executor = Timed(resolved)
        with started(name, workers, project):
            auto.fit(x, y, epochs=epochs, batch_size=64, verbose=0, executor=executor)
        return executor.figures(), executor.moved(project)


class Watched(Timed):
    """Notes the largest memory of this process and of its workers.

    Args:
        inner: the executor.
        pids: returns the workers.
    """

    def __init__(self, inner: Executor, pids: Callable[[], list[int]]) -> None:
        super().__init__(inner)
        self.encodes = inner.encodes
        self.pids = pids
        self.most: dict[str, int] = defaultdict(int)

    def poll(self) -> list[TrialOutcome]:
        for name, pids in (("search", [os.getpid()]), ("worker", self.pids())):
            for pid in pids:
                for kind, size in memory(pid).items():
                    self.most[f"{name} {kind}"] = max(self.most[f"{name} {kind}"], size)
        return super().poll()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended
        return []


def memory(pid: int) -> dict[str, int]:
    """Bytes of a process: its own (anonymous) pages, and mapped pages of files."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return {}
    pairs = [line.partition(":") for line in lines]
    sizes = {name: int(value.split()[0]) * 1024 for name, _, value in pairs if value.endswith("kB")}
    return {"own": sizes.get("RssAnon", 0), "files": sizes.get("RssFile", 0)}


def write_table(path: Path, rows: int, *, has_images: bool) -> None:
    """Writes a table of numbers and categories, row group by row group; and 1,000 images that its rows refer to."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    rng, group = np.random.default_rng(0), 10_000
    if has_images:
        (path.parent / "images").mkdir()
        for number in range(1_000):
            image = Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
            image.save(path.parent / "images" / f"{number}.png")
    writer = None
    for start in range(0, rows, group):
        size = min(group, rows - start)
        columns = {f"x{place}": rng.normal(size=size).astype("float32") for place in range(30)}
        columns["kind"] = rng.choice(list("abcdef"), size)
        if has_images:
            columns["image"] = np.array([f"images/{number % 1_000}.png" for number in range(start, start + size)])
        columns["y"] = columns["x0"] + columns["x1"] * columns["x2"]
        part = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()


def memory_by_rows(rows: int, factors: list[int], options: list[str]) -> None:
    """Prints the memory of searches over ever larger tables, each in a process of its own."""
    print("| rows | encoded, MB | search own, MB | worker own, MB | worker files, MB | seconds |")
    print("|---|---|---|---|---|---|")
    for factor in factors:
        command = [sys.executable, __file__, "--one", "--rows", str(rows * factor), *options]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1], flush=True)


def memory_of(rows: int, ranks: int, *, has_images: bool) -> None:
    """Fits one table from files and prints a line."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEDLEY_CACHE"] = str(Path(folder) / "cache")
        table = Path(folder) / "table.parquet"
        write_table(table, rows, has_images=has_images)
        trials, memory = 1 if ranks > 1 else 2, "256KB" if has_images else "4MB"
        options = {"max_trials": trials, "epochs": 1, "verbose": 0, "device": "cpu", "memory": memory, "root": folder}
        if has_images:
            options["batch_size"] = 128  # by default, it grows with few rows
        processes = Processes(2)
        executor, group = Watched(processes, lambda: processes.pids), None
        if ranks > 1:
            launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
            worker = ["-m", "medley", "worker", str(Path(folder) / "project"), "--idle", "10m", "-q"]
            group = subprocess.Popen([sys.executable, *launch, *worker])
            pid = group.pid
            executor = Watched(Files(1), lambda: children(pid))
        start = monotonic()
        md.fit(f"file://{table}", ["y"], executor=executor, directory=folder, project_name="project", **options)
        seconds = monotonic() - start
        if group is not None:
            group.wait(60)
        encoded = sum(file.stat().st_size for file in (Path(folder) / "cache").glob("tables/*/*.rows"))
        most = [executor.most[name] for name in ("search own", "worker own", "worker files")]
        sizes = " | ".join(f"{size / 2**20:.0f}" for size in [encoded, *most])
        print(f"| {rows:,} | {sizes} | {seconds:.0f} |")


def main() -> None:
    """Runs all cases and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executors", nargs="+", default=["serial", "processes", "files"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--memory", nargs="+", type=int, metavar="TIMES", help="measure memory by rows instead")
    parser.add_argument("--ranks", type=int, default=1, help="with --memory: processes per network")
    parser.add_argument("--images", action="store_true", help="with --memory: a column of images")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        return memory_of(args.rows, args.ranks, has_images=args.images)
    if args.memory:
        options = ["--ranks", str(args.ranks), *(["--images"] if args.images else [])]
        return memory_by_rows(args.rows, args.memory, options)
    cases = [(name, workers) for name in args.executors for workers in ([1] if name == "serial" else args.workers)]
    results: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    moved: dict[str, float] = {}
    for _ in range(args.repeat):
        for case in cases:
            figures, moved = measured(*case, args.rows, args.trials, args.epochs)
            results[case].append(figures)
    names = list(next(iter(results.values()))[0])
    print(f"| executor | workers | {' | '.join(names)} |")
    print(f"|{'---|' * (len(names) + 2)}")
    for (name, workers), runs in results.items():
        values = [median(run[column] for run in runs) for column in names]
        print(f"| {name} | {workers} | {' | '.join(f'{value:.3g}' for value in values)} |")
    print("\nbytes: " + ", ".join(f"{name} {value:,.0f}" for name, value in moved.items()))


if __name__ == "__main__":
    main()
