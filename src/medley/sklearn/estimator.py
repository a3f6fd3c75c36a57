"""What the estimators share: their parameters, and the call of the table API."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from medley.auto.table.fit import fit
from medley.core.words import KindName, OnBadFile, TunerName
from medley.model.model import Model
from medley.search.objective import Objective
from medley.search.tuners import Tuner
from medley.sklearn.rows import check_unique, frame_of, free_name, is_table, number_columns
from medley.tables.columns.missing import MissingValueSpec
from medley.train.plan import Training

if TYPE_CHECKING:
    import pandas as pd

    from medley.core.head import Head


_MIN_ROWS = 2
"""One row to learn from, and one for validation."""


@dataclass(kw_only=True, eq=False, repr=False)
class TableEstimator(BaseEstimator, ABC):
    """Base of the estimators: `fit` is `medley.fit` of a table of X and y.

    Arguments are fields, so that each is written once: the constructors of the estimators follow from them.

    Attributes:
        model_: the `medley.Model`: saves, exports, explains.
        n_features_in_: number of columns of X.
        feature_names_in_: their names, if all are strings.
    """

    time_limit: float | str | None = "10m"
    max_trials: int | None = 1
    epochs: int | None = None
    batch_size: int | None = None
    validation_split: float | None = None
    column_kinds: Mapping[str, KindName | str] | None = None
    missing_values: Any = None
    root: str | Path | None = None
    on_bad_file: OnBadFile = "warn"
    pretrained: Any = "auto"
    objective: str | Objective | Sequence[str | Objective] | None = None
    tuner: TunerName | type[Tuner] | Tuner | None = None
    training: Training | None = None
    max_model_size: int | None = None
    random_state: int | np.random.RandomState | None = None
    device: Any = "auto"
    verbose: int = 0
    model_: Model = field(init=False)
    n_features_in_: int = field(init=False)
    feature_names_in_: np.ndarray = field(init=False)

    @abstractmethod
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fits a model to rows and their targets."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _features(self, X: Any, *, reset: bool = False) -> pd.DataFrame:
        """Rows as a frame; their columns are learned (`reset`), or compared with those of `fit`."""
        if not reset:
            check_is_fitted(self)
        frame = frame_of(X, self)
        if reset and len(frame) < _MIN_ROWS:
            raise ValueError(f"{type(self).__name__} needs at least {_MIN_ROWS} rows, got n_samples={len(frame)}.")
        check_unique(frame)
        # Names are checked on what was passed: the columns of arrays have none.
        passed: Any = frame if is_table(X) else X
        validate_data(self, passed, reset=reset, skip_check_array=True)
        names = getattr(self, "feature_names_in_", None)
        # Of an array, of which scikit-learn has warned, the columns are those of `fit` in order.
        return frame if reset or names is None or is_table(X) else frame.set_axis(list(names), axis=1)

    def _fit_table(
        self,
        X: Any,
        frame: pd.DataFrame,
        targets: Mapping[str, Any],
        heads: Mapping[str, Head | None],
        weights: np.ndarray | None,
    ) -> None:
        """Fits the model to X and target columns.

        Args:
            X: rows, as they were passed.
            frame: rows as a frame.
            targets: column -> cells (B,).
            heads: column -> head; None infers it.
            weights: (B,) of the rows, or None. Rows of weight 0 are left out, as if they were not there.
        """
        check_consistent_length(frame, *targets.values())
        table = frame.assign(**targets)
        weight_column = None
        if weights is not None:
            weight_column = free_name("sample_weight", table.columns)
            table = table.assign(**{weight_column: weights})[weights > 0]
        # The values of classes are what they are, "NA" too; missing cells of a target are None and NaN.
        missing = MissingValueSpec.of(self.missing_values)
        exact = dict.fromkeys((name for name, head in heads.items() if head is not None), frozenset[str]())
        self.model_ = fit(
            table,
            dict(heads),
            column_kinds={**dict.fromkeys(number_columns(X, frame), "number"), **(self.column_kinds or {})},
            missing_values=MissingValueSpec(missing.added, {**exact, **missing.by_column}),
            root=self.root,
            validation_split=self.validation_split,
            sample_weight=weight_column,
            time_limit=self.time_limit,
            max_trials=self.max_trials,
            epochs=self.epochs,
            batch_size=self.batch_size,
            objective=self.objective,
            tuner=self.tuner,
            max_model_size=self.max_model_size,
            training=self.training,
            on_bad_file=self.on_bad_file,
            seed=self._seed(),
            device=self.device,
            verbose=self.verbose,
            pretrained=self.pretrained,
        )

    @property
    def _targets(self) -> dict[str, str]:
        """Head -> target column."""
        assert self.model_.table is not None
        return self.model_.table.targets

    def _seed(self) -> int | None:
        """A number for the seed; drawn from a generator, if `random_state` is one."""
        if self.random_state is None or isinstance(self.random_state, Integral):
            return None if self.random_state is None else int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))
