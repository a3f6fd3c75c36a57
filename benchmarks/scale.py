"""Trials per minute by executor and number of workers, what each executor adds to a trial, and what it moves.

A table of random numbers with two targets, a dense network, trials of equal length (random values, nothing pruned, no
early stopping). Measured from the end of the first trials on, so without the start of workers, which is given apart.

    python benchmarks/scale.py --trials 16 --epochs 30
    python benchmarks/scale.py --executors serial processes files ray --workers 1 2

On a machine whose cores are busy with other work, only ratios of rows that were measured at the same time say anything:
`--repeat 3` runs all cases in turn, and the medians are printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import numpy as np

import medley as md
from medley.search.execute.choose import resolve_executor
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.execute.task import TaskWriter
from medley.search.trial import SearchSpec
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
        command = [sys.executable, "-m", "medley", "worker", str(project), "--idle", "60s", "-q"]
        processes = [subprocess.Popen(command) for _ in range(workers)]
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
        executor = Timed(resolve_executor(name, None if name == "serial" else workers))
        with started(name, workers, project):
            auto.fit(x, y, epochs=epochs, batch_size=64, verbose=0, executor=executor)
        return executor.figures(), executor.moved(project)


def main() -> None:
    """Runs all cases and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executors", nargs="+", default=["serial", "processes", "files"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=1)
    args = parser.parse_args()
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
