"""Which rows of a table train and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.data.split import FOLDS, split
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

TRAIN = ("train", "training")
HELD_OUT = ("val", "valid", "validation", "dev")
LEFT_OUT = ("test", "testing", "holdout")

BLOCKS = 20
"""Periods of time that rows are cut into, of which some are held out."""

_LEAST_GROUPS = 5  # fewer groups of duplicates than this are no sample of anything


def split_rows(
    frame: pd.DataFrame,
    fraction: float,
    seed: int,
    strata: Sequence[np.ndarray],
    same: np.ndarray | None = None,
    *,
    group: str | None = None,
    time: str | None = None,
    given: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of training and of held-out rows.

    Args:
        frame: N rows.
        fraction: fraction that is held out, where no column says it.
        seed: of the draw.
        strata: class codes (N,) per target, for a random split.
        same: codes (N,); rows of one code are duplicates and stay on one side of a random split, unless most rows
            are alike: then there is too little to tell rows apart by, and being alike is no leak.
        group: column; rows of one value stay on one side.
        time: column; the latest rows are held out.
        given: column that says it itself: "train", "validation" ("test" rows are left out), or True where held out.

    Raises:
        ConfigError: more than one of `group`, `time` and `given`, or a column that is not there.
        DataError: a side would be empty, or the given column holds other words.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"year": [2001, 2004, 2002, 2003]})
    >>> [side.tolist() for side in split_rows(frame, 0.25, 0, [], time="year")]
    [[0, 2, 3], [1]]
    """
    named = {"group": group, "time": time, "split": given}
    asked = {word: column for word, column in named.items() if column is not None}
    errors = ErrorCollector()
    if len(asked) > 1:
        errors.add(f"Rows can be split by one of group, time and split, got {', '.join(asked)}.")
    for word, column in asked.items():
        if column not in frame.columns:
            errors.add(f"{word}={column!r} is no column.{did_you_mean(column, frame.columns)}")
    errors.raise_if_any(ConfigError)
    columns: Any = frame
    if given is not None:
        return _by_given(columns[given], given)
    if time is not None:
        return _by_time(columns[time], fraction, time)
    if group is not None:
        return _by_group(_codes(columns[group]), fraction, seed, group)
    return _at_random(len(frame), fraction, seed, strata, same)


def fold_rows(
    frame: pd.DataFrame,
    seed: int,
    strata: Sequence[np.ndarray],
    same: np.ndarray | None = None,
    *,
    group: str | None = None,
    blocks: np.ndarray | None = None,
) -> np.ndarray:
    """The fold of each row, from 0.

    Args:
        frame: N rows.
        seed: of the draw.
        strata: class codes (N,) per target.
        same: codes (N,); duplicates are in one fold, unless most rows are alike.
        group: column; rows of one value are in one fold.
        blocks: (N,) moments; each fold is a period of time, as rows that are close in time are alike.

    Raises:
        ConfigError: there is no such column.
        DataError: there are too few groups.

    >>> import pandas as pd
    >>> sorted(fold_rows(pd.DataFrame({"x": range(10)}), 0, []).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """
    rng = np.random.default_rng(seed)
    columns: Any = frame
    if blocks is not None:
        return time_blocks(blocks, FOLDS)
    if group is not None:
        if group not in frame.columns:
            raise ConfigError(f"group={group!r} is no column.{did_you_mean(group, frame.columns)}")
        codes = _codes(columns[group])
        if codes.max(initial=0) == 0:
            raise DataError(f"Rows cannot be split by {group!r}: all are of one group. Give another column, or none.")
    else:
        codes = np.arange(len(frame)) if same is None or len(np.unique(same)) < len(frame) / 2 else same
    _, first, members, sizes = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    order = rng.permutation(len(first))
    if strata and group is None:
        # Sorted by the labels of each group's first row, groups are dealt out one fold after the other.
        order = order[np.lexsort([stratum[first][order] for stratum in reversed(strata)])]
    folds = np.empty(len(first), np.int64)
    if group is None:
        folds[order] = np.arange(len(first)) % FOLDS
        return folds[members]
    loads = np.zeros(FOLDS, np.int64)
    for place in order[np.argsort(-sizes[order], kind="stable")]:  # the largest first, each where there is most room
        folds[place] = int(loads.argmin())
        loads[folds[place]] += sizes[place]
    return folds[members]


