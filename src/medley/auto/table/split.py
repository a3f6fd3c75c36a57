"""Which rows of a table train and which are held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.auto.table.split_column import read_split_column
from medley.data.split import (
    FOLDS,
    ClassRows,
    by_strata,
    held_out_groups,
    keep_classes_in_training,
    split,
    spread_over_folds,
)
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

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
        strata: class codes (N,) per target, or labels (N, K), as in `medley.data.split.split`. A split at random, or
            by groups, keeps a row of every class among the training rows where it can.
        same: codes (N,); rows of one code are duplicates and stay on one side of a random split, unless most rows
            are alike: then there is too little to tell rows apart by, and being alike is no leak.
        group: column; rows of one value stay on one side.
        time: column; the latest rows are held out.
        given: column that says it itself, see `read_split_column`; rows of neither side are left out. Where it names
            test rows and no validation rows, these are drawn from the training rows.

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
        return _by_column(columns[given], given, fraction, seed, strata, same)
    if time is not None:
        return _by_time(columns[time], fraction, time)
    if group is not None:
        return _by_group(_codes(columns[group]), fraction, seed, group, strata)
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
        strata: as of `split_rows`; classes of several rows are in several folds where that is possible.
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
    classes = ClassRows.of(len(frame), strata).grouped(members)
    if group is not None:
        return _dealt(classes, order[np.argsort(-sizes[order], kind="stable")], sizes)[members]
    # Sorted by the labels of each group's first row, groups are dealt out one fold after the other.
    order = by_strata(order, [np.asarray(stratum)[first] for stratum in strata])
    folds = np.empty(len(first), np.int64)
    folds[order] = np.arange(len(first)) % FOLDS
    spread_over_folds(classes, folds, rng)
    return folds[members]


def _dealt(classes: ClassRows, order: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The fold of each group (G,): each goes where there is most room, but the last one of a class not to all others.

    Args:
        classes: of the groups.
        order: (G,) the groups, the largest first.
        sizes: (G,) rows of each.
    """
    folds, loads = np.empty(len(order), np.int64), np.zeros(FOLDS, np.int64)
    dealt = np.zeros((len(classes.sizes), FOLDS), np.int64)
    for group in order.tolist():
        there = dealt[classes[group]] + 1
        is_whole = (there == classes.sizes[classes[group]][:, None]) & (there > 1)
        room = np.where(is_whole.any(axis=0) & ~is_whole.any(axis=0).all(), np.iinfo(np.int64).max, loads)
        folds[group] = int(room.argmin())
        loads[folds[group]] += sizes[group]
        dealt[classes[group], folds[group]] += 1
    return folds


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


def held_out_blocks(
    moments: np.ndarray, fraction: float, seed: int, strata: Sequence[np.ndarray] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation rows such that the latter are periods of time among the former.

    Args:
        moments: (N,) datetimes.
        fraction: of the rows to hold out, about.
        seed: of the draw.
        strata: as of `split_rows`; periods that alone have a class are held out last.
    """
    present, blocks = np.unique(time_blocks(moments, BLOCKS), return_inverse=True)
    count = min(max(round(fraction * len(present)), 1), len(present) - 1)
    classes = ClassRows.of(len(moments), strata).grouped(blocks)
    order = np.random.default_rng(seed).permutation(len(present))
    is_held = np.isin(blocks, held_out_groups(classes, order, np.ones(len(present)), count))
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _by_column(
    column: pd.Series, name: str, fraction: float, seed: int, strata: Sequence[np.ndarray], same: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    parts = read_split_column(column, name)
    train, held = parts.train, parts.held_out
    if len(train) > 1 and not len(held) and parts.left_out:
        inner = _at_random(
            len(train),
            fraction,
            seed,
            [np.asarray(stratum)[train] for stratum in strata],
            None if same is None else same[train],
        )
        train, held = train[inner[0]], train[inner[1]]
    return _both(train, held, f"column {name!r}")


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


def _by_group(
    codes: np.ndarray, fraction: float, seed: int, name: str, strata: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(codes)
    if len(sizes) == 1:
        raise DataError(f"Rows cannot be split by {name!r}: all are of one group. Give another column, or none.")
    order = np.random.default_rng(seed).permutation(len(sizes))
    classes = ClassRows.of(len(codes), strata).grouped(codes)
    held = np.isin(codes, held_out_groups(classes, order, sizes, fraction * len(codes)))
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
    _, held = split(len(small), share, seed, [np.asarray(stratum)[first[small]] for stratum in strata])
    in_validation = np.isin(np.arange(len(first)), small[held])
    classes = ClassRows.of(rows, strata).grouped(group)  # duplicates may differ in their labels
    keep_classes_in_training(classes, in_validation, np.random.default_rng(seed))
    is_held = in_validation[group]
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _codes(column: pd.Series) -> np.ndarray:
    import pandas as pd

    codes, _ = pd.factorize(column, use_na_sentinel=False)
    return codes


def _both(train: np.ndarray, held: np.ndarray, who: str) -> tuple[np.ndarray, np.ndarray]:
    if not len(train) or not len(held):
        side = "train" if not len(train) else "held out"
        raise DataError(f"By {who}, no row is {side}; both sides need some.")
    return train, held
