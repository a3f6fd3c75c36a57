"""Predictions for validation rows, which are kept with the model. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medley.core.codec import Encoded, State, TargetCodec
from medley.core.rules import Array, Choice, Maybe, StateRules, Whole, require
from medley.core.spec import Spec
from medley.errors import MedleyError, as_artifact_error
from medley.trust.calibration import AnyCalibration, calibrated, predicted

MOST_ROWS = 20_000
"""Validation rows that are kept; of more, a random sample."""

MIN_CHECKED_ROWS = 50
"""Fewer validation rows with a label are not calibrated on."""

MOST_NUMBERS = 1_000_000
"""Raw outputs that are kept, of all rows and targets together: 4 MB."""


@dataclass(frozen=True)
class TaskPredictions:
    """The targets of validation rows, and what the network predicts for them.

    Args:
        codec: of the target.
        encoded: encoded targets (N, ...).
        raw: raw outputs (N, K) of the network, before calibration.
        weight: sample weights (N,), or None where all are 1.
        calibration: of the target, or None; it was fitted to these rows.
    """

    codec: TargetCodec
    encoded: Encoded
    raw: np.ndarray
    weight: np.ndarray | None = None
    calibration: AnyCalibration | None = None

    @property
    def targets(self) -> np.ndarray:
        """Targets (N,) or (N, n) in the type and unit of the caller's; any value where they are not observed."""
        return self.codec.values(self.encoded.array)

    @property
    def observed(self) -> np.ndarray:
        """(N,) bool: the rows whose target is known."""
        return self.encoded.present

    @property
    def predictions(self) -> np.ndarray:
        """Predictions (N,) or (N, n) in the type and unit of `targets`; classes are the most probable ones."""
        return self.codec.decode(predicted(self.calibration, self.codec, self.raw))

    @property
    def outputs(self) -> np.ndarray:
        """Probabilities (N, classes) in the order of `labels`, before calibration; for numbers, the predictions."""
        return self.codec.probabilities(self.raw)

    @property
    def calibrated(self) -> np.ndarray:
        """`outputs` after calibration; the same where there is none."""
        return self.codec.probabilities(calibrated(self.calibration, self.codec, self.raw))

    @property
    def labels(self) -> list[Any] | None:
        """The classes; None for numbers."""
        return self.codec.labels


