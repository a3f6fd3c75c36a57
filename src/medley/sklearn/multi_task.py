"""Estimator of several targets of different kinds, for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_consistent_length

from medley.model.encoding import extended_targets
from medley.sklearn.estimator import TableEstimator
from medley.sklearn.rows import checked_weights, is_table, output_names
from medley.sklearn.targets import stacked, target_columns
from medley.tables.reading.frames import from_memory, like

if TYPE_CHECKING:
    from medley.core.head import Head


@dataclass(kw_only=True, eq=False, repr=False)
class MedleyMultiTask(TableEstimator):
    """Predicts targets of different kinds at once, over `medley.fit`: classes, numbers, counts, sets of labels.

    y is a frame or a dict with a column per target; cells may be missing. X and the other arguments are those of
    `MedleyClassifier`. For a y that is an array, targets are called y0, y1, ... and predictions are an array.

    Args:
        heads: target -> head, such as `{"stars": md.OrderedHead()}`; the others follow from the labels.
        time_limit: as in `MedleyClassifier`, like all that follow.
        max_trials: see there.
        epochs: see there.
        batch_size: see there.
        validation_split: see there.
        column_kinds: see there; also of targets.
        missing_values: see there.
        root: see there.
        on_bad_file: see there.
        pretrained: see there.
        objective: see there.
        tuner: see there.
        training: see there.
        max_model_size: see there.
        random_state: see there.
        device: see there.
        verbose: see there.

    Attributes:
        tasks_: target -> "binary", "multiclass", "number", ...
        classes_: target of classes -> its sorted labels.
        model_: the fitted `medley.Model`.
        n_features_in_: number of columns.
        feature_names_in_: names of the columns, if all are strings.

    >>> X = [[number / 7, number % 3] for number in range(60)]
    >>> y = {"size": ["low" if a + b < 5 else "high" for a, b in X], "price": [a - b for a, b in X]}
    >>> both = MedleyMultiTask(epochs=1).fit(X, y)
    >>> both.tasks_, sorted(both.predict(X)), both.score(X, y) > 0.9
    ({'size': 'binary', 'price': 'number'}, ['price', 'size'], True)
    """

    heads: Mapping[str, Head] | None = None
    tasks_: dict[str, str] = field(init=False)
    classes_: dict[str, np.ndarray] = field(init=False)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits a model.

        Args:
            X: (B, C) rows.
            y: a frame or a dict with a column per target, or an array (B,) or (B, K).
            sample_weight: (B,) numbers of at least 0.

        Returns:
            The estimator.

        Raises:
            ValueError: rows, labels or arguments break a rule; errors of medley are such errors.
        """
        frame = self._features(X, reset=True)
        targets = self._columns(y)
        if shared := [name for name in targets if name in frame.columns]:
            raise ValueError(f"X and y both have a column {', '.join(map(repr, shared))}: a target is no input.")
        if unknown := [name for name in self.heads or {} if name not in targets]:
            names = ", ".join(map(repr, targets))
            raise ValueError(f"heads names {', '.join(map(repr, unknown))}, but the targets are {names}.")
        heads = {name: (self.heads or {}).get(name) for name in targets}
        self._fit_table(X, frame, targets, heads, checked_weights(sample_weight, frame))
        self.tasks_ = {name: task["kind"] for name, task in self.model_.metadata["tasks"].items()}
        labels = {name: self.model_.labels(head) for head, name in self._targets.items()}
        self.classes_ = {name: np.asarray(classes) for name, classes in labels.items() if classes is not None}
        self._form = "frame" if hasattr(y, "columns") else "dict" if is_table(y) else "array"
        return self

    def predict(self, X: Any) -> Any:
        """Predicts all targets, in the form of the y of `fit`: a frame, a dict of arrays, or an array."""
        frame = self._features(X)
        predictions = self.model_.predict(frame, root=self.root).loc[:, list(self._targets.values())]
        if self._form == "frame":
            return like(predictions, X)
        if self._form == "dict":
            return {name: predictions[name].to_numpy() for name in predictions.columns}
        return stacked([predictions[name].to_numpy() for name in predictions.columns])

    def predict_proba(self, X: Any) -> Any:
        """Predicts the probabilities (B, classes) of classes, in the order of `classes_`.

        Returns:
            target -> probabilities, of the targets that have classes; where y was an array, a list of them, and the
            array itself for one.
        """
        frame = self._features(X)
        raw = self.model_.predict_raw(frame, root=self.root)
        heads = {head: name for head, name in self._targets.items() if name in self.classes_}
        by_target = {name: self.model_.targets[head].probabilities(raw[head]) for head, name in heads.items()}
        if self._form != "array":
            return by_target
        arrays = list(by_target.values())
        return arrays[0] if len(arrays) == 1 else arrays

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The mean over the targets: R² of numbers, accuracy of classes, of rows whose label is not missing."""
        frame, columns = self._features(X), self._columns(y)
        if missing := [name for name in self._targets.values() if name not in columns]:
            raise ValueError(f"y lacks the target {', '.join(map(repr, missing))}.")
        check_consistent_length(frame, *columns.values(), *([] if sample_weight is None else [sample_weight]))
        view, codecs = self.model_.table, self.model_.targets
        assert view is not None
        labels = view.y(view.read(frame.assign(**columns), self.root, labelled=True))
        codecs = extended_targets(codecs, labels)
        scores = []
        for head, raw in self.model_.predict_raw(frame, root=self.root).items():
            observed = codecs[head].encode(labels[head])
            rows = observed.present.reshape(len(frame), -1).all(axis=1)
            codec = self.model_.targets[head]
            predicted = codec.decode(self.model_.trust.decided(head, codec, raw))
            weights = None if sample_weight is None else np.asarray(sample_weight, float)[rows]
            if codecs[head].labels is None:
                scores.append(r2_score(np.asarray(labels[head])[rows], predicted[rows], sample_weight=weights))
            else:
                hits = codecs[head].encode(predicted).array == observed.array
                scores.append(np.average(hits.reshape(len(frame), -1).all(axis=1)[rows], weights=weights))
        return float(np.mean(scores))

    def _columns(self, y: Any) -> dict[str, Any]:
        """Target -> cells (B,); their index is left out, as rows belong together by position."""
        if is_table(y):
            frame = from_memory(y)
            return {str(name): frame[name].array for name in frame.columns}
        columns = target_columns(y, self)
        return dict(zip(output_names(y, len(columns), ()), columns, strict=True))
