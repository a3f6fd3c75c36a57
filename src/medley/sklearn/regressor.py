"""Regressor for scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from medley.heads.regression import RegressionHead
from medley.sklearn.estimator import TableEstimator
from medley.sklearn.rows import checked_weights, output_names
from medley.sklearn.targets import stacked, target_columns


class MedleyRegressor(RegressorMixin, TableEstimator):
    """Regressor of one or several numbers, over `medley.fit`.

    X and the arguments are those of `MedleyClassifier`.

    Attributes:
        model_: the fitted `medley.Model`.
        n_features_in_: number of columns.
        feature_names_in_: names of the columns, if all are strings.

    >>> X = [[number / 7, number % 3] for number in range(60)]
    >>> regressor = MedleyRegressor(epochs=1).fit(X, [[a + b, a - b] for a, b in X])
    >>> regressor.predict([[3.0, 1]]).shape, regressor.score(X, [[a + b, a - b] for a, b in X]) > 0.9
    ((1, 2), True)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits a model.

        Args:
            X: (B, C) rows.
            y: (B,) numbers, or (B, K) numbers of K targets.
            sample_weight: (B,) numbers of at least 0.

        Returns:
            The estimator.

        Raises:
            ValueError: rows, numbers or arguments break a rule; errors of medley are such errors.
        """
        frame = self._features(X, reset=True)
        columns = target_columns(y, self, numeric=True)
        names = output_names(y, len(columns), frame.columns)
        heads = dict.fromkeys(names, RegressionHead())
        weights = checked_weights(sample_weight, frame)
        self._fit_table(X, frame, dict(zip(names, columns, strict=True)), heads, weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predicts numbers (B,), or (B, K) with several targets."""
        frame = self._features(X)
        return stacked(list(self.model_.predict(frame, root=self.root).to_numpy(np.float64).T))