def time_blocks(moments: np.ndarray, count: int) -> np.ndarray:
    """Cuts rows into periods with about as many rows each; rows of one moment, or without one, stay together.

    Args:
        moments: (N,) datetimes, NaT where missing.
        count: number of periods.

    Returns:
        (N,) from 0, in order of time.

    >>> time_blocks(np.array(["2001", "2004", "2002", "2003"], "datetime64[Y]"), 2).tolist()
    [0, 1, 0, 1]
    """
    order = np.unique(moments.astype("datetime64[s]").astype(np.int64), return_inverse=True, return_counts=True)
    before = np.cumsum(order[2]) - order[2]
    return (before * count // len(moments))[order[1]]


def held_out_blocks(moments: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation rows such that the latter are periods of time among the former.

    Args:
        moments: (N,) datetimes.
        fraction: of the rows to hold out, about.
        seed: of the draw.
    """
    blocks = time_blocks(moments, BLOCKS)
    present = np.unique(blocks)
    count = min(max(round(fraction * len(present)), 1), len(present) - 1)
    is_held = np.isin(blocks, np.random.default_rng(seed).permutation(present)[:count])
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _by_given(column: pd.Series, name: str) -> tuple[np.ndarray, np.ndarray]:
    lost = np.flatnonzero(column.isna())
    if len(lost):
        told = f"{len(lost)} of its cells are missing, the first in row {lost[0]}"
        raise DataError(f"Column {name!r} must say of each row whether it is held out, but {told}.")
    words = column.map(_word).to_numpy()
    held = np.isin(words, [*HELD_OUT, "true", "1"])
    train = np.isin(words, [*TRAIN, "false", "0"])
    other = sorted({str(word) for word in words[~held & ~train & ~np.isin(words, LEFT_OUT)]})
    if other:
        raise DataError(
            f"Column {name!r} says which rows are held out, but holds {', '.join(map(repr, other[:5]))}; "
            f"use {', '.join(map(repr, (*TRAIN[:1], *HELD_OUT[2:3], *LEFT_OUT[:1])))}, or True where held out."
        )
    return _both(np.flatnonzero(train), np.flatnonzero(held), f"column {name!r}")


def _word(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell in (0.0, 1.0) else str(cell).strip().lower()


def _by_time(column: pd.Series, fraction: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    stamps = column if column.dtype.kind in "iufM" else pd.to_datetime(column, errors="coerce", format="mixed")
    lost = int(stamps.isna().sum())
    if lost:
        raise DataError(f"Rows cannot be split by {name!r}: {lost} of its cells are missing or no times.")
    order = np.argsort(stamps.to_numpy(), kind="stable")
    count = min(max(round(len(order) * fraction), 1), len(order) - 1)
    # Rows of one moment stay together: the past must not know the present.
    edge = stamps.to_numpy()[order[-count]]
    late = stamps.to_numpy() >= edge
    return _both(np.flatnonzero(~late), np.flatnonzero(late), f"column {name!r}")


def _by_group(codes: np.ndarray, fraction: float, seed: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(codes)
    if len(sizes) == 1:
        raise DataError(f"Rows cannot be split by {name!r}: all are of one group. Give another column, or none.")
    order = np.random.default_rng(seed).permutation(len(sizes))
    before = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    chosen = order[before < fraction * len(codes)]
    held = np.isin(codes, chosen)
    return _both(np.flatnonzero(~held), np.flatnonzero(held), f"column {name!r}")


def _at_random(
    rows: int, fraction: float, seed: int, strata: Sequence[np.ndarray], same: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Splits one row of each group of duplicates; the others follow it, as a copy of a training row is no test."""
    _, first, group, sizes = np.unique(
        np.arange(rows) if same is None else same, return_index=True, return_inverse=True, return_counts=True
    )
    # Large groups are rows that are alike because there is little to tell them apart by; they train.
    small = np.flatnonzero(sizes <= max(fraction * rows / 2, 1))
    if len(first) == rows or sizes[small].sum() < 1.5 * fraction * rows or len(small) < _LEAST_GROUPS:
        return split(rows, fraction, seed, strata)
    share = fraction * rows / sizes[small].sum()
    _, held = split(len(small), share, seed, [codes[first[small]] for codes in strata])
    is_held = np.isin(group, small[held])
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _codes(column: pd.Series) -> np.ndarray:
    import pandas as pd

    try:
        codes, _ = pd.factorize(column, use_na_sentinel=False)
    except TypeError:
        cell = next(cell for cell in column if type(cell).__hash__ is None)
        message = f"names {column.name!r}, whose cells must be single values, such as names, got {cell!r}."
        raise DataError(message, argument="group") from None
    return codes


def _both(train: np.ndarray, held: np.ndarray, who: str) -> tuple[np.ndarray, np.ndarray]:
    if not len(train) or not len(held):
        side = "train" if not len(train) else "held out"
        raise DataError(f"By {who}, no row is {side}; both sides need some.")
    return train, held
