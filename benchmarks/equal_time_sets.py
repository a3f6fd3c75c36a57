"""The data sets of `equal_time.py`: what they hold, how they are read, and their split, which is the same for everyone.

A quarter of the rows is held out as test rows. The validation rows are a quarter of the rest, cut off in the same way,
so that development never sees test rows.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from digits import read_mnist

HELD_OUT = 0.25
QUICK_ROWS = 1_500
RARE = 20
"""Classes of fewer rows of the fashion set are blanked."""

Parts = tuple[Any, Any]
"""Training rows, and the rows that are scored."""


@dataclass(frozen=True)
class DataSet:
    """A data set and its split.

    Args:
        read: data folder -> table.
        targets: column -> metric.
        divide: table, side, seed -> its parts; the seed changes the validation rows alone.
        texts: columns of texts. These and the next four are what the baselines are given; medley infers it.
        categories: columns of numbers that are names.
        images: columns of images: file names, or arrays.
        sounds: columns of recordings: file names.
        dates: columns of dates.
        left_out: columns that no model sees; some are what the split is made by.
        files: zip of what the cells name, under the data folder.
        train_rows: at most as many training rows.
        several_splits: whether the validation rows differ by seed: too few rows for one split.
    """

    read: Callable[[Path], pd.DataFrame]
    targets: dict[str, str]
    divide: Callable[[pd.DataFrame, str, int], Parts]
    texts: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    files: str | None = None
    train_rows: int | None = None
    several_splits: bool = False


class Split(NamedTuple):
    """Training rows, rows to score, and what is known of them."""

    train: pd.DataFrame
    scored: pd.DataFrame
    inputs: list[str]
    data_set: DataSet
    root: Path
    """The folder that file names in cells count from."""

    def plain_columns(self) -> tuple[list[str], list[str]]:
        """The columns of numbers, and those of categories."""
        spec = self.data_set
        other = {*spec.texts, *spec.images, *spec.sounds, *spec.dates}
        plain = [column for column in self.inputs if column not in other]
        numeric = pd.api.types.is_numeric_dtype
        numbers = [column for column in plain if numeric(self.train[column]) and column not in spec.categories]
        return numbers, [column for column in plain if column not in numbers]


def connected(rows: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Group numbers (N,): rows that share a value of any of these columns, directly or through others, are one group.

    >>> connected(pd.DataFrame({"a": ["x", "x", "y", None], "b": [1, 2, 2, 3]}), ["a", "b"]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    size = len(rows)
    nodes, edges = size, []
    for column in columns:
        values = pd.factorize(rows[column])[0]
        present = np.flatnonzero(values >= 0)
        edges.append(np.stack([present, nodes + values[present]]))
        nodes += int(values.max(initial=-1)) + 1
    pairs: Any = np.concatenate(edges, axis=1) if edges else np.zeros((2, 0), int)
    graph = csr_matrix((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(nodes, nodes))
    return pd.factorize(connected_components(graph, directed=False)[1][:size])[0]


def cut_off(rows: pd.DataFrame, columns: Sequence[str], seed: int) -> Parts:
    """Cuts off a quarter of the rows at random: whole groups of rows that share a value of these columns."""
    groups = connected(rows, columns)
    order = np.random.default_rng(seed).permutation(groups.max() + 1)
    sizes = np.bincount(groups)[order]
    chosen = order[np.cumsum(sizes) <= HELD_OUT * len(rows)]
    held_out = np.isin(groups, chosen)
    return rows[~held_out], rows[held_out]


def at_random(*columns: str) -> Callable[[pd.DataFrame, str, int], Parts]:
    """A split at random; rows that share a value of these columns are on one side."""

    def divide(rows: pd.DataFrame, side: str, seed: int) -> Parts:
        train, test = cut_off(rows, columns, 0)
        return (train, test) if side == "test" else cut_off(train, columns, 1 + seed)

    return divide


def by_date(rows: Any, side: str, seed: int) -> Parts:
    """The given parts; the validation rows are the last quarter of the training days."""
    train, test = rows[rows["part"] == "train"], rows[rows["part"] == "test"]
    if side == "test":
        return train, test
    days = np.sort(train["date"].unique())
    late = train["date"] >= days[round((1 - HELD_OUT) * len(days))]
    return train[~late], train[late]


def by_take(rows: Any, side: str, seed: int) -> Parts:
    """The official split, takes 0 to 4 for testing; the validation rows are takes 5 to 9."""
    first = 0 if side == "test" else 5
    held_out = rows["take"].between(first, first + 4)
    return rows[rows["take"] >= first][~held_out], rows[held_out]


def csv(path: str) -> Callable[[Path], pd.DataFrame]:
    """A reader of one file."""
    return lambda folder: pd.read_csv(folder / path)


def read_beijing(folder: Path) -> pd.DataFrame:
    """Both files, with a column that distinguishes them."""
    parts = ("train", "test")
    return pd.concat(
        [pd.read_csv(folder / "beijing_air" / f"{part}.csv.gz").assign(part=part) for part in parts],
        ignore_index=True,
    )


def read_fashion(folder: Path) -> pd.DataFrame:
    """Products with a digest of each image's bytes; rare classes are blanked."""
    rows: Any = pd.read_csv(folder / "fashion_products" / "products.csv.gz")
    with zipfile.ZipFile(folder / FASHION_FILES) as archive:
        rows["digest"] = [hashlib.sha256(archive.read(name)).hexdigest() for name in rows["image"]]
    for target, metric in FASHION_TARGETS.items():
        if metric == "accuracy":
            rows[target] = rows[target].where(rows[target].map(rows[target].value_counts()) >= RARE)
    return rows


