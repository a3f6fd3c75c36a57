"""Where the time of a training step and of a small fit goes, in CPU seconds, beside what arithmetic and memory allow.

The step is one of (a) of `speed.py`, eager and compiled; the fit is `md.fit` of a table of 600 rows, two targets.

Run: `python benchmarks/profile_step.py [--rows 6000]`
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
from collections.abc import Callable
from time import process_time

import numpy as np
import torch
from speed_loops import LOSS_WEIGHTS, auto_model
from speed_networks import BATCH, WORK

import medley as md
from medley.auto.training_rows import match_rows
from medley.balance.choose import balancer
from medley.core.resolve import take_default
from medley.graph.network import Network
from medley.model.tasks import tasks_of
from medley.search.encodings import Encodings
from medley.search.search_spec import SearchSpec, resolved
from medley.train.compiled import CompiledStepper
from medley.train.eager import EagerStepper
from medley.train.step_losses import outputs_and_losses
from medley.train.threads import count_forward

STEPS = 300

PARTS = {
    "import of the rest of medley, pandas, Optuna": ("<frozen importlib._bootstrap>", "_find_and_load"),
    "reading the table": ("reading/read.py", "read"),
    "kinds of columns": ("table/design.py", "_infer_kinds"),
    "linear path and encodings": ("search/encodings.py", "_encode"),
    "training": ("train/fit.py", "fit"),
    "of it, steps": ("train/eager.py", "step"),
    "of it, validation": ("train/fit.py", "scores"),
}
"""Part of a fit -> file and function whose cumulative time it is."""


def step_profile(rows: int) -> None:
    """Prints microseconds of the parts of a step of (a)."""
    _, inputs, first, second = WORK["a"].rows(rows)
    auto = auto_model(WORK["a"], tempfile.mkdtemp(), training={"learning_rate": 1e-3, "weight_decay": 0.0})
    data_rows = match_rows(auto.graph, inputs, [first, np.where(second, "yes", "no")], None)
    heads = auto.graph.heads
    data = Encodings(data_rows, None, {name: head.codec() for name, head in heads.items()}, torch.device("cpu"))
    graph, plan = resolved(SearchSpec(auto.graph, data, auto.training, LOSS_WEIGHTS, lambda flat: 0.0, 0), take_default)
    network = Network(graph, {source.name: source.codec.spec for source in data.sources(graph)}, data.targets)
    tasks, encoded = tasks_of(graph, data.targets), data.rows(graph)[0]
    network.adapt(encoded.slice(0, 8_192))
    network.train()
    balance = balancer(LOSS_WEIGHTS, list(heads))
    eager = EagerStepper(network, tasks, balance, plan, None)
    index = torch.randperm(rows)[:BATCH]
    batch = encoded.take(index)

    def forward() -> list[torch.Tensor]:
        return outputs_and_losses(network, tasks, batch, None)[1]

    def backward() -> None:
        balance.backward(forward(), eager.parameters)
        for parameter in eager.parameters:
            parameter.grad = None

    parts = {
        "gather": _microseconds(lambda: encoded.take(index)),
        "forward and losses": _microseconds(forward),
        "forward, losses, backward": _microseconds(backward),
        "eager step": _microseconds(lambda: eager.step(batch, 0.5)),
    }
    compiled = CompiledStepper(eager, BATCH)
    compiled.step(batch, 0.5)
    parts["compiled step"] = _microseconds(lambda: compiled.step(batch, 0.5))
    flops = 3 * count_forward(network, batch).flops
    weights = sum(parameter.numel() for parameter in eager.parameters)
    left = torch.randn(1024, 1024)
    rate = 2 * 1024**3 / _microseconds(lambda: left @ left, 20)
    memory = torch.randn(2**24)
    bandwidth = 2 * memory.nbytes / _microseconds(lambda: memory.clone(), 20)
    moved = 4 * (7 * weights + 3 * batch.inputs[next(iter(batch.inputs))].numel())
    for name, value in parts.items():
        print(f"{name:30} {value:8.0f} us   {100 * value / parts['eager step']:4.0f} % of an eager step")
    limits = flops / rate, moved / bandwidth
    print(f"{'limit of arithmetic':30} {limits[0]:8.0f} us   {flops / 1e6:.1f} MFLOP at {rate / 1e3:.0f} GFLOP/s")
    print(f"{'limit of memory':30} {limits[1]:8.0f} us   {moved / 1e6:.1f} MB at {bandwidth / 1e3:.0f} GB/s")


def _microseconds(call: Callable[[], object], steps: int = STEPS) -> float:
    for _ in range(5):
        call()
    start = process_time()
    for _ in range(steps):
        call()
    return 1e6 * (process_time() - start) / steps


def fit_profile() -> None:
    """Prints the parts of a small fit in a fresh process."""
    rng = np.random.default_rng(0)
    rows = {"size": rng.normal(size=600), "age": rng.normal(size=600), "colour": rng.choice(["red", "green"], 600)}
    rows["price"], rows["kind"] = 3 * rows["size"] + rng.normal(size=600), np.where(rows["age"] > 0.5, "a", "b")
    profile = cProfile.Profile(process_time)
    profile.enable()
    md.fit(rows, ["price", "kind"], max_trials=1, verbose=0)
    profile.disable()
    stats = pstats.Stats(profile)
    total = stats.total_tt  # type: ignore[attr-defined]
    print(f"{'md.fit of 600 rows':30} {total:8.2f} s")
    for name, (file, function) in PARTS.items():
        times = [
            entry[3]
            for (path, _, label), entry in stats.stats.items()  # type: ignore[attr-defined]
            if path.endswith(file) and label == function
        ]
        print(f"  {name:44} {100 * max(times, default=0.0) / total:4.0f} %")


def main() -> None:
    """Prints both profiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=6_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    fit_profile()
    step_profile(args.rows)


if __name__ == "__main__":
    main()
