"""Equal time, one call: medley with all targets in one call of `md.fit`, against baselines with a model per target.

Every rival has the same seconds on the same two cores: the baselines for each target, medley for all targets together.
Data sets and splits are in `equal_time_sets.py`, the rivals in `equal_time_rivals.py`: constant baseline, linear models
(ridge or logistic regression of scaled numbers, one-hot categories, TF-IDF of words and pairs, 16 x 16 grey pixels and
a colour histogram, mean and deviation of log-mel bands), LightGBM on the same with TF-IDF reduced to 100 numbers, and
CatBoost, likewise, where it is installed. Metrics are the greater the better: `auc` for two classes, `accuracy`, and
`r2` of numbers (of the expected class, where a rival predicts probabilities of ordered classes).

Validation rows are scored unless `--side test` asks for the test rows, which no decision should depend on. Each set and
rival runs in a process of its own. Seconds of baselines are those in which they run; those of medley pass by the clock
on the wall, so that a busy machine takes some away: how busy it was is said below the report. Results are lines of
`equal_time.jsonl` in the folder `--results`; what is there is not run again, so that an interrupted call resumes and
medley can be measured anew alone:

Run: `python benchmarks/equal_time.py --data FOLDER --results FOLDER [--sets adult,fashion] [--rivals medley --again]`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import equal_time_report as report

SETS = (
    "adult",
    "california",
    "womens_clothing",
    "beijing_air",
    "houses",
    "fashion",
    "fashion_photo",
    "mnist_question",
    "spoken_digits",
)
MORE_SETS = ("fashion_photo_500", "fashion_photo_2000")
"""Run only when they are named: the photographs with fewer training rows."""
RIVALS = ("constant", "linear", "lightgbm", "catboost", "medley")
CORES = 2
FILE = "equal_time.jsonl"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")


class Run(NamedTuple):
    """One rival on one set: what a result is stored by."""

    set: str
    side: str
    rival: str
    seconds: float
    seed: int
    quick: bool


def measure(run: Run, data: Path) -> dict[str, Any]:
    """The result of a run, in this process."""
    import resource

    from equal_time_clock import OthersClock
    from equal_time_rivals import RIVALS as FUNCTIONS
    from equal_time_sets import read_split

    began, others = time.perf_counter(), OthersClock()
    with tempfile.TemporaryDirectory() as folder:
        split = read_split(run.set, data, Path(folder), side=run.side, seed=run.seed, quick=run.quick)
        outcome = FUNCTIONS[run.rival](split, run.seconds, run.seed)
    return {
        **run._asdict(),
        "train_rows": len(split.train),
        "scored_rows": len(split.scored),
        "metrics": split.data_set.targets,
        "scores": {target: round(score, 5) for target, score in outcome.scores.items()},
        "spent": {target: round(seconds, 2) for target, seconds in outcome.seconds.items()},
        "predict_seconds": round(outcome.predict_seconds, 2),
        "core_seconds": round(CORES * (time.perf_counter() - began), 1),
        "cpu_seconds": round(time.process_time(), 1),
        "others_seconds": round(others() or 0, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "when": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def measure_apart(run: Run, data: Path) -> dict[str, Any] | str:
    """The result of a run in a process of its own; why there is none, if it failed."""
    environment = {**os.environ, **dict.fromkeys(THREADS, str(CORES))}
    call = [sys.executable, __file__, "--data", str(data), "--worker", json.dumps(run)]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip() or f"exit code {done.returncode}")[-2_000:]
    return json.loads(done.stdout.splitlines()[-1])


def stored(results: Path) -> dict[Run, dict[str, Any]]:
    """The results so far; of those of one run, the last."""
    path = results / FILE
    lines = path.read_text().splitlines() if path.is_file() else []
    entries = [json.loads(line) for line in lines if line.strip()]
    return {Run(*(entry[field] for field in Run._fields)): entry for entry in entries}


def runs(options: argparse.Namespace, rivals: Sequence[str]) -> list[Run]:
    """The runs of these rivals that the options name, in the order in which they are made."""
    return [
        Run(name, options.side, rival, float(seconds), seed, options.quick)
        for seconds in options.seconds.split(",")
        for name in options.sets.split(",")
        for rival in rivals
        for seed in (range(options.seeds) if name == "houses" else [0])
    ]


def arguments() -> argparse.Namespace:
    """What is run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the sets' folders")
    parser.add_argument("--results", type=Path, default=Path("equal_time_results"), help=f"folder of {FILE}")
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join((*SETS, *MORE_SETS))}")
    parser.add_argument("--rivals", default=",".join(RIVALS), help=f"what is run, of {', '.join(RIVALS)}")
    parser.add_argument("--seconds", default="60", help="per model; several as 20,60,300")
    parser.add_argument("--side", choices=("validation", "test"), default="validation", help="which rows are scored")
    parser.add_argument("--seeds", type=int, default=3, help="splits of houses, which are averaged")
    parser.add_argument("--quick", action="store_true", help="1,500 rows: does it run?")
    parser.add_argument("--again", action="store_true", help="run anew what is stored")
    parser.add_argument("--report", action="store_true", help="run nothing, print what is stored")
    parser.add_argument("--plot", type=Path, help="PNG file to draw the results into")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for asked, names in ((options.sets, (*SETS, *MORE_SETS)), (options.rivals, RIVALS)):
        unknown = sorted(set(asked.split(",")) - set(names))
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(names)}")
    return options


def main() -> None:
    """Runs what is not stored and prints the report."""
    options = arguments()
    if options.worker:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
        print(json.dumps(measure(Run(*json.loads(options.worker)), options.data)))
        return
    notes = []
    missing = [rival for rival in ("lightgbm", "catboost") if rival in options.rivals and find_spec(rival) is None]
    if missing:
        notes.append(f"Not installed and left out: {', '.join(missing)}.")
    options.results.mkdir(parents=True, exist_ok=True)
    entries = stored(options.results)
    for run in runs(options, options.rivals.split(",")):
        if options.report or run.rival in missing or (run in entries and not options.again):
            continue
        entry = measure_apart(run, options.data)
        if isinstance(entry, str):
            notes.append(f"Failed: {run.set}, {run.rival}, {run.seconds:g} s: {entry.splitlines()[-1]}")
            print(f"{run.set} {run.rival} failed:\n{entry}", file=sys.stderr, flush=True)
            continue
        entries[run] = entry
        with (options.results / FILE).open("a") as file:
            file.write(json.dumps(entry) + "\n")
        print(report.line(entry), file=sys.stderr, flush=True)
    shown = [entries[run] for run in runs(options, RIVALS) if run in entries]
    rows = report.compared(shown)
    print(report.markdown(rows, [*notes, *report.hindered(shown)]))
    if options.plot and rows:
        report.plot(rows, options.plot)


if __name__ == "__main__":
    main()
