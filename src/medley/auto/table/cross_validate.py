"""Cross-validation in the table API: scores of new rows with standard errors, and out-of-fold predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.auto.duration import seconds
from medley.auto.table.arguments import target_names
from medley.auto.table.fit import fit
from medley.auto.table.split import periods, times_of
from medley.core.arguments import check_whole_number
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean
from medley.tables.columns.cells import check_columns
from medley.tables.reading.read import Table, read, source_of

if TYPE_CHECKING:
    import pandas as pd

FIXED = ("group", "time", "time_limit", "seed", "root", "verbose", "split", "project_name", "directory", "resume")
"""Arguments of `fit` that are no options: they have arguments of their own, or make no sense for several trainings."""

MOST_CLASSES = 100
"""Targets with more distinct values are not what folds are stratified by."""


@dataclass(frozen=True)
class CrossValidation:
    """Scores of models that were trained on all folds but one, on the fold that was left out.

    Args:
        scores: a row per score, named as by `Model.evaluate`, with the columns `mean`, `standard_error` and `fold_0`,
            `fold_1`, ... The standard error is that of the mean over the folds; trainings share rows, so it is
            somewhat too small (Bengio, Grandvalet: No Unbiased Estimator of the Variance of K-Fold Cross-Validation,
            2004).
        predictions: the columns of `predict_frame(proba=True)`, each row predicted by the model that has not seen it,
            with the index of the table; rows that no model predicts (the earliest ones, with `time`) are left out.
        folds: (N,) the fold of each row; -1 for rows that are only trained on.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    folds: np.ndarray

    def __str__(self) -> str:
        lines = [f"{'score':<32} {'mean':>10}   standard error"]
        columns: Any = self.scores
        for name, row in columns.iterrows():
            lines.append(f"{name:<32} {row['mean']:>10.4g} ± {row['standard_error']:.2g}")
        return "\n".join(lines)


def cross_validate(
    table: Any,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    folds: int = 5,
    group: str | None = None,
    time: str | None = None,
    root: str | Path | None = None,
    time_limit: float | str | None = "10m",
    seed: int = 0,
    verbose: int = 0,
    workers: int = 1,
    options: Mapping[str, Any] | None = None,
) -> CrossValidation:
    """Trains as many models as there are folds, each without one fold, and scores it on that fold.

    Each training is a whole `medley.fit`, with validation rows of its own for early stopping and calibration: the fold
    that is scored takes no part in it. So the scores are those of new rows, unlike the validation scores of a single
    training, and take as many times as long.

    Args:
        table: as in `fit`; it is read into memory.
        targets: as in `fit`.
        folds: number of folds, at least 2.
        group: column; rows with the same value are in one fold, here and within each training.
        time: column; folds are periods of time in order, and each is predicted by a model of the rows before it; so
            there is one period more than folds.
        root: as in `fit`.
        time_limit: seconds, or "10m", for all trainings together.
        seed: of the folds and the trainings.
        verbose: as in `fit`.
        workers: number of folds that are trained at the same time, each in a process of its own with its part of the
            cores. Scores do not depend on it unless a time limit ends trainings early.
        options: further arguments of `fit`, such as `{"max_trials": 1}`.

    Returns:
        Scores and out-of-fold predictions.

    Raises:
        ConfigError, DataError: arguments or the table are invalid.

    >>> size = [number / 7 for number in range(60)]
    >>> rows = {"size": size, "price": [value + 5 * (number % 3) for number, value in enumerate(size)]}
    >>> result = cross_validate(rows, "price", folds=2, options={"max_trials": 1, "epochs": 1})
    >>> list(result.scores.columns), len(result.predictions), sorted(set(result.folds.tolist()))
    (['mean', 'standard_error', 'fold_0', 'fold_1'], 60, [0, 1])
    """
    import pandas as pd

    options = dict(options or {})
    limit = _check(folds, group, time, seed, time_limit, workers, options)
    start = monotonic()
    names = target_names(targets)
    loaded = read(source_of(table, options.pop("header", "auto"), options.pop("connection", None), names), root)
    check_columns(loaded, [*names, *(column for column in (group, time) if column is not None)])
    fold_of_row = _folds(loaded, names, folds, group, time, seed)
    fixed = {"group": group, "time": time, "root": loaded.root, "seed": seed, "verbose": verbose}
    training = partial(_train_and_score, loaded, targets, fold_of_row, is_time=time is not None, **fixed, **options)

    def time_left(trainings: int) -> float | None:
        """The time limit of the next of so many trainings that follow one another."""
        return None if limit is None else max((limit - (monotonic() - start)) / trainings, 1.0)

    if workers == 1:
        results = [training(fold, time_limit=time_left(folds - fold)) for fold in range(folds)]
    else:
        from joblib import Parallel, delayed  # noqa: TID251  (only for its processes; nothing is saved)

        left = time_left(math.ceil(folds / workers))
        tasks = (delayed(training)(fold, time_limit=left) for fold in range(folds))
        results: Any = Parallel(min(workers, folds))(tasks)
    predictions = [predicted for _, predicted in results]
    table_of_scores = pd.DataFrame({f"fold_{fold}": scores for fold, (scores, _) in enumerate(results)})
    error = table_of_scores.std(axis=1, ddof=1) / np.sqrt(table_of_scores.notna().sum(axis=1))
    table_of_scores.insert(0, "mean", table_of_scores.mean(axis=1))
    table_of_scores.insert(1, "standard_error", error)
    return CrossValidation(
        table_of_scores, _joined(predictions, np.flatnonzero(fold_of_row >= 0), fold_of_row), fold_of_row
    )


