"""The rivals of `equal_time.py`: the baselines, which learn each target with a model of its own, and medley."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from equal_time_clock import running
from equal_time_features import Features, LinearFeatures, TreeFeatures
from equal_time_sets import Split

import medley as md

VALIDATION = 0.15
"""Fraction of the training rows on which trees stop and linear models choose their penalty."""
PENALTIES = (1.0, 10.0, 100.0, 0.1, 0.01, 1000.0)
"""C of the logistic regression, 1 / alpha of the ridge regression; tried in this order while there is time."""
CORES = 2


def score(metric: str, true: Any, prediction: np.ndarray, classes: Sequence[Any] | None = None) -> float:
    """Measures predictions of the rows that have a label; the greater the better.

    Args:
        metric: "r2", "auc" (of the greater of two classes) or "accuracy".
        true: labels (B,).
        prediction: numbers (B,), or probabilities (B, classes).
        classes: of the probabilities' columns; None for numbers. Numbers have the metric "r2", or "auc".

    >>> score("r2", pd.Series([1, 2]), np.array([[0.9, 0.1], [0.1, 0.9]]), [1, 2])
    0.96
    """
    from sklearn import metrics

    labels = pd.Index(true)
    if metric == "r2":
        expected = prediction if classes is None else prediction @ np.asarray(classes, float)
        return float(metrics.r2_score(labels.to_numpy(float), expected))
    if metric == "auc":
        positive = sorted(labels.unique())[-1]
        column = prediction if classes is None else prediction[:, pd.Index(classes).get_loc(positive)]
        return float(metrics.roc_auc_score(labels == positive, column))
    if classes is None:  # numbers that stand for classes
        return float(np.mean(np.round(prediction) == labels.to_numpy(float)))
    return float(np.mean(pd.Index(classes).get_indexer(labels) == prediction.argmax(axis=1)))


@dataclass
class Outcome:
    """What a rival reached.

    Args:
        scores: by target.
        seconds: of training, by target; features that serve several targets count for each. A model of all targets
            has the same seconds for each.
        predict_seconds: for all rows that are scored and all targets.
    """

    scores: dict[str, float]
    seconds: dict[str, float]
    predict_seconds: float


class Problem:
    """One target of a split: encoded labels of the rows that have one.

    Args:
        split: where from.
        target: which.
    """

    def __init__(self, split: Split, target: str) -> None:
        self.metric = split.data_set.targets[target]
        self.rows = split.train[target].notna().to_numpy()
        self.scored_rows = split.scored[target].notna().to_numpy()
        labels: Any = split.train.loc[self.rows, target]
        self.true: Any = split.scored.loc[self.scored_rows, target]
        self.classes: Any = None
        self.y = labels.to_numpy()
        if self.metric != "r2":
            self.y, self.classes = pd.factorize(labels, sort=True)

    def validation(self) -> np.ndarray:
        """Which training rows (N,) are held out to choose by; every class is trained on."""
        held_out = np.random.default_rng(0).random(len(self.y)) < VALIDATION
        return held_out if self.classes is None else held_out & pd.Series(self.y).duplicated().to_numpy()

    def score(self, prediction: np.ndarray) -> float:
        return score(self.metric, self.true, prediction, self.classes)


Fitted = Callable[[Any], np.ndarray]
"""Features -> numbers (B,) or probabilities (B, classes)."""
Fit = Callable[[Any, Problem, float], Fitted]
"""Features, target, `running` time at which the time is over -> model."""


def each_target(split: Split, seconds: float, features: Features | None, fit: Fit) -> Outcome:
    """Trains a model per target, each for these seconds, which include the making of the features."""
    began = running()
    x: Any = None if features is None else features.fit_transform(split.train)  # pyright: ignore
    shared = running() - began
    problems = {target: Problem(split, target) for target in split.data_set.targets}
    models, spent = {}, {}
    for target, problem in problems.items():
        began = running()
        rows = None if x is None else x[problem.rows]
        models[target] = fit(rows, problem, began + max(seconds - shared, 0))
        spent[target] = shared + running() - began
    began = running()
    x = np.zeros((len(split.scored), 1)) if features is None else features.transform(split.scored)  # pyright: ignore
    predictions = {target: models[target](x[problem.scored_rows]) for target, problem in problems.items()}
    predict_seconds = running() - began
    scores = {target: problem.score(predictions[target]) for target, problem in problems.items()}
    return Outcome(scores, spent, predict_seconds)


def fit_constant(x: Any, problem: Problem, deadline: float) -> Fitted:
    """The mean, or how often each class occurs."""
    if problem.classes is None:
        mean = float(np.mean(problem.y))
        return lambda rows: np.full(len(rows), mean)
    rates = np.bincount(problem.y) / len(problem.y)
    return lambda rows: np.tile(rates, (len(rows), 1))


def fit_linear(x: Any, problem: Problem, deadline: float) -> Fitted:
    """Ridge or logistic regression; the penalty is chosen on validation rows among those that the time allows."""
    held_out = problem.validation()
    began = running()
    scores: dict[float, float] = {}
    for penalty in PENALTIES:
        trial = running()
        # Half of the time at most goes into the first; what follows leaves time to fit all rows.
        model = _regression(x[~held_out], problem.y[~held_out], problem, penalty, (trial + deadline) / 2)
        prediction = _predicted(model, problem)(x[held_out])
        labels = problem.y[held_out]
        if problem.classes is not None:
            labels = problem.classes[labels]
        scores[penalty] = score(problem.metric, labels, prediction, problem.classes)
        longest = max((running() - began) / len(scores), running() - trial)
        if running() + 2.5 * longest > deadline:
            break
    best = max(scores, key=lambda penalty: scores[penalty])
    return _predicted(_regression(x, problem.y, problem, best, deadline), problem)


def _regression(x: Any, y: np.ndarray, problem: Problem, penalty: float, deadline: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    if problem.classes is None:
        return Ridge(alpha=1 / penalty).fit(x, y)
    model = LogisticRegression(C=penalty, max_iter=50, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(10):
            began = running()
            model.fit(x, y)
            if model.n_iter_.max() < model.max_iter or 2 * running() - began > deadline:
                break
    return model


def _predicted(model: Any, problem: Problem) -> Fitted:
    return model.predict if problem.classes is None else model.predict_proba


def fit_lightgbm(x: pd.DataFrame, problem: Problem, deadline: float) -> Fitted:
    """Boosted trees: as many as the validation rows like best, grown anew on all rows."""
    import lightgbm  # pyright: ignore[reportMissingImports]  (the extra medley[baseline])

    kind: Any = lightgbm.LGBMRegressor if problem.classes is None else lightgbm.LGBMClassifier
    options: dict[str, Any] = {"learning_rate": 0.05, "verbose": -1, "n_jobs": CORES, "random_state": 0}
    held_out = problem.validation()
    began = running()

    def until(end: float) -> Callable[[Any], None]:
        def stop(state: Any) -> None:
            if running() > end:
                raise lightgbm.callback.EarlyStopException(state.iteration, state.evaluation_result_list or [])

        return stop

    trees = kind(n_estimators=2_000, **options)
    trees.fit(
        x[~held_out],
        problem.y[~held_out],
        eval_X=x[held_out],
        eval_y=problem.y[held_out],
        callbacks=[lightgbm.early_stopping(50, verbose=False), until(began + 0.45 * (deadline - began))],
    )
    number = max(trees.best_iteration_, 1)
    trees = kind(n_estimators=number, **options).fit(x, problem.y, callbacks=[until(deadline)])
    return trees.predict if problem.classes is None else trees.predict_proba


def fit_catboost(x: pd.DataFrame, problem: Problem, deadline: float) -> Fitted:
    """Boosted trees, as `fit_lightgbm`; categories as such."""
    import catboost  # pyright: ignore[reportMissingImports]

    categories = [column for column in x.columns if isinstance(x[column].dtype, pd.CategoricalDtype)]

    def readable(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(**{column: rows[column].astype(object).fillna("") for column in categories})

    class Until:
        """Stops when the time is over."""

        def __init__(self, end: float) -> None:
            self.end = end

        def after_iteration(self, info: Any) -> bool:
            return running() < self.end

    kind: Any = catboost.CatBoostRegressor if problem.classes is None else catboost.CatBoostClassifier
    options: dict[str, Any] = {
        "learning_rate": 0.05,
        "thread_count": CORES,
        "random_seed": 0,
        "verbose": False,
        "allow_writing_files": False,
        "cat_features": categories,
    }
    if problem.classes is not None:
        options["loss_function"] = "Logloss" if len(problem.classes) == 2 else "MultiClass"
    held_out, x = problem.validation(), readable(x)
    began = running()
    trees = kind(iterations=2_000, early_stopping_rounds=50, **options)
    trees.fit(
        x[~held_out],
        problem.y[~held_out],
        eval_set=(x[held_out], problem.y[held_out]),
        callbacks=[Until(began + 0.45 * (deadline - began))],
    )
    trees = kind(iterations=max(trees.tree_count_, 1), **options)
    trees.fit(x, problem.y, callbacks=[Until(deadline)])
    return lambda rows: (trees.predict if problem.classes is None else trees.predict_proba)(readable(rows))


def constant(split: Split, seconds: float, seed: int) -> Outcome:
    """The constant baseline."""
    return each_target(split, seconds, None, fit_constant)


def linear(split: Split, seconds: float, seed: int) -> Outcome:
    """The linear models."""
    return each_target(split, seconds, LinearFeatures(split), fit_linear)


def boosted(split: Split, seconds: float, seed: int) -> Outcome:
    """LightGBM."""
    return each_target(split, seconds, TreeFeatures(split), fit_lightgbm)


def catboosted(split: Split, seconds: float, seed: int) -> Outcome:
    """CatBoost."""
    return each_target(split, seconds, TreeFeatures(split), fit_catboost)


def medley(split: Split, seconds: float, seed: int) -> Outcome:
    """One call for all targets, from scratch whatever this machine has cached."""
    targets = list(split.data_set.targets)
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = perf_counter()
        model = md.fit(
            split.train[[*split.inputs, *targets]],
            targets,
            root=split.root,
            time_limit=seconds,
            pretrained=None,
            directory=directory,
            seed=seed,
            verbose=0,
        )
        spent = perf_counter() - began
        began = perf_counter()
        probabilities = model.predict_proba(split.scored[split.inputs], root=split.root)
        predict_seconds = perf_counter() - began
    return Outcome(scores_of(model, split, probabilities), dict.fromkeys(targets, spent), predict_seconds)


def scores_of(model: md.Model, split: Split, probabilities: Any) -> dict[str, float]:
    """The scores of one model of all targets, by target.

    Args:
        model: of the table API.
        split: its rows to score are those that were predicted.
        probabilities: what `predict_proba` returned for them.
    """
    scores = {}
    for target in split.data_set.targets:
        problem, classes = Problem(split, target), model.labels(target)
        columns: Any = target if classes is None else [f"{target}_{label}" for label in classes]
        prediction = probabilities[columns].to_numpy(float)[problem.scored_rows]
        scores[target] = score(problem.metric, problem.true, prediction, classes)
    return scores


RIVALS: dict[str, Callable[[Split, float, int], Outcome]] = {
    "constant": constant,
    "linear": linear,
    "lightgbm": boosted,
    "catboost": catboosted,
    "medley": medley,
}
