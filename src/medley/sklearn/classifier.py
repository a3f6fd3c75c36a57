"""Classifier for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length

from medley.heads.classification import ClassificationHead
from medley.sklearn.estimator import TableEstimator
from medley.sklearn.rows import checked_weights, output_names
from medley.sklearn.targets import check_classes, class_indices, sorted_classes, stacked, target_columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(kw_only=True, eq=False, repr=False)
class MedleyClassifier(ClassifierMixin, TableEstimator):
    """Classifier of one or several targets, over `medley.fit`.

    X may be an array, a list of lists, or a frame of mixed columns: numbers, categories, texts, dates, paths of images
    or recordings, with missing cells. An array of numbers is read as numbers; the kinds of a frame's columns are
    inferred, or set by `column_kinds`.

    Args:
        class_weight: label -> weight of the loss of its rows, or `"balanced"`; with several targets, one of these for
            all, or a list with one for each.
        time_limit: seconds per fit, or "10m": trainings are planned to end in it.
        max_trials: number of networks that are tried. 1 is the default network, without a search of its own: the
            searches of scikit-learn fit many estimators.
        epochs: maximal epochs; default: depends on the number of rows.
        batch_size: rows per step; default: depends on the number of rows.
        validation_split: as in `medley.fit`.
        column_kinds: column -> kind, to override the inferred kinds; columns of arrays are called x0, x1, ...
        missing_values: as in `medley.fit`.
        root: the folder that relative paths in cells start from.
        on_bad_file: `"warn"`, `"raise"` or `"drop"`, as in `medley.fit`.
        pretrained: as in `medley.fit`.
        objective: as in `medley.fit`.
        tuner: as in `medley.fit`.
        training: as in `medley.fit`.
        max_model_size: as in `medley.fit`.
        random_state: seed, or a generator that one is drawn from.
        device: as in `medley.fit`.
        verbose: 0 silent, 1 the inferred kinds and a line per trial, 2 a line per epoch.

    Attributes:
        classes_: sorted labels; with several targets, a list with those of each.
        model_: the fitted `medley.Model`.
        n_features_in_: number of columns.
        feature_names_in_: names of the columns, if all are strings.

    >>> X = [[number / 7, number % 3] for number in range(60)]
    >>> y = ["low" if a + b < 5 else "high" for a, b in X]
    >>> classifier = MedleyClassifier(epochs=1).fit(X, y)
    >>> classifier.predict([[0.0, 1], [8.0, 1]]).tolist(), classifier.predict_proba(X).shape
    (['low', 'high'], (60, 2))
    """

    class_weight: Mapping[Any, float] | str | Sequence[Mapping[Any, float] | str | None] | None = None
    classes_: np.ndarray | list[np.ndarray] = field(init=False)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits a model.

        Args:
            X: (B, C) rows.
            y: (B,) labels, or (B, K) labels of K targets.
            sample_weight: (B,) numbers of at least 0.

        Returns:
            The estimator.

        Raises:
            ValueError: rows, labels or arguments break a rule; errors of medley are such errors.
        """
        frame = self._features(X, reset=True)
        columns = target_columns(y, self)
        for column in columns:
            sorted_classes(column)  # before scikit-learn sorts them, whose error names no way out
            check_classification_targets(column)
        check_consistent_length(frame, *columns)
        row_weights = checked_weights(sample_weight, frame)
        present = slice(None) if row_weights is None else row_weights > 0
        classes = [sorted_classes(column[present]) for column in columns]
        check_classes(classes, self)
        self.classes_ = classes[0] if len(classes) == 1 else classes
        names = output_names(y, len(columns), frame.columns)
        weights = self.class_weight
        listed: list[Any] = list(weights) if isinstance(weights, list | tuple) else [weights] * len(names)
        if len(listed) != len(names):
            raise ValueError(f"class_weight lists {len(listed)} entries for {len(names)} targets; list one for each.")
        heads = {name: ClassificationHead(class_weight=weight) for name, weight in zip(names, listed, strict=True)}
        self._fit_table(X, frame, dict(zip(names, columns, strict=True)), heads, row_weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predicts labels (B,), or (B, K) with several targets."""
        frame = self._features(X)
        predictions = self.model_.predict(frame, root=self.root)
        columns = [
            classes[class_indices(predictions[name], classes)]
            for name, classes in zip(self._targets.values(), self._classes(), strict=True)
        ]
        return stacked(columns)

    def predict_proba(self, X: Any) -> np.ndarray | list[np.ndarray]:
        """Predicts the probabilities (B, classes) of the labels in `classes_`; with several targets, a list of such."""
        frame = self._features(X)
        probabilities: pd.DataFrame = self.model_.predict_proba(frame, root=self.root)
        arrays, start = [], 0
        for head, classes in zip(self.model_.output_names, self._classes(), strict=True):
            labels = self.model_.labels(head) or []
            block = probabilities.iloc[:, start : start + len(labels)].to_numpy()
            start += len(labels)
            arrays.append(block[:, np.argsort(class_indices(labels, classes))])
        return arrays[0] if isinstance(self.classes_, np.ndarray) else arrays

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _classes(self) -> list[np.ndarray]:
        return [self.classes_] if isinstance(self.classes_, np.ndarray) else self.classes_
