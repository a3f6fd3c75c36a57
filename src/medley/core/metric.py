"""Base classes of metrics; the metrics are in `medley.heads`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class Metric(ABC):
    """A measure of the quality of predictions. Metrics are subclasses of `RowMetric` or `SetMetric`."""

    greater_is_better: ClassVar[bool] = True
    """Whether greater values are better."""

    reads_decision: ClassVar[bool] = False
    """Whether only the predicted classes count, rather than their probabilities, so that thresholds change it."""


class RowMetric(Metric):
    """A mean over rows: accumulated on the device during training and validation."""

    is_likelihood: ClassVar[bool] = False
    """Whether the metric is infinite for a class without training rows, so that its rows are left out, as of a loss."""

    @abstractmethod
    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """The value for each row.

        Args:
            raw: raw outputs (B, K).
            target: encoded targets (B, ...).

        Returns:
            (B,).
        """

    def finish(self, mean: float) -> float:
        """The metric, computed from the mean over rows (its square root, for example)."""
        return mean


class SetMetric(Metric):
    """A function of all observed rows together (a ranking, a ratio of sums): computed at the end of an evaluation."""

    @abstractmethod
    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        """The metric of all rows.

        Args:
            raw: raw outputs (B, K).
            target: encoded targets (B, ...).
            weight: sample weights (B,), or None.
        """
