"""What a distilled network costs and saves: metrics on rows that neither model has seen, size, and time to predict.

Trained and scored without the test rows of `equal_time.py`. Times are of one process with the threads that torch takes;
teacher and student predict in turn, so that a busy machine slows both.

    python benchmarks/distil.py --data FOLDER --sets california,womens_clothing,fashion --rows 4000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from equal_time_rivals import scores_of
from equal_time_sets import read_split

import medley as md
from medley.model.operations import StudentSize

SIZES: tuple[StudentSize, ...] = ("small", "medium", "large")
TIMED_ROWS, REPEATS = 1_000, 5


def main() -> None:
    """Fits a teacher per set, distils it, and prints a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds the folders of the sets")
    parser.add_argument("--sets", default="california,womens_clothing,fashion")
    parser.add_argument("--rows", type=int, default=1_000_000, help="at most as many training rows")
    parser.add_argument("--time-limit", default=None, help="of the teacher")
    parser.add_argument("--epochs", type=int, help="of the teacher")
    parser.add_argument("--label-weight", type=float, default=0.5)
    args = parser.parse_args()
    for name in args.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            compare(name, args, Path(folder))


def compare(name: str, args: argparse.Namespace, folder: Path) -> None:
    """Prints the lines of one set."""
    split = read_split(name, args.data, folder, side="validation", seed=0, quick=False)
    targets, train = split.data_set.targets, split.train.iloc[: args.rows]
    start_time = process_time()
    teacher = md.fit(
        train, list(targets), inputs=split.inputs, root=split.root, max_trials=1, epochs=args.epochs,
        time_limit=args.time_limit, directory=folder, verbose=0,
    )  # fmt: skip
    models, seconds = {"teacher": teacher}, {"teacher": process_time() - start_time}
    for size in SIZES:
        start_time = process_time()
        models[size] = teacher.distil(train, size=size, label_weight=args.label_weight, root=split.root)
        seconds[size] = process_time() - start_time
    some, first = split.scored.head(TIMED_ROWS), split.scored.head(1)
    times: dict[str, list[tuple[float, float]]] = {model: [] for model in models}
    for _ in range(REPEATS):
        for model, trained in models.items():
            times[model].append((timed(trained, some, split.root), timed(trained, first, split.root)))
    print(f"\n{name}: {len(train):,} training rows, {len(split.scored):,} scored")
    print(
        f"{'':10} {'CPU s':>6} {'MB':>7} {'rows/s':>8} {'ms/row':>7}  "
        + "  ".join(f"{target:>17}" for target in targets)
    )
    for model, trained in models.items():
        probabilities = trained.predict_proba(split.scored[split.inputs], root=split.root)
        shown = list(scores_of(trained, split, probabilities).values())
        many, single = (median(column) for column in zip(*times[model], strict=True))
        size = sum(file.stat().st_size for file in trained.save(folder / model).rglob("*") if file.is_file()) / 2**20
        print(
            f"{model:10} {seconds[model]:6.0f} {size:7.1f} {len(some) / many:8,.0f} {1000 * single:7.1f}  "
            + "  ".join(f"{value:17.4f}" for value in shown),
            flush=True,
        )


def timed(model: md.Model, rows: object, root: Path) -> float:
    """Seconds to predict rows of a table."""
    start_time = perf_counter()
    model.predict(rows, root=root)
    return perf_counter() - start_time


if __name__ == "__main__":
    main()
