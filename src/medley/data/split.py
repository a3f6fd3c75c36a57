"""Random splits into training and validation rows, stratified over all targets, with every class in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np

from medley.core.arguments import check_fraction
from medley.errors import ConfigError, DataError, ErrorCollector

FOLDS = 5
"""Folds of the rows, of which each member of an ensemble leaves one out where folds are used."""


class ClassRows:
    """Which classes each row has, over all targets together; or each group of rows that stays together.

    Args:
        rows: (M,) the row of each membership, in ascending order.
        classes: (M,) its class, numbered over all targets.
        count: number of rows B.

    Attributes:
        sizes: (C,) rows of each class.

    >>> classes = ClassRows.of(3, [np.array([0, 0, 1]), np.array([[1, 1], [0, 1], [0, 0]])])
    >>> classes[0].tolist(), classes[2].tolist(), classes.sizes.tolist()
    ([0, 2, 3], [1], [2, 1, 1, 2])
    """

    def __init__(self, rows: np.ndarray, classes: np.ndarray, count: int) -> None:
        self.rows = rows
        self.classes = classes
        self.count = count
        self.sizes = np.bincount(classes)
        self._row_starts = np.searchsorted(rows, np.arange(count + 1))
        self._by_class = rows[np.argsort(classes, kind="stable")]
        self._class_starts = np.cumsum([0, *self.sizes])

    @classmethod
    def of(cls, count: int, strata: Sequence[np.ndarray]) -> Self:
        """The classes of rows.

        Args:
            count: number of rows B.
            strata: as of `split`.

        Raises:
            DataError: a stratum has another length.
        """
        members = [_members(np.asarray(stratum), count) for stratum in strata]
        rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in members)])
        starts = np.cumsum([0, *(codes.max(initial=-1) + 1 for _, codes in members)])
        classes = np.concatenate(
            [np.empty(0, np.int64), *(codes + start for (_, codes), start in zip(members, starts[:-1], strict=True))]
        )
        order = np.argsort(rows, kind="stable")
        return cls(rows[order], classes[order], count)

    def grouped(self, group: np.ndarray) -> Self:
        """The classes of groups of rows, each group once for all of its rows.

        Args:
            group: (B,) the group of each row, from 0.
        """
        pairs = np.unique(np.stack([group[self.rows], self.classes]), axis=1)
        return type(self)(pairs[0], pairs[1], int(group.max(initial=-1)) + 1)

    def __getitem__(self, row: int) -> np.ndarray:
        """The classes of a row."""
        return self.classes[self._row_starts[row] : self._row_starts[row + 1]]

    def counts(self, is_chosen: np.ndarray) -> np.ndarray:
        """Rows of each class (C,) among some rows (B,) bool."""
        return np.bincount(self.classes[is_chosen[self.rows]], minlength=len(self.sizes))

    def rows_of(self, number: int) -> np.ndarray:
        """The rows of a class, ascending."""
        return self._by_class[self._class_starts[number] : self._class_starts[number + 1]]


def split(rows: int, fraction: float, seed: int, strata: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Split row positions at random, with about the same fraction of every class in both parts.

    Rows are shuffled, then sorted by all strata together, and evenly spaced rows become validation rows: this works
    with any number of classes, however rare. Then rows are swapped until training has every class; this always
    succeeds if there are more training rows than classes in all strata together.

    Args:
        rows: number of rows B, at least 2.
        fraction: fraction of validation rows, between 0 and 1; both parts get at least one row.
        seed: the same seed gives the same split.
        strata: one array per target: class codes (B,), -1 where unobserved, numbers binned first (`bins`); or labels
            (B, K) of several per row, 1 where a row has the label. The first is balanced best.

    Returns:
        Positions for training and positions for validation, each in ascending order.

    Raises:
        DataError: there are fewer than 2 rows, or a stratum has another length.
        ConfigError: `fraction` is not between 0 and 1.

    >>> train, validation = split(10, 0.2, seed=0, strata=[np.array([0, 1] * 5)])
    >>> train.shape, (validation % 2).tolist()
    ((8,), [0, 1])
    """
    errors = ErrorCollector()
    check_fraction(errors, fraction, "validation_split")
    errors.raise_if_any(ConfigError)
    if rows < 2:
        raise DataError(f"At least 2 rows are needed for a split into training and validation, got {rows}.")
    classes = ClassRows.of(rows, strata)
    rng = np.random.default_rng(seed)
    order = by_strata(rng.permutation(rows), strata)
    size = min(max(round(rows * fraction), 1), rows - 1)
    in_validation = np.zeros(rows, dtype=bool)
    in_validation[order[((np.arange(size) + 0.5) * rows / size).astype(np.int64)]] = True
    keep_classes_in_training(classes, in_validation, rng)
    return np.flatnonzero(~in_validation), np.flatnonzero(in_validation)


