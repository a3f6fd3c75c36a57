"""Splits the rows of a table into training and validation rows, or into folds."""

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
    spread_over_folds,
)
from medley.data.split import split as split_at_random
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

PERIODS = 100
"""Number of periods of time, some of which are validation rows: they are long enough that rows that are alike are
mostly in one, and short enough that training has rows shortly before and after them, as it has for rows to predict."""

_MIN_GROUPS = 5  # fewer groups of duplicates are not representative


def split_rows(
    frame: pd.DataFrame,
    fraction: float,
    seed: int,
    strata: Sequence[np.ndarray],
    duplicates: np.ndarray | None = None,
    *,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows by a column, or at random.

    Args:
        frame: N rows.
        fraction: fraction of validation rows, unless `split` is set.
        seed: random seed.
        strata: integers (N,) per target, or labels (N, K), as in `medley.data.split.split`. A random split is
            stratified over them, and keeps a row of every class among the training rows if it can, as a split by groups
            does.
        duplicates: integers (N,), equal for duplicate rows, which a random split does not separate. They are ignored if
            they are most of the rows: few columns then have few values, and equal rows are not a leak.
        group: column; rows with the same value are not separated.
        time: column; the latest rows are validation rows.
        split: column that marks training and validation rows (`read_split_column`). If it marks test rows and no
            validation rows, these are drawn from the training rows.

    Returns:
        Positions of the training rows and of the validation rows.

    Raises:
        ConfigError: more than one of `group`, `time` and `split` is set, or a column does not exist.
        DataError: there would be no training or no validation rows, or the split column has other cells.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"year": [2001, 2004, 2002, 2003]})
    >>> [rows.tolist() for rows in split_rows(frame, 0.25, 0, [], time="year")]
    [[0, 2, 3], [1]]
    """
    arguments = {"group": group, "time": time, "split": split}
    split_columns = {argument: column for argument, column in arguments.items() if column is not None}
    errors = ErrorCollector()
    if len(split_columns) > 1:
        errors.add(f"Rows can be split by one of group, time and split, got {', '.join(split_columns)}.")
    for argument, column in split_columns.items():
        if column not in frame.columns:
            errors.add(f"{argument}={column!r} is not a column.{did_you_mean(column, frame.columns)}")
    errors.raise_if_any(ConfigError)
    columns: Any = frame
    if split is not None:
        return _by_marks(columns[split], split, fraction, seed, strata, duplicates)
    if time is not None:
        return _by_time(columns[time], fraction, time)
    if group is not None:
        return _by_group(_group_indices(columns[group]), fraction, seed, group, strata)
    return _at_random(len(frame), fraction, seed, strata, duplicates)


def fold_rows(
    frame: pd.DataFrame,
    seed: int,
    strata: Sequence[np.ndarray],
    duplicates: np.ndarray | None = None,
    *,
    group: str | None = None,
    times: np.ndarray | None = None,
) -> np.ndarray:
    """Divides rows into `FOLDS` folds.

    Args:
        frame: N rows.
        seed: random seed.
        strata: as in `split_rows`; classes of several rows are in several folds if that is possible.
        duplicates: integers (N,), equal for duplicate rows, which are in one fold, unless most rows are duplicates.
        group: column; rows with the same value are in one fold.
        times: (N,) datetimes; each fold then consists of periods of time, because rows that are close in time are
            similar.

    Returns:
        (N,) the fold of each row, from 0.

    Raises:
        ConfigError: the column does not exist.
        DataError: there is only one group.

    >>> import pandas as pd
    >>> sorted(fold_rows(pd.DataFrame({"x": range(10)}), 0, []).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """
    rng = np.random.default_rng(seed)
    columns: Any = frame
    if times is not None:
        return _folds_of_periods(times, rng)
    if group is not None:
        if group not in frame.columns:
            raise ConfigError(f"group={group!r} is not a column.{did_you_mean(group, frame.columns)}")
        groups = _group_indices(columns[group])
        if groups.max(initial=0) == 0:
            raise DataError(_one_group_message(group))
    elif duplicates is None or len(np.unique(duplicates)) < len(frame) / 2:
        groups = np.arange(len(frame))
    else:
        groups = duplicates
    _, first_rows, group_of_row, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = rng.permutation(len(first_rows))
    classes = ClassRows.of(len(frame), strata).grouped(group_of_row)
    if group is not None:
        return _assign_groups(classes, order[np.argsort(-sizes[order], kind="stable")], sizes)[group_of_row]
    # Groups are sorted by the labels of their first row, and assigned to the folds in turn.
    order = by_strata(order, [np.asarray(stratum)[first_rows] for stratum in strata])
    folds = np.empty(len(first_rows), np.int64)
    folds[order] = np.arange(len(first_rows)) % FOLDS
    spread_over_folds(classes, folds, rng)
    return folds[group_of_row]


def _assign_groups(classes: ClassRows, order: np.ndarray, sizes: np.ndarray) -> np.ndarray:
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


def _folds_of_periods(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Divides periods of time into folds: of five successive periods, each is in another fold."""
    folds = np.concatenate([rng.permutation(FOLDS) for _ in range(PERIODS // FOLDS)])
    period_of_row = np.unique(periods(times, PERIODS), return_inverse=True)[1]  # few times make fewer periods
    return folds[period_of_row]


def periods(times: np.ndarray, count: int) -> np.ndarray:
    """Divides rows into periods of time with about equally many rows; rows with equal times are not separated.

    Args:
        times: (N,) datetimes, or numbers in their place; rows with NaT are in one period.
        count: number of periods.

    Returns:
        (N,) the period of each row, from 0, in the order of time.

    >>> periods(np.array(["2001", "2004", "2002", "2003"], "datetime64[Y]"), 2).tolist()
    [0, 1, 0, 1]
    """
    if times.dtype.kind == "M":
        times = times.astype("datetime64[s]").astype(np.int64)
    _, index, counts = np.unique(times, return_inverse=True, return_counts=True)
    earlier_rows = np.cumsum(counts) - counts
    return (earlier_rows * count // len(times))[index]


def split_periods(
    times: np.ndarray, fraction: float, seed: int, strata: Sequence[np.ndarray] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows such that the validation rows are periods of time among the training rows.

    Args:
        times: (N,) datetimes.
        fraction: approximate fraction of validation rows.
        seed: random seed.
        strata: as in `split_rows`; periods without which training would lack a class are chosen last.

    Returns:
        Positions of the training rows and of the validation rows.
    """
    present, period_of_row = np.unique(periods(times, PERIODS), return_inverse=True)
    count = min(max(round(fraction * len(present)), 1), len(present) - 1)
    classes = ClassRows.of(len(times), strata).grouped(period_of_row)
    order = np.random.default_rng(seed).permutation(len(present))
    is_validation = np.isin(period_of_row, held_out_groups(classes, order, np.ones(len(present)), count))
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)


def _by_marks(
    column: pd.Series,
    name: str,
    fraction: float,
    seed: int,
    strata: Sequence[np.ndarray],
    duplicates: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    parts = read_split_column(column, name)
    train, held = parts.train, parts.held_out
    if len(train) > 1 and not len(held) and parts.left_out:
        inner = _at_random(
            len(train),
            fraction,
            seed,
            [np.asarray(stratum)[train] for stratum in strata],
            None if duplicates is None else duplicates[train],
        )
        train, held = train[inner[0]], train[inner[1]]
    return _check_both(train, held, name)


def times_of(column: pd.Series, name: str) -> np.ndarray:
    """(N,) datetimes or numbers, by which rows are put in the order of time.

    Raises:
        DataError: cells are missing or no times.
    """
    import pandas as pd

    times = column if column.dtype.kind in "iufM" else pd.to_datetime(column, errors="coerce", format="mixed")
    invalid = int(times.isna().sum())
    if invalid:
        raise DataError(f"Rows cannot be split by {name!r}: {invalid} of its cells are missing or not times.")
    return times.to_numpy()


def _by_time(column: pd.Series, fraction: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    times = times_of(column, name)
    order = np.argsort(times, kind="stable")
    count = min(max(round(len(order) * fraction), 1), len(order) - 1)
    # Rows with equal times are not separated, so that no training row is as late as a validation row.
    is_validation = times >= times[order[-count]]
    return _check_both(np.flatnonzero(~is_validation), np.flatnonzero(is_validation), name)


def _by_group(
    groups: np.ndarray, fraction: float, seed: int, name: str, strata: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(groups)
    if len(sizes) == 1:
        raise DataError(_one_group_message(name))
    order = np.random.default_rng(seed).permutation(len(sizes))
    classes = ClassRows.of(len(groups), strata).grouped(groups)
    is_validation = np.isin(groups, held_out_groups(classes, order, sizes, fraction * len(groups)))
    return _check_both(np.flatnonzero(~is_validation), np.flatnonzero(is_validation), name)


def _one_group_message(name: str) -> str:
    return f"Rows cannot be split by {name!r}: all rows are of one group. Use another column, or none."


def _at_random(
    rows: int, fraction: float, seed: int, strata: Sequence[np.ndarray], duplicates: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Splits one row of each group of duplicates; the others follow it, so that no validation row is a training row."""
    groups = np.arange(rows) if duplicates is None else duplicates
    _, first_rows, group_of_row, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    # Rows of large groups are equal because few columns have few values, so they may all be training rows.
    small = np.flatnonzero(sizes <= max(fraction * rows / 2, 1))
    if len(first_rows) == rows or sizes[small].sum() < 1.5 * fraction * rows or len(small) < _MIN_GROUPS:
        return split_at_random(rows, fraction, seed, strata)
    small_fraction = fraction * rows / sizes[small].sum()
    small_strata = [np.asarray(stratum)[first_rows[small]] for stratum in strata]
    _, validation = split_at_random(len(small), small_fraction, seed, small_strata)
    in_validation = np.isin(np.arange(len(first_rows)), small[validation])
    classes = ClassRows.of(rows, strata).grouped(group_of_row)  # duplicates may differ in their labels
    keep_classes_in_training(classes, in_validation, np.random.default_rng(seed))
    is_validation = in_validation[group_of_row]
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)


def _group_indices(column: pd.Series) -> np.ndarray:
    import pandas as pd

    try:
        indices, _ = pd.factorize(column, use_na_sentinel=False)
    except TypeError:
        cell = next(cell for cell in column if type(cell).__hash__ is None)
        message = f"names {column.name!r}, whose cells must be single values, such as names, got {cell!r}."
        raise DataError(message, argument="group") from None
    return indices


def _check_both(train: np.ndarray, validation: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    if not len(train) or not len(validation):
        part = "training" if not len(train) else "validation"
        raise DataError(f"Column {name!r} leaves no {part} rows; both parts need some.")
    return train, validation