def read_mnist_question(folder: Path) -> pd.DataFrame:
    """The 60,000 training digits of MNIST; each is asked a question that does not depend on it."""
    images, digits = read_mnist(folder / "mnist", "train")
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 10, len(digits))
    kinds = rng.integers(0, 5, len(digits))
    forms = ("is it even?", "is it odd?", "is it greater than {}?", "is it less than {}?", "is it a {}?")
    answers = np.select(
        [kinds == kind for kind in range(5)],
        [digits % 2 == 0, digits % 2 == 1, digits > numbers, digits < numbers, digits == numbers],
    )
    return pd.DataFrame(
        {
            "image": list(images),
            "question": [forms[kind].format(number) for kind, number in zip(kinds, numbers, strict=True)],
            "digit": digits.astype(int),
            "answer": np.where(answers, "yes", "no"),
        }
    )


FASHION_TARGETS = {
    "gender": "accuracy",
    "subCategory": "accuracy",
    "baseColour": "accuracy",
    "season": "accuracy",
    "usage": "accuracy",
    "year": "r2",
}
FASHION_FILES = "fashion_products/images.zip"
FASHION = DataSet(
    read_fashion,
    FASHION_TARGETS,
    at_random("digest", "productDisplayName"),
    texts=("productDisplayName",),
    images=("image",),
    left_out=("id", "masterCategory", "articleType", "digest"),
    files=FASHION_FILES,
)
# The name still keeps rows of one product on one side.
FASHION_PHOTO = replace(FASHION, texts=(), left_out=(*FASHION.left_out, "productDisplayName"))
HOUSE_IMAGES = ("image_frontal", "image_bedroom", "image_bathroom", "image_kitchen")

SETS = {
    "adult": DataSet(
        csv("adult/adult.csv.gz"),
        {"income": "auc", "hours-per-week": "r2", "occupation": "accuracy"},
        at_random(),
    ),
    "california": DataSet(
        csv("california_housing/housing.csv.gz"),
        {"median_house_value": "r2", "ocean_proximity": "accuracy"},
        at_random(),
    ),
    "womens_clothing": DataSet(
        csv("womens_clothing/reviews.csv.gz"),
        {"Recommended IND": "auc", "Rating": "r2", "Department Name": "accuracy"},
        at_random("Title", "Review Text"),
        texts=("Title", "Review Text"),
        left_out=("Clothing ID", "Class Name"),
    ),
    "beijing_air": DataSet(
        read_beijing,
        {"next_pm25_mean": "r2", "next_o3_max": "r2", "next_rain": "auc", "next_wind_from": "accuracy"},
        by_date,
        dates=("date",),
        left_out=("part",),
    ),
    "houses": DataSet(
        csv("houses/houses.csv"),
        {"price": "r2", "bedrooms": "r2"},
        at_random(),
        categories=("zipcode",),
        images=HOUSE_IMAGES,
        left_out=("house_id",),
        files="houses/images.zip",
        several_splits=True,
    ),
    "fashion": FASHION,
    "fashion_photo": FASHION_PHOTO,
    "fashion_photo_500": replace(FASHION_PHOTO, train_rows=500),
    "fashion_photo_2000": replace(FASHION_PHOTO, train_rows=2_000),
    "mnist_question": DataSet(
        read_mnist_question,
        {"digit": "accuracy", "answer": "accuracy"},
        at_random(),
        texts=("question",),
        images=("image",),
        train_rows=20_000,
    ),
    "spoken_digits": DataSet(
        csv("fsdd/samples.csv"),
        {"digit": "accuracy", "speaker": "accuracy"},
        by_take,
        sounds=("file",),
        left_out=("take", "split", "sample_rate", "n_samples", "seconds", "accent"),
        files="fsdd/recordings.zip",
    ),
}


def read_split(name: str, data: Path, folder: Path, *, side: str, seed: int, quick: bool) -> Split:
    """One of `SETS`, shuffled and split.

    Args:
        name: of the set.
        data: holds the folders of the sets.
        folder: where images and recordings are unpacked.
        side: which rows are scored, "validation" or "test".
        seed: of the validation rows, where these differ by seed.
        quick: whether to use no more than `QUICK_ROWS` rows.
    """
    spec = SETS[name]
    try:
        rows = spec.read(data)
        if spec.files is not None:
            with zipfile.ZipFile(data / spec.files) as archive:
                archive.extractall(folder)
    except FileNotFoundError as error:
        sys.exit(f"Not found: {error.filename}. Give the folder that holds it: --data FOLDER")
    order = np.random.default_rng(0).permutation(len(rows))
    rows = rows.iloc[order[: QUICK_ROWS if quick else None]]
    train, scored = spec.divide(rows, side, seed if spec.several_splits else 0)
    hidden = {*spec.targets, *spec.left_out}
    inputs = [column for column in rows.columns if column not in hidden]
    root = folder
    for column in (*spec.images, *spec.sounds):
        first = rows[column].iloc[0]
        if isinstance(first, str):
            root = next(folder.rglob(first)).parent
    train = train.iloc[: spec.train_rows].reset_index(drop=True)
    return Split(train, scored.reset_index(drop=True), inputs, spec, root)
