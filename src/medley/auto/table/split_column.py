"""Columns that say of each row whether it is a training, validation or test row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TRAIN = ("train", "training")
HELD_OUT = ("val", "valid", "validation", "dev")
LEFT_OUT = ("test", "testing", "holdout")

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_ABOUT = "(?:is|in|for|use)?(?:{})(?:ing|s|set|rows?|flag|mask|data)?"
_TRAIN_NAME = re.compile(_ABOUT.format("train|fit"))
_HELD_OUT_NAME = re.compile(_ABOUT.format("val|valid|validation|dev|eval|evaluation|test|hold|holdout|held|heldout"))
_FOLD_NAME = re.compile("(?:k|cv)?folds?")
_NEGATION = {"not", "non", "no"}
_MOST_SHOWN = 5


@dataclass(frozen=True)
class SplitColumn:
    """What a column says of the rows.

    Args:
        train: positions of training rows.
        held_out: positions of validation rows.
        left_out: number of the other rows.
        meaning: what was understood, with counts.
    """

    train: np.ndarray
    held_out: np.ndarray
    left_out: int
    meaning: str


def read_split_column(column: pd.Series, name: str) -> SplitColumn:
    """Reads which rows are training and which validation rows.

    Cells are words ("train", "validation", "test"); or booleans, 0 and 1, whose meaning follows the column's name: true
    is a training row in `is_train`, and a validation row in `is_test`, `val`, `holdout` and where the name says
    nothing; or, in a column such as `fold`, whole numbers, of which the highest is the validation rows.

    Args:
        column: (N,) cells.
        name: the column's.

    Raises:
        DataError: cells are missing, or none of these.

    >>> import pandas as pd
    >>> print(read_split_column(pd.Series([True, True, False]), "is_train").meaning)
    column 'is_train': 2 training rows (True), 1 validation row (False)
    """
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise DataError(
            f"The split column {name!r} must mark every row as training or validation row, but {len(missing)} of its "
            f"cells are missing, the first in row {missing[0]}."
        )
    words = np.array([_word(cell) for cell in column], dtype=object)
    numbers = _fold_numbers(words, name)
    if numbers is not None:
        is_held = numbers == numbers.max()
        return _understood(column, name, train=~is_held, held_out=is_held)
    train, held_out = (_TRUE, _FALSE) if true_is_train(name) else (_FALSE, _TRUE)
    is_train, is_held = np.isin(words, [*TRAIN, *train]), np.isin(words, [*HELD_OUT, *held_out])
    unknown = sorted({str(word) for word in words[~is_train & ~is_held & ~np.isin(words, LEFT_OUT)]})
    if unknown:
        more = f" and {len(unknown) - _MOST_SHOWN} more" if len(unknown) > _MOST_SHOWN else ""
        raise DataError(
            f"The split column {name!r} contains {', '.join(map(repr, unknown[:_MOST_SHOWN]))}"
            f"{more}; use 'train', 'validation' and 'test', or True and False in a column whose name says what is true "
            "('is_train')."
        )
    return _understood(column, name, train=is_train, held_out=is_held)


def true_is_train(name: str) -> bool:
    """Whether true cells of a column are training rows; else they are validation rows.

    >>> [true_is_train(name) for name in ("is_train", "trainingRow", "is_test", "train_test_split", "part")]
    [True, True, False, False, False]
    """
    tokens = _tokens(name)
    is_about_train, is_about_held = (
        any(pattern.fullmatch(token) for token in tokens) for pattern in (_TRAIN_NAME, _HELD_OUT_NAME)
    )
    if is_about_train == is_about_held:
        return False
    return is_about_train != bool(_NEGATION & set(tokens))


def _tokens(name: str) -> list[str]:
    return [token.lower() for token in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _word(cell: Any) -> str:
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    text = str(cell).strip().lower()
    return text.removesuffix(".0") if re.fullmatch(r"-?\d+\.0", text) else text


def _fold_numbers(words: np.ndarray, name: str) -> np.ndarray | None:
    """The numbers of folds (N,); None where the column holds something else."""
    is_fold = any(_FOLD_NAME.fullmatch(token) for token in _tokens(name))
    if not is_fold or not all(re.fullmatch(r"-?\d{1,9}", word) for word in words):
        return None
    return words.astype(np.int64)


def _understood(column: pd.Series, name: str, *, train: np.ndarray, held_out: np.ndarray) -> SplitColumn:
    others = ~train & ~held_out
    parts = [
        _part(column, chosen, noun)
        for chosen, noun in ((train, "training row"), (held_out, "validation row"), (others, "row left out"))
        if chosen.any()
    ]
    meaning = f"column {name!r}: {', '.join(parts)}"
    return SplitColumn(np.flatnonzero(train), np.flatnonzero(held_out), int(others.sum()), meaning)


def _part(column: pd.Series, chosen: np.ndarray, what: str) -> str:
    count = int(chosen.sum())
    cells = list(dict.fromkeys(str(cell) for cell in column[chosen].tolist()))
    more = ", ..." if len(cells) > _MOST_SHOWN else ""
    noun = what if count == 1 else what.replace("row", "rows")
    return f"{count:,} {noun} ({', '.join(cells[:_MOST_SHOWN])}{more})"
