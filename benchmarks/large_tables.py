"""Scores of a table of texts that is read in batches, beside those of the same table in memory.

The women's clothing reviews, trained and scored without the test rows of `equal_time.py`. If the sample that inputs are
fitted to holds all training rows, the models are equal; with a smaller sample, words and the linear model come from it.

    python benchmarks/large_tables.py --data FOLDER --rows 6000 --sample 2000 --epochs 6
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import process_time

from equal_time_rivals import scores_of
from equal_time_sets import read_split

import medley as md
from medley.tables.reading import large_table

SET = "womens_clothing"


def main() -> None:
    """Fits three models and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds the folders of the sets")
    parser.add_argument("--rows", type=int, default=1_000_000, help="at most as many training rows")
    parser.add_argument("--sample", type=int, default=2_000, help="rows of the small sample, 2,000 at least")
    parser.add_argument("--epochs", type=int, default=15)
    args = parser.parse_args()
    split = read_split(SET, args.data, args.data, side="validation", seed=0, quick=False)
    targets = list(split.data_set.targets)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.parquet"
        split.train.iloc[: args.rows].to_parquet(path)
        whole = large_table.SAMPLE_ROWS
        print(f"{'':24} {'learnt from':>11}  {'CPU s':>6}  " + "  ".join(f"{target:>17}" for target in targets))
        for name, memory, sample in (
            ("in memory", "100GB", whole),
            ("in batches", "1MB", whole),
            (f"in batches, {args.sample:,} sampled", "1MB", args.sample),
        ):
            large_table.scan.__kwdefaults__ = {"rows": sample}
            start_time = process_time()
            model = md.fit(
                path, targets, inputs=split.inputs, memory=memory, epochs=args.epochs, max_trials=1, time_limit=None,
                directory=folder, project_name=name.replace(" ", "-"), verbose=0,
            )  # fmt: skip
            seconds = process_time() - start_time
            shown = scores_of(model, split, model.predict_proba(split.scored[split.inputs])).values()
            learnt = model.metadata.get("learnt_from", model.metadata["rows"]["train"])
            print(
                f"{name:24} {learnt:11,}  {seconds:6.0f}  " + "  ".join(f"{value:17.4f}" for value in shown), flush=True
            )


if __name__ == "__main__":
    main()
