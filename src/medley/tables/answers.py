"""From raw outputs to what is returned: predictions, probabilities, intervals of numbers and sets of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from medley.core.codec import TargetCodec
from medley.errors import ConfigError, ErrorCollector
from medley.trust.conformal import ClassSets, NumberIntervals
from medley.trust.trust import Trust


class NumberInterval(NamedTuple):
    """Predicted numbers with their intervals: arrays (B,) or (B, K) in the unit of the target."""

    prediction: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ClassSet(NamedTuple):
    """Predicted classes (B,) with sets that hold the true one: (B, classes) bool, in the order of `labels`."""

    prediction: np.ndarray
    members: np.ndarray


class RowNotes(NamedTuple):
    """What is noted of rows.

    `unusual` (B,) is the fraction of training rows that are less unusual, by the distance of their embeddings; NaN
    where the model knows none. `missing` are the names of what each row lacks.
    """

    unusual: np.ndarray
    missing: list[list[str]]


@dataclass(frozen=True)
class Answers:
    """What the raw outputs of some rows say.

    Args:
        targets: head name -> fitted codec, in order.
        trust: what is known about how far predictions can be trusted.
        raw: head name -> raw outputs (B, K).
        calibrated: whether probabilities are calibrated, and numbers are corrected. Predicted classes do not depend on
            it.
    """

    targets: Mapping[str, TargetCodec]
    trust: Trust
    raw: Mapping[str, np.ndarray]
    calibrated: bool = True

    def predictions(self) -> dict[str, np.ndarray]:
        """Head name -> predictions (B,) or (B, n) in the type and unit of the target."""
        return {
            name: _of_rows(codec.decode, self._predicted(name, codec), codec) for name, codec in self.targets.items()
        }

    def probabilities(self) -> dict[str, np.ndarray]:
        """Head name -> probabilities (B, classes); for numbers, the predictions."""
        return {
            name: _of_rows(codec.probabilities, self._calibrated(name, codec), codec)
            for name, codec in self.targets.items()
        }

    def confidence(self, probabilities: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Head name -> probability (B,) of the class that is predicted, for targets with one class per row.

        Args:
            probabilities: of `probabilities`.
        """
        confidence = {}
        for name, codec in self.targets.items():
            raw = self.trust.decided(name, codec, self.raw[name])
            classes = codec.predicted_indices(raw)
            if classes is not None:
                confidence[name] = probabilities[name][np.arange(len(raw)), classes]
        return confidence

    def quantiles(self, probabilities: Mapping[str, np.ndarray]) -> dict[str, tuple[tuple[float, ...], np.ndarray]]:
        """Head name -> levels and quantiles (B, Q), for heads that predict some.

        Args:
            probabilities: of `probabilities`.
        """
        levels = {name: codec.quantiles for name, codec in self.targets.items()}
        return {name: (some, probabilities[name]) for name, some in levels.items() if some is not None}

    def intervals(self, level: float) -> dict[str, NumberInterval | ClassSet]:
        """Head name -> predictions with intervals of numbers or sets of classes; without those of sets of labels.

        Args:
            level: probability that the truth is in them.

        Raises:
            ConfigError: `level` is not between 0 and 1, or the model has too few validation rows; all are named.
        """
        check_level(level)
        errors = ErrorCollector()
        predictions = self.predictions()
        intervals: dict[str, NumberInterval | ClassSet] = {}
        for name, codec in self.targets.items():
            conformal, raw = self.trust.conformal.get(name), self.raw[name]
            with errors.collecting(ConfigError):
                if isinstance(conformal, NumberIntervals):
                    low, high = conformal.bounds(codec, raw, level, name)
                    number = predictions[name]  # corrected numbers may lie outside of narrow intervals
                    intervals[name] = NumberInterval(number, np.minimum(low, number), np.maximum(high, number))
                elif isinstance(conformal, ClassSets):
                    members = conformal.members(codec.probabilities(raw), level, name)
                    intervals[name] = ClassSet(predictions[name], members)
                elif codec.labels is None or codec.predicted_indices(raw) is not None:
                    errors.add(f"{name}: {_NOT_FITTED}")
        errors.raise_if_any(ConfigError)
        if not intervals:
            errors.add("needs a target of numbers or classes; sets of labels have no intervals.", argument="interval")
        errors.raise_if_any(ConfigError)
        return intervals

    def _predicted(self, name: str, codec: TargetCodec) -> np.ndarray:
        is_raw = codec.labels is None and not self.calibrated
        return self.raw[name] if is_raw else self.trust.decided(name, codec, self.raw[name])

    def _calibrated(self, name: str, codec: TargetCodec) -> np.ndarray:
        return self.trust.calibrated(name, codec, self.raw[name]) if self.calibrated else self.raw[name]


_NOT_FITTED = (
    "the model knows no interval: it was trained without validation rows or with fewer than 10, or by an older version "
    "of medley; train it again."
)


def check_level(level: Any) -> None:
    """Checks the probability that intervals are asked for.

    Raises:
        ConfigError: it is not a number between 0 and 1.

    >>> check_level(0.9)
    """
    is_number = isinstance(level, int | float | np.number) and not isinstance(level, bool)
    if not is_number or not 0 < float(level) < 1:
        raise ConfigError(f"must be a probability between 0 and 1, such as 0.9, got {level!r}.", argument="interval")


def _of_rows(decode: Callable[[np.ndarray], np.ndarray], raw: np.ndarray, codec: TargetCodec) -> np.ndarray:
    """Apply a codec's method to raw outputs; for no rows, return an empty array of the right shape and type."""
    return decode(raw) if len(raw) else decode(codec.prior[None])[:0]