def random_sample(rows: int, most: int) -> np.ndarray:
    """Positions of rows that are drawn at random, in ascending order, the same each time; of all rows if they are few.

    Args:
        rows: number of rows.
        most: of rows in the sample.

    >>> random_sample(3, 5).tolist(), len(random_sample(9, 5))
    ([0, 1, 2], 5)
    """
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def random_folds(rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields masks (N,) of training rows and of validation rows for each of five random folds, the same each time.

    Args:
        rows: number of rows N.

    >>> [int(validation.sum()) for _, validation in random_folds(7)]
    [2, 2, 1, 1, 1]
    """
    folds = np.random.default_rng(0).permutation(rows) % FOLDS
    return ((folds != fold, folds == fold) for fold in range(FOLDS))


def by_strata(order: np.ndarray, strata: Sequence[np.ndarray]) -> np.ndarray:
    """Rows (B,) in some order -> sorted by all strata together; rows of equal classes stay in their order."""
    if not strata:
        return order
    # lexsort is stable; its last key is the primary one.
    return order[np.lexsort([rarest(np.asarray(stratum))[order] for stratum in reversed(strata)])]


def rarest(stratum: np.ndarray) -> np.ndarray:
    """One code per row (B,) for a stratum: of several labels (B, K) the rarest that a row has, -1 where it has none.

    >>> rarest(np.array([[1, 1], [1, 0], [0, 0]])).tolist()
    [1, 0, -1]
    """
    if stratum.ndim == 1:
        return stratum
    has_label = stratum > 0
    sizes = np.where(has_label, has_label.sum(axis=0), len(stratum) + 1)
    return np.where(has_label.any(axis=1), sizes.argmin(axis=1), -1) if stratum.shape[1] else np.full(len(stratum), -1)


def bins(values: np.ndarray, count: int = 10) -> np.ndarray:
    """Bin numbers by their quantiles, so that `split` can stratify over them.

    Args:
        values: numbers (B,); NaN and infinities count as unobserved.
        count: the maximum number of bins; there are fewer if a bin would have less than ten rows.

    Returns:
        Codes (B,) from 0, -1 for unobserved.

    >>> bins(np.array([*range(40), np.nan])).tolist()[::10]
    [0, 1, 2, 3, -1]
    """
    values = np.asarray(values, dtype=np.float64)
    is_finite = np.isfinite(values)
    count = min(count, is_finite.sum() // 10)
    if count < 2:
        return np.where(is_finite, 0, -1)
    edges = np.quantile(values[is_finite], np.arange(1, count) / count)
    return np.where(is_finite, np.searchsorted(np.unique(edges), values, side="right"), -1)


def _members(stratum: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows and classes of a stratum's memberships; classes are numbered without gaps."""
    if stratum.ndim not in (1, 2) or len(stratum) != count:
        raise DataError(f"A stratum must have shape ({count},), one code per row, got {stratum.shape}.")
    if stratum.ndim == 1:
        rows = np.flatnonzero(stratum >= 0)
        codes = stratum[rows]
    else:
        rows, codes = np.nonzero(stratum > 0)
    return rows, np.unique(codes, return_inverse=True)[1].reshape(-1)


def keep_classes_in_training(classes: ClassRows, in_validation: np.ndarray, rng: np.random.Generator) -> None:
    """Swap rows in place, so that no class has all its rows in validation (B,), as far as rows can be spared.

    Args:
        classes: of B rows.
        in_validation: (B,) bool, changed in place; the number of validation rows stays.
        rng: chooses the rows that are swapped.
    """
    counts = classes.counts(~in_validation)
    spare = _spare_rows(classes, counts, in_validation, rng)
    for missing in np.flatnonzero((counts == 0) & (classes.sizes > 0)).tolist():
        if counts[missing]:  # added by an earlier swap
            continue
        incoming = int(classes.rows_of(missing)[0])
        counts[classes[incoming]] += 1
        outgoing = next(spare, None)
        if outgoing is None:
            return
        counts[classes[outgoing]] -= 1
        in_validation[incoming], in_validation[outgoing] = False, True


def _spare_rows(
    classes: ClassRows, counts: np.ndarray, in_validation: np.ndarray, rng: np.random.Generator
) -> Iterator[int]:
    """Yield training rows that are not the last of any of their classes at that moment."""
    while True:
        has_candidate = False
        for row in rng.permutation(np.flatnonzero(~in_validation)).tolist():
            if not in_validation[row] and (counts[classes[row]] > 1).all():
                has_candidate = True
                yield row
        if not has_candidate:
            return


def held_out_groups(classes: ClassRows, order: np.ndarray, sizes: np.ndarray, rows: float) -> np.ndarray:
    """Groups to hold out, whole: in order, but those without which training would lack a class only where it must be.

    Args:
        classes: of G groups of rows.
        order: (G,) the groups in the order in which they are held out.
        sizes: (G,) rows of each.
        rows: to hold out; at least one group is, and one never is.

    Returns:
        The chosen groups.

    >>> classes = ClassRows.of(3, [np.array([0, 1, 1])])
    >>> held_out_groups(classes, np.array([0, 1, 2]), np.ones(3), rows=1)
    array([1])
    """
    counts, chosen, postponed, total = classes.sizes.copy(), [], [], 0
    for group in order.tolist():
        if total >= rows or len(chosen) == len(order) - 1:
            break
        if (counts[classes[group]] == 1).any():
            postponed.append(group)
            continue
        counts[classes[group]] -= 1
        chosen.append(group)
        total += sizes[group]
    for group in postponed:
        if total >= rows or len(chosen) == len(order) - 1:
            break
        chosen.append(group)
        total += sizes[group]
    return np.array(chosen, np.int64)


def spread_over_folds(classes: ClassRows, folds: np.ndarray, rng: np.random.Generator) -> None:
    """Swap rows in place, so that no class of several rows has all of them in one fold, as far as that is possible.

    Args:
        classes: of B rows, or groups of rows.
        folds: (B,) from 0, changed in place; their sizes stay.
        rng: chooses the rows that are swapped.
    """
    counts = np.zeros((len(classes.sizes), int(folds.max(initial=0)) + 1), np.int64)
    np.add.at(counts, (classes.classes, folds[classes.rows]), 1)
    for number in np.flatnonzero((counts.max(axis=1, initial=0) == classes.sizes) & (classes.sizes > 1)).tolist():
        members = classes.rows_of(number)
        if len(np.unique(folds[members])) > 1:  # by an earlier swap
            continue
        row = int(members[-1])
        for other in rng.permutation(np.flatnonzero(folds != folds[row])).tolist():
            if _may_move(classes, counts, other, int(folds[row])) and _may_move(
                classes, counts, row, int(folds[other])
            ):
                for moved, goal in ((row, int(folds[other])), (other, int(folds[row]))):
                    counts[classes[moved], folds[moved]] -= 1
                    counts[classes[moved], goal] += 1
                folds[row], folds[other] = folds[other], folds[row]
                break


def _may_move(classes: ClassRows, counts: np.ndarray, row: int, goal: int) -> bool:
    """Whether a row's classes that have several rows still are in several folds after it has moved to a fold."""
    there = counts[classes[row], goal] + 1
    return bool(((there < classes.sizes[classes[row]]) | (classes.sizes[classes[row]] == 1)).all())
