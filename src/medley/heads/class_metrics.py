"""Metrics of classes and of label sets. Means over rows are computed on tensors, all others on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.heads.classes import ClassCodec
from medley.heads.label_sets import LabelSetCodec
from medley.heads.ordered_classes import OrderedCodec
from medley.heads.rankings import area_under_roc, average_precision, cohen_kappa, matthews_correlation

if TYPE_CHECKING:
    from torch import Tensor

ClassOrSetCodec = ClassCodec | LabelSetCodec
AnyClassCodec = ClassOrSetCodec | OrderedCodec


class Accuracy(RowMetric):
    """Fraction of correct rows; for label sets, the mean fraction of correct labels among the observed ones of a row.

    >>> import torch
    >>> metric = Accuracy(ClassCodec().fit(["a", "b", "c"]))
    >>> metric.rows(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([1]))
    tensor([1.])
    """

    reads_decision = True

    def __init__(self, codec: ClassOrSetCodec) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,) of 0 and 1, or fractions."""
        if isinstance(self.codec, LabelSetCodec):
            observed = target >= 0
            return (((raw > 0) == (target > 0)) & observed).sum(dim=1) / observed.sum(dim=1)
        if self.codec.binary:
            return ((raw > 0) == (target > 0)).squeeze(1).float()
        return (raw.argmax(dim=1) == target).float()


class ExactMatch(RowMetric):
    """Fraction of rows in which all observed labels are correct."""

    reads_decision = True

    def __init__(self, codec: ClassOrSetCodec) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,) of 0 and 1."""
        if isinstance(self.codec, LabelSetCodec):
            return (((raw > 0) == (target > 0)) | (target < 0)).all(dim=1).float()
        return Accuracy(self.codec).rows(raw, target)


class TopAccuracy(RowMetric):
    """Fraction of rows whose class is among the `top` most probable ones."""

    def __init__(self, codec: ClassCodec, top: int) -> None:
        self.codec = codec
        self.top = top

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,) of 0 and 1."""
        if self.top >= len(self.codec.labels):
            return raw.new_ones(len(raw))
        if self.codec.binary:
            return Accuracy(self.codec).rows(raw, target)
        top_classes = raw.topk(self.top, dim=1).indices
        return (top_classes == target.unsqueeze(1)).any(dim=1).float()


class CrossEntropy(RowMetric):
    """Negative log-likelihood of the true classes, without class weights."""

    greater_is_better = False
    is_likelihood = True

    def __init__(self, codec: ClassOrSetCodec) -> None:
        from medley.heads.losses import class_losses, label_set_losses

        unweighted = type(codec)().restore({**codec.state(), "weights": None})
        if isinstance(unweighted, LabelSetCodec):
            self.losses = label_set_losses(None, unweighted)
        else:
            self.losses = class_losses(None, unweighted)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.losses(raw.float(), target)


class BrierScore(RowMetric):
    """Squared distance between probabilities and true classes; for two classes, of the second class only.

    Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """

    greater_is_better = False

    def __init__(self, codec: ClassOrSetCodec) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        raw = raw.float()
        if isinstance(self.codec, LabelSetCodec):
            observed = target >= 0
            return ((raw.sigmoid() - target).square() * observed).sum(dim=1) / observed.sum(dim=1)
        if self.codec.binary:
            return (raw.sigmoid() - target).square().squeeze(1)
        probabilities = raw.softmax(dim=1)
        of_true_class = probabilities.gather(1, target.long().unsqueeze(1)).squeeze(1)
        return probabilities.square().sum(dim=1) - 2 * of_true_class + 1


class Ranking(SetMetric):
    """A ranking score of probabilities, averaged over the classes for which it is defined; NaN if there are none.

    Args:
        codec: the fitted codec.
        score: of `medley.heads.rankings`: (true, score, weight) -> number.
    """

    def __init__(self, codec: ClassOrSetCodec, score: Callable[..., float]) -> None:
        self.codec = codec
        self.function = score

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        true, probabilities = one_hot(self.codec, target), self.codec.probabilities(raw)
        if isinstance(self.codec, ClassCodec) and self.codec.binary:
            true, probabilities = true[:, 1:], probabilities[:, 1:]
        scores = [self._class_score(true[:, k], probabilities[:, k], weight) for k in range(true.shape[1])]
        defined = [score for score in scores if score is not None]
        return float(np.mean(defined)) if defined else float("nan")

    def _class_score(self, true: np.ndarray, probabilities: np.ndarray, weight: np.ndarray | None) -> float | None:
        used = ~np.isnan(true) if weight is None else ~np.isnan(true) & (weight != 0)
        # A ranking is defined only if some rows have the class and some have not.
        if len(np.unique(true[used])) < 2:
            return None
        return self.function(true[used], probabilities[used], None if weight is None else weight[used])