def _train_and_score(
    table: Table, targets: Any, fold_of_row: np.ndarray, fold: int, *, is_time: bool, **arguments: Any
) -> tuple[dict[str, float], pd.DataFrame]:
    """Scores of one fold and its predictions, by a model of the other folds, or of those before it."""
    train = fold_of_row < fold if is_time else fold_of_row != fold
    model = fit(table.frame.iloc[np.flatnonzero(train)], targets, **arguments)
    tested = table.frame.iloc[np.flatnonzero(fold_of_row == fold)]
    return model.evaluate(tested, root=table.root), model.predict_frame(tested, root=table.root, proba=True)


def _joined(parts: Sequence[pd.DataFrame], rows: np.ndarray, fold_of_row: np.ndarray) -> pd.DataFrame:
    """The predictions of all folds in the order of the table; a class that a training had not has probability 0."""
    import pandas as pd

    joined = pd.concat(parts)
    positions = np.concatenate([np.flatnonzero(fold_of_row == fold) for fold in range(len(parts))])
    joined = joined.iloc[np.argsort(positions, kind="stable")]
    partial = [name for name in joined.columns if any(name not in part.columns for part in parts)]
    assert len(joined) == len(rows)
    return joined.fillna(dict.fromkeys(partial, 0.0)) if partial else joined


def _check(
    folds: Any,
    group: str | None,
    time: str | None,
    seed: Any,
    time_limit: Any,
    workers: Any,
    options: Mapping[str, Any],
) -> float | None:
    from inspect import signature

    errors = ErrorCollector()
    check_whole_number(errors, folds, "folds", at_least=2, optional=False)
    check_whole_number(errors, seed, "seed", at_least=0, optional=False)
    check_whole_number(errors, workers, "workers", at_least=1, optional=False)
    if group is not None and time is not None:
        errors.add("group and time cannot be combined: folds are groups, or periods of time.")
    limit = None
    with errors.collecting(ConfigError):
        limit = seconds(time_limit)
    known = [name for name in signature(fit).parameters if name not in (*FIXED, "table", "targets")]
    for name in options:
        if name not in known:
            errors.add(f"holds {name!r}, which cannot be set here.{did_you_mean(name, known)}", argument="options")
    errors.raise_if_any(ConfigError)
    return limit


def _folds(
    table: Table, targets: Sequence[str], folds: int, group: str | None, time: str | None, seed: int
) -> np.ndarray:
    """The fold of each row (N,); with times, -1 for the first period."""
    import pandas as pd
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    rows = len(table)
    if rows < 2 * folds:
        raise DataError(f"{folds} folds need {2 * folds} rows at least, got {rows}.")
    columns: Any = table.frame
    if time is not None:
        return periods(times_of(columns[time], time), folds + 1) - 1
    groups = None if group is None else pd.factorize(columns[group], use_na_sentinel=False)[0]
    if groups is not None and groups.max() + 1 < folds:
        raise DataError(f"{folds} folds need {folds} groups at least; {group!r} has {groups.max() + 1}.")
    strata = _strata([columns[name] for name in targets], folds)
    if groups is not None:
        splitter: Any = (
            GroupKFold(folds) if strata is None else StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        )
    else:
        kind = KFold if strata is None else StratifiedKFold
        splitter = kind(folds, shuffle=True, random_state=seed)
    fold_of_row = np.empty(rows, np.int64)
    for fold, (_, test) in enumerate(splitter.split(np.zeros(rows), strata, groups)):
        fold_of_row[test] = fold
    return fold_of_row


def _strata(targets: Sequence[pd.Series], folds: int) -> np.ndarray | None:
    """Classes of the target that needs stratification most, with rare classes joined; None without classes."""
    import pandas as pd

    best = None
    for column in targets:
        codes, values = pd.factorize(column.astype(str), use_na_sentinel=False)
        is_class = not pd.api.types.is_float_dtype(column.dtype) or len(values) <= 2
        if not is_class or not 2 <= len(values) <= MOST_CLASSES:
            continue
        sizes = np.bincount(codes)
        joined = np.where(sizes[codes] >= folds, codes, len(sizes))
        counts = np.bincount(joined)
        if counts[-1] < folds and len(counts) > len(sizes):
            joined = np.where(joined == len(sizes), sizes.argmax(), joined)
        least = np.unique(joined, return_counts=True)[1].min()
        if best is None or least < best[0]:
            best = (least, joined)
    return None if best is None else best[1]
