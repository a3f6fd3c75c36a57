"""What a metric is; the metrics themselves live beside the heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class Metric(ABC):
    """A number that tells how good predictions are. Final forms are `RowMetric` and `SetMetric` subclasses."""

    greater_is_better: ClassVar[bool] = True


class RowMetric(Metric):
    """A mean over rows: accumulated as tensors, so that it costs no wait and is known for training batches too."""

    is_likelihood: ClassVar[bool] = False
    """Whether the metric is infinite for a class without training rows, so that its rows are left out, as of a loss."""

    @abstractmethod
    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """Raw outputs (B, K), encoded targets (B, ...) -> one number per row (B,)."""

    def finish(self, mean: float) -> float:
        """The metric from the mean over rows (a root, say)."""
        return mean


class SetMetric(Metric):
    """A number of all observed rows together (a ranking, a ratio of sums): computed at the end of an evaluation."""

    @abstractmethod
    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        """Raw outputs (B, K), encoded targets (B, ...), weights (B,) or None -> the number."""