@dataclass(frozen=True)
class ValidationPredictions:
    """Predictions for rows that the network was not trained on (`Model.validation`).

    Where the network was trained in folds, all training rows are in here, each predicted by the members of the ensemble
    that were not trained on it. No more than `MOST_ROWS` rows are kept, fewer where a row has many outputs
    (`MOST_NUMBERS`); of more rows, a random sample. Early stopping has seen these rows, so scores on them are slightly
    better than those on new rows.

    Args:
        rows: (N,) positions of the rows in the caller's table or arrays, in ascending order; a row that the caller
            passed as `validation_data` is counted from its start.
        tasks: head name -> targets and outputs.
        size: number of validation rows, of which these N are kept.
        where: `"training"` where they are rows of the training data, `"validation_data"`, or `"fit_more"`.
        folds: (N,) the fold of each row, or None.
        groups: (N,) integers, equal for rows that the split does not separate; None where rows are independent.

    >>> from medley.heads import RegressionHead
    >>> codec = RegressionHead(scale="linear").codec().fit([1.0, 3.0])
    >>> price = TaskPredictions(codec, codec.encode([2.0, None]), np.array([[0.5], [0.0]]))
    >>> validation = ValidationPredictions(np.array([3, 7]), {"price": price}, 2)
    >>> price = validation.tasks["price"]
    >>> price.targets[0].item(), price.outputs, price.observed
    (2.0, array([2.5, 2. ]), array([ True, False]))
    """

    rows: np.ndarray
    tasks: Mapping[str, TaskPredictions]
    size: int
    where: str = "training"
    folds: np.ndarray | None = None
    groups: np.ndarray | None = None

    def calibrated(self, calibrations: Mapping[str, AnyCalibration]) -> ValidationPredictions:
        """The same rows with calibrations of some of the tasks, by head."""
        tasks = {name: replace(task, calibration=calibrations.get(name)) for name, task in self.tasks.items()}
        return replace(self, tasks=tasks)

    def sample(self) -> ValidationPredictions:
        """As many rows as are kept: all, or a random sample, the same each time."""
        outputs = sum(task.raw.shape[1] for task in self.tasks.values())
        most = min(MOST_ROWS, MOST_NUMBERS // max(outputs, 1))
        if len(self.rows) <= most:
            return self
        index = np.sort(np.random.default_rng(0).choice(len(self.rows), most, replace=False))
        return self.take(index)

    def take(self, index: np.ndarray) -> ValidationPredictions:
        """Some of the rows.

        Args:
            index: (M,) where they are among these rows.
        """
        tasks = {
            name: TaskPredictions(
                task.codec,
                Encoded(task.encoded.array[index], task.encoded.present[index]),
                task.raw[index],
                None if task.weight is None else task.weight[index],
                task.calibration,
            )
            for name, task in self.tasks.items()
        }
        folds, groups = (None if values is None else values[index] for values in (self.folds, self.groups))
        return ValidationPredictions(self.rows[index], tasks, self.size, self.where, folds, groups)

    def state(self) -> dict[str, Any]:
        """A flat dict of JSON values and arrays."""
        state: dict[str, Any] = {"size": self.size, "where": self.where, "rows": self.rows.astype(np.int64)}
        state |= {name: values for name in _ROW_ARRAYS if (values := getattr(self, name)) is not None}
        for name, task in self.tasks.items():
            state[f"target/{name}"] = task.encoded.array
            state[f"present/{name}"] = task.encoded.present
            state[f"raw/{name}"] = task.raw.astype(np.float32)
            if task.weight is not None:
                state[f"weight/{name}"] = task.weight.astype(np.float32)
        return state

    @classmethod
    def restore(cls, state: State, targets: Mapping[str, TargetCodec]) -> ValidationPredictions:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            targets: head name -> restored codec.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        sizes: dict[str, int] = {}
        values = RULES.read(state, sizes)
        require(sizes["N"] <= max(MOST_ROWS, values["size"]), "rows must be no more than size.")
        tasks = {}
        for name in (key.removeprefix("raw/") for key in state if key.startswith("raw/")):
            require(name in targets, f"There is no head {name!r}.")
            tasks[name] = _restore_task({key: state.get(f"{key}/{name}") for key in _TASK_ARRAYS}, targets[name], sizes)
        return cls(tasks=tasks, **values)


_ROW_ARRAYS = ("folds", "groups")
_TASK_ARRAYS = ("target", "present", "raw", "weight")

RULES = StateRules(
    rows=Array(np.int64, ("N",), low=0),
    size=Whole(0, 2**53),
    where=Choice("training", "validation_data", "fit_more"),
    folds=Maybe(Array(np.int64, ("N",), low=0, high=1_000)),
    groups=Maybe(Array(np.int64, ("N",), low=0)),
)


def _restore_task(state: State, codec: TargetCodec, sizes: Mapping[str, int]) -> TaskPredictions:
    spec = codec.spec
    high = spec.cardinality - 1 if spec.cardinality else None
    rules = StateRules(
        target=Array(_dtype(spec), ("N", *spec.shape), low=0 if spec.cardinality else None, high=high),
        present=Array(np.bool_, ("N",)),
        raw=Array(np.float32, ("N", len(codec.prior))),
        weight=Maybe(Array(np.float32, ("N",), low=0.0)),
    )
    values = rules.read(state, dict(sizes))
    task = TaskPredictions(codec, Encoded(values["target"], values["present"]), values["raw"], values["weight"])
    try:
        with np.errstate(all="ignore"):
            task.targets  # noqa: B018  (a codec may refuse values that it never encoded)
    except MedleyError as error:
        raise as_artifact_error(error) from None
    except Exception as error:
        require(False, f"target cannot be decoded: {error!r:.200}.")
    return task


def _dtype(spec: Spec) -> Any:
    return np.int32 if spec.cardinality else np.float32
