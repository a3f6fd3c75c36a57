"""What checkpoints cost: processor time of writing them, as a fraction of that of the training that they are of.

    python benchmarks/checkpoints.py [--seconds 75]

A small network and a large one are trained on random rows, with checkpoints as often as by default. On a busy machine,
the training gets less of a core between two checkpoints, so that they are a larger part of it; the last column is for a
core of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings

import numpy as np
import torch

import medley as md
from medley.search import checkpoint

WIDTHS = {"small": 64, "large": 2_048}
"""Of the two layers of a network."""


class Costs:
    """Counts checkpoints and the processor seconds of writing them."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self._save = checkpoint.TrialCheckpoints.save
        checkpoint.TrialCheckpoints.save = lambda *arguments: self._counted(*arguments)  # type: ignore[method-assign]

    def _counted(self, *arguments: object) -> None:
        start = time.process_time()
        self._save(*arguments)  # type: ignore[arg-type]
        self.count, self.seconds = self.count + 1, self.seconds + time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Print what checkpoints cost.")
    parser.add_argument("--seconds", type=float, default=75.0, help="of each training")
    args = parser.parse_args()
    os.environ["MEDLEY_CACHE"] = "off"
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    costs = Costs()
    print("| network | parameters | checkpoints | CPU seconds each | of the training | of a core between two |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, width in WIDTHS.items():
        costs.count, costs.seconds = 0, 0.0
        start = time.process_time()
        size = train(width, args.seconds)
        fraction = costs.seconds / (time.process_time() - start)
        each = costs.seconds / max(costs.count, 1)
        share = each / (checkpoint.INTERVAL + each)
        row = f"| {name} | {size:,} | {costs.count} | {each:.3f} | {100 * fraction:.2f} % | {100 * share:.2f} % |"
        print(row, flush=True)


def train(width: int, seconds: float) -> int:
    """Trains a network for some seconds; its number of parameters."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8_000, 64)).astype("float32")
    y = x @ rng.normal(size=64) + rng.normal(size=len(x))
    end = time.monotonic() + seconds

    def stop(_: object) -> None:
        if time.monotonic() > end:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        numbers = md.Input(name="x")
        hidden = md.DenseBlock(num_layers=2, num_units=width, use_batchnorm=False, dropout=0.0)(numbers)
        head = md.RegressionHead(name="y", dropout=0.0)(hidden)
        auto = md.AutoModel([numbers], [head], max_trials=1, directory=folder)
        options = {"batch_size": 128, "validation_split": 0.1, "callbacks": [stop], "verbose": 0}
        auto.fit({"x": x}, {"y": y}, epochs=100_000, **options)
        return sum(parameter.numel() for parameter in auto.model.network.parameters())


if __name__ == "__main__":
    main()
