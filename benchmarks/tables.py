"""Tables with numbers, categories and texts: medley against gradient boosting and linear models, target by target.

Each set is split once, a quarter for testing. All rivals see the same columns: no target, no identifier. medley gets
the training rows as they are and one line, `md.fit(rows, targets, max_trials=1, pretrained=None)`: once for all targets
together, and once for each alone. LightGBM gets categories as such and texts as 100 numbers (TF-IDF, then a truncated
SVD), a rate of .05 and as many trees as 15 % held-out rows like best, grown on all rows. The linear model (ridge or
logistic regression) gets TF-IDF of words and pairs, one-hot categories and scaled numbers. The constant is the mean, or
how often each class occurs.

Scores, the greater the better: `auc` for two classes, `accuracy` for more, `r2` for numbers, and for ordered classes
(`r2` of the mean class, which rivals are asked for as a number). Times are of training, and depend on the machine.

Run: `python benchmarks/tables.py --data FOLDER [--sets adult,womens_clothing] [--ways 0,2] [--quick]`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import medley as md

TEST, HELD_OUT = 0.25, 0.15
QUICK_ROWS = 1_500


@dataclass(frozen=True)
class TableSet:
    """A table to learn from.

    Args:
        file: under the data folder.
        targets: column -> score.
        texts: columns of texts, for rivals that cannot infer kinds.
        categories: columns of numbers that are names; likewise.
        left_out: columns that nobody sees.
        kinds: kinds of columns that are set by hand.
    """

    file: str
    targets: dict[str, str]
    texts: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)


SETS = {
    "adult": TableSet("adult/adult.csv.gz", {"income": "auc", "hours-per-week": "r2", "occupation": "accuracy"}),
    "california_housing": TableSet(
        "california_housing/housing.csv.gz", {"median_house_value": "r2", "ocean_proximity": "accuracy"}
    ),
    "womens_clothing": TableSet(
        "womens_clothing/reviews.csv.gz",
        {"Recommended IND": "auc", "Rating": "r2", "Department Name": "accuracy"},
        texts=("Title", "Review Text"),
        left_out=("Clothing ID", "Class Name"),
        kinds={"Rating": "ordered"},
    ),
    # Without its images, which the rivals cannot read.
    "houses": TableSet(
        "houses/houses.csv",
        {"price": "r2", "bedrooms": "r2"},
        categories=("zipcode",),
        left_out=("house_id", "image_frontal", "image_bedroom", "image_bathroom", "image_kitchen"),
        kinds={"bedrooms": "number"},
    ),
}


class Split(NamedTuple):
    """A table in two parts, and what is learnt from."""

    train: pd.DataFrame
    test: pd.DataFrame
    inputs: list[str]
    table_set: TableSet

    def rows(self, target: str) -> tuple[Any, Any, Any, Any]:
        """Inputs and labels of the rows of both parts that have this label."""
        parts = [part[part[target].notna()] for part in (self.train, self.test)]
        return parts[0][self.inputs], parts[0][target], parts[1][self.inputs], parts[1][target]


Found = dict[str, tuple[float, float]]
"""Target -> its score and the seconds of training; those of a joint model are shared."""


def read(name: str, folder: Path, *, quick: bool) -> Split:
    """One of `SETS`, shuffled and split."""
    table_set = SETS[name]
    path = folder / table_set.file
    if not path.is_file():
        sys.exit(f"Not found: {path}. Give the folder that holds it: --data FOLDER")
    frame = pd.read_csv(path).drop(columns=list(table_set.left_out))
    frame = frame.iloc[np.random.default_rng(0).permutation(len(frame))[: QUICK_ROWS if quick else None]]
    held = round(TEST * len(frame))
    inputs = [column for column in frame.columns if column not in table_set.targets]
    return Split(frame.iloc[held:].reset_index(drop=True), frame.iloc[:held].reset_index(drop=True), inputs, table_set)


def measured(score: str, true: Any, results: np.ndarray, classes: Sequence[Any] = ()) -> float:
    """Predictions against truth: numbers (B,), or probabilities (B, classes)."""
    from sklearn import metrics

    if score == "r2":
        return float(metrics.r2_score(true, results))
    if score == "auc":
        return float(metrics.roc_auc_score(true == classes[1], results[:, 1]))
    return float(np.mean(np.asarray(classes)[results.argmax(axis=1)] == true.to_numpy()))


def with_medley(split: Split, targets: Sequence[str], options: dict[str, Any]) -> Found:
    """One model of these targets."""
    began = perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        model = md.fit(
            split.train[[*split.inputs, *targets]],
            list(targets),
            column_kinds={name: kind for name, kind in split.table_set.kinds.items() if name in targets},
            directory=directory,
            verbose=0,
            pretrained=None,  # from scratch, whatever this machine has cached
            **options,
        )
    seconds = perf_counter() - began
    chances = model.predict_proba(split.test[split.inputs])
    return {target: (_score(model, split, target, chances), seconds) for target in targets}


def _score(model: md.Model, split: Split, target: str, chances: pd.DataFrame) -> float:
    score, rows = split.table_set.targets[target], split.test[target].notna().to_numpy()
    true: Any = split.test[target][rows]
    classes = model.labels(target)
    if classes is None:
        return measured(score, true, chances[target].to_numpy(float)[rows])
    probabilities = chances[[f"{target}_{label}" for label in classes]].to_numpy(float)[rows]
    if score == "r2":
        return measured(score, true, probabilities @ np.asarray(classes, float))
    return measured(score, true, probabilities, classes)


def numeric_and_not(split: Split) -> tuple[list[str], list[str]]:
    """The plain columns: those of numbers, those of categories."""
    plain = [column for column in split.inputs if column not in split.table_set.texts]
    named = split.table_set.categories
    numbers = [name for name in plain if pd.api.types.is_numeric_dtype(split.train[name]) and name not in named]
    return numbers, [column for column in plain if column not in numbers]


def with_lightgbm(split: Split, target: str) -> tuple[float, float]:
    """Boosted trees for one target: score and seconds."""
    import lightgbm  # pyright: ignore[reportMissingImports]  (the extra medley[baseline])

    x, y, x_test, y_test = split.rows(target)
    began = perf_counter()
    x, x_test = _for_trees(split, x, x_test)
    score = split.table_set.targets[target]
    kind: Any = lightgbm.LGBMRegressor if score == "r2" else lightgbm.LGBMClassifier
    held = np.random.default_rng(0).random(len(x)) < HELD_OUT
    classes: Any = ()
    if score != "r2":
        held &= y.duplicated().to_numpy()  # every class is trained on
        y, classes = pd.factorize(y, sort=True)
    options: dict[str, Any] = {"learning_rate": 0.05, "verbose": -1, "n_jobs": 1, "random_state": 0}
    stop = lightgbm.early_stopping(50, verbose=False)
    trees = kind(n_estimators=2_000, **options)
    trees.fit(x[~held], y[~held], eval_X=x[held], eval_y=y[held], callbacks=[stop])
    trees = kind(n_estimators=max(trees.best_iteration_, 1), **options).fit(x, y)
    predicted = trees.predict(x_test) if score == "r2" else trees.predict_proba(x_test)
    seconds = perf_counter() - began
    return measured(score, y_test, predicted, classes), seconds


def _for_trees(split: Split, train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    numbers, categories = numeric_and_not(split)
    parts = [[train[numbers]], [test[numbers]]]
    for column in categories:
        kinds = sorted(train[column].dropna().unique())
        for part, frame in zip(parts, (train, test), strict=True):
            frequent = frame[column].where(frame[column].isin(kinds))
            part.append(pd.DataFrame({column: pd.Categorical(frequent, kinds)}, index=frame.index))
    for column in split.table_set.texts:
        reduced = make_pipeline(TfidfVectorizer(min_df=3, sublinear_tf=True), TruncatedSVD(100, random_state=0))
        reduced.fit(train[column].fillna(""))
        for part, frame in zip(parts, (train, test), strict=True):
            part.append(pd.DataFrame(reduced.transform(frame[column].fillna("")), index=frame.index))
    joined = [pd.concat(part, axis=1) for part in parts]
    for frame in joined:
        frame.columns = [f"c{place}" for place in range(frame.shape[1])]
    return joined[0], joined[1]


def with_lines(split: Split, target: str) -> tuple[float, float]:
    """Ridge or logistic regression for one target: score and seconds."""
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x, y, x_test, y_test = (rows.copy() for rows in split.rows(target))
    began = perf_counter()
    numbers, categories = numeric_and_not(split)
    for part in (x, x_test):
        part[[*split.table_set.texts]] = part[[*split.table_set.texts]].fillna("")
        part[categories] = part[categories].astype(object).where(part[categories].notna(), "missing")
    read_texts = [
        (f"text {column}", TfidfVectorizer(min_df=3, ngram_range=(1, 2), sublinear_tf=True), column)
        for column in split.table_set.texts
    ]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
            *read_texts,
        ]
    )
    score = split.table_set.targets[target]
    model = make_pipeline(columns, Ridge() if score == "r2" else LogisticRegression(max_iter=500)).fit(x, y)
    predicted = model.predict(x_test) if score == "r2" else model.predict_proba(x_test)
    seconds = perf_counter() - began
    return measured(score, y_test, predicted, () if score == "r2" else model.classes_), seconds


def with_constant(split: Split, target: str) -> tuple[float, float]:
    """What does not look at the row at all."""
    _, y, _, y_test = split.rows(target)
    score = split.table_set.targets[target]
    if score == "r2":
        return measured(score, y_test, np.full(len(y_test), y.mean())), 0.0
    shares = y.value_counts(normalize=True)
    return measured(score, y_test, np.tile(shares.to_numpy(), (len(y_test), 1)), list(shares.index)), 0.0


RIVALS: dict[str, Callable[[Split, str], tuple[float, float]]] = {
    "LightGBM": with_lightgbm,
    "linear": with_lines,
    "constant": with_constant,
}
WAYS = ("medley, all targets", "medley, each alone", *RIVALS)


def compared(split: Split, ways: Sequence[str], options: dict[str, Any]) -> dict[str, Found]:
    """Way -> target -> score and seconds."""
    targets = list(split.table_set.targets)
    results: dict[str, Found] = {}
    for way in ways:
        if way == WAYS[0]:
            results[way] = with_medley(split, targets, options)
        elif way == WAYS[1]:
            results[way] = {target: with_medley(split, [target], options)[target] for target in targets}
        else:
            results[way] = {target: RIVALS[way](split, target) for target in targets}
    return results


def tell(name: str, split: Split, results: dict[str, Found]) -> None:
    """Prints a line per target, and the seconds."""
    print(f"\n{name}: {len(split.train):,} rows to train, {len(split.test):,} to test")
    print(f"  {'target':20} {'score':9}" + "".join(f"{way:>21}" for way in results))
    for target, score in split.table_set.targets.items():
        best = max(result[target][0] for result in results.values())
        cells = [f"{result[target][0]:.4f}{'*' if result[target][0] == best else ' '}" for result in results.values()]
        print(f"  {target:20} {score:9}" + "".join(f"{cell:>21}" for cell in cells))
    # One training serves all targets of a joint model.
    seconds = {way: [result[target][1] for target in split.table_set.targets] for way, result in results.items()}
    totals = [max(result) if way == WAYS[0] else sum(result) for way, result in seconds.items()]
    print(f"  {'seconds':30}" + "".join(f"{result:>20.1f} " for result in totals), flush=True)


def arguments() -> argparse.Namespace:
    """What is run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder that holds the sets' folders")
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--ways", default="0,1,2,3,4", help=", ".join(f"{i} {way}" for i, way in enumerate(WAYS)))
    parser.add_argument("--trials", type=int, default=1, help="networks that medley tries for each model")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows and 5 epochs: does it run?")
    return parser.parse_args()


def main() -> None:
    """Prints a table per set."""
    chosen = arguments()
    unknown = [name for name in chosen.sets.split(",") if name not in SETS]
    if unknown:
        sys.exit(f"No such set: {', '.join(unknown)}. Choose from {', '.join(SETS)}.")
    warnings.filterwarnings("ignore", category=md.MedleyWarning)  # of columns that tell much of a target
    options: dict[str, Any] = {"max_trials": chosen.trials, "time_limit": None, "seed": 0}
    options |= {"epochs": 5} if chosen.quick else {}
    ways = [WAYS[int(place)] for place in chosen.ways.split(",")]
    for name in chosen.sets.split(","):
        split = read(name, Path(chosen.data), quick=chosen.quick)
        tell(name, split, compared(split, ways, options))


if __name__ == "__main__":
    main()