class Confusion(SetMetric):
    """Precision, recall or F1; 0 for classes without predictions or without true rows.

    Args:
        codec: the fitted codec.
        which: `"precision"`, `"recall"` or `"f1"`.
        average: `"binary"` (the second of two classes), `"macro"`, `"micro"` or `"weighted"` over classes.
    """

    reads_decision = True

    def __init__(self, codec: ClassOrSetCodec, which: str, average: str) -> None:
        self.codec = codec
        self.which = which
        self.average = average

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        hits, predicted, true = confusion(self.codec, raw, target, weight)
        if self.average == "micro":
            hits, predicted, true = (np.atleast_1d(counts.sum()) for counts in (hits, predicted, true))
        numerator, denominator = {
            "precision": (hits, predicted),
            "recall": (hits, true),
            "f1": (2 * hits, predicted + true),
        }[self.which]
        values = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
        return self._average(values, predicted, true)

    def _average(self, values: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> float:
        if self.average == "binary":
            return float(values[1])
        # A class that neither occurs nor was predicted is left out of the mean; a label of a set never is.
        is_counted = (predicted + true > 0) | isinstance(self.codec, LabelSetCodec)
        weights = true if self.average == "weighted" else is_counted.astype(np.float64)
        return float((values * weights).sum() / weights.sum()) if weights.sum() > 0 else float("nan")


class BalancedAccuracy(SetMetric):
    """Mean recall over the classes that occur; for label sets, the mean balanced accuracy over labels."""

    reads_decision = True

    def __init__(self, codec: AnyClassCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        if not isinstance(self.codec, LabelSetCodec):
            hits, _, true = confusion(self.codec, raw, target, weight)
            return _defined_mean(hits, true)
        weights = np.ones(len(raw)) if weight is None else weight.astype(np.float64)
        scores = [_binary_balanced(target[:, k], raw[:, k] > 0, weights) for k in range(target.shape[1])]
        defined = [score for score in scores if not np.isnan(score)]
        return float(np.mean(defined)) if defined else float("nan")


class Agreement(SetMetric):
    """A score of the agreement of predicted and true classes: Matthews correlation, Cohen's kappa.

    Args:
        codec: the fitted codec.
        score: of `medley.heads.rankings`: (true, predicted, weight) -> number.
    """

    reads_decision = True

    def __init__(self, codec: ClassCodec, score: Callable[..., float]) -> None:
        self.codec = codec
        self.function = score

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        if len(raw) == 0:
            return float("nan")
        true = target.reshape(-1).astype(np.int64)
        return self.function(true, self.codec.predicted_indices(raw), weight)


def one_hot(codec: AnyClassCodec, target: np.ndarray) -> np.ndarray:
    """Encoded targets -> (B, classes) of 0 and 1, NaN where not observed."""
    if isinstance(codec, LabelSetCodec):
        return np.where(target < 0, np.nan, target)
    return np.eye(len(codec.labels))[target.reshape(-1).astype(np.int64)]


def confusion(
    codec: AnyClassCodec, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted counts by class (classes,): true positives, predicted rows, true rows."""
    true = one_hot(codec, target)
    predicted = raw > 0 if isinstance(codec, LabelSetCodec) else np.eye(true.shape[1])[codec.predicted_indices(raw)]
    weights = np.ones(len(true)) if weight is None else weight.astype(np.float64)
    predicted, true = np.where(np.isnan(true), 0.0, predicted), np.nan_to_num(true)
    return weights @ (predicted * true), weights @ predicted, weights @ true


def _binary_balanced(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> float:
    masks = [true == 0, true == 1]
    hits = np.array([weights @ (mask & (predicted == value)) for value, mask in enumerate(masks)])
    return _defined_mean(hits, np.array([weights @ mask for mask in masks]))


def _defined_mean(numerator: np.ndarray, denominator: np.ndarray) -> float:
    defined = denominator > 0
    return float((numerator[defined] / denominator[defined]).mean()) if defined.any() else float("nan")


def class_metric(canonical: str, codec: ClassOrSetCodec) -> Metric:
    """The metric of a canonical name (see `loss_and_metric_names.CLASS_METRICS`)."""
    rows = {"accuracy": Accuracy, "exact_match": ExactMatch, "crossentropy": CrossEntropy, "brier_score": BrierScore}
    if canonical in rows:
        return rows[canonical](codec)
    if canonical == "balanced_accuracy":
        return BalancedAccuracy(codec)
    name, _, average = canonical.partition("_")
    if name in ("precision", "recall", "f1"):
        is_binary = isinstance(codec, ClassCodec) and codec.binary
        return Confusion(codec, name, average or ("binary" if is_binary else "macro"))
    if isinstance(codec, ClassCodec) and name == "top":
        return TopAccuracy(codec, int(canonical.split("_")[1]))
    if isinstance(codec, ClassCodec) and canonical in ("mcc", "cohen_kappa"):
        return Agreement(codec, matthews_correlation if canonical == "mcc" else cohen_kappa)
    return Ranking(codec, area_under_roc if canonical == "auc" else average_precision)
