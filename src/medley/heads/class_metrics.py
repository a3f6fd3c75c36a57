"""Metrics of classes and of label sets. What is a mean over rows works on tensors, the rest on arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.heads.classes import ClassCodec
from medley.heads.label_sets import LabelSetCodec
from medley.heads.ordered_classes import OrderedCodec

if TYPE_CHECKING:
    from torch import Tensor

Labelled = ClassCodec | LabelSetCodec
Counted = Labelled | OrderedCodec


class Accuracy(RowMetric):
    """Share of rows that are right; for label sets, of observed cells in a row.

    >>> import torch
    >>> metric = Accuracy(ClassCodec().fit(["a", "b", "c"]))
    >>> metric.rows(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([1]))
    tensor([1.])
    """

    def __init__(self, codec: Labelled) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,) of 0 and 1, or shares."""
        if isinstance(self.codec, LabelSetCodec):
            known = target >= 0
            return (((raw > 0) == (target > 0)) & known).sum(dim=1) / known.sum(dim=1)
        if self.codec.binary:
            return ((raw > 0) == (target > 0)).squeeze(1).float()
        return (raw.argmax(dim=1) == target).float()


class ExactMatch(RowMetric):
    """Share of rows of which all observed labels are right."""

    def __init__(self, codec: Labelled) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,) of 0 and 1."""
        if isinstance(self.codec, LabelSetCodec):
            return (((raw > 0) == (target > 0)) | (target < 0)).all(dim=1).float()
        return Accuracy(self.codec).rows(raw, target)


class TopAccuracy(RowMetric):
    """Share of rows whose class is among the `top` likeliest."""

    def __init__(self, codec: ClassCodec, top: int) -> None:
        self.codec = codec
        self.top = top

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,) of 0 and 1."""
        if self.top >= len(self.codec.labels):
            return raw.new_ones(len(raw))
        if self.codec.binary:
            return Accuracy(self.codec).rows(raw, target)
        likely = raw.topk(self.top, dim=1).indices
        return (likely == target.unsqueeze(1)).any(dim=1).float()


class CrossEntropy(RowMetric):
    """Minus the logarithm of the probability of what is true, without class weights."""

    greater_is_better = False

    def __init__(self, codec: Labelled) -> None:
        from medley.heads.losses import class_losses, label_set_losses

        plain = type(codec)().restore({**codec.state(), "weights": None})
        if isinstance(plain, LabelSetCodec):
            self.losses = label_set_losses(None, plain)
        else:
            self.losses = class_losses(None, plain)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.losses(raw.float(), target)


class BrierScore(RowMetric):
    """Squared distance of the probabilities from what is true; of the second class's alone where there are two.

    Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """

    greater_is_better = False

    def __init__(self, codec: Labelled) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        raw = raw.float()
        if isinstance(self.codec, LabelSetCodec):
            known = target >= 0
            return ((raw.sigmoid() - target).square() * known).sum(dim=1) / known.sum(dim=1)
        if self.codec.binary:
            return (raw.sigmoid() - target).square().squeeze(1)
        found = raw.softmax(dim=1)
        right = found.gather(1, target.long().unsqueeze(1)).squeeze(1)
        return found.square().sum(dim=1) - 2 * right + 1


class Ranking(SetMetric):
    """A score of how well probabilities rank rows, averaged over the classes that it exists for; NaN where none.

    Args:
        codec: fitted.
        score: a function of scikit-learn: (y_true, y_score, sample_weight=) -> number.
    """

    def __init__(self, codec: Labelled, score: Callable[..., float]) -> None:
        self.codec = codec
        self.of = score

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        true, likely = truth(self.codec, target), self.codec.probabilities(raw)
        if isinstance(self.codec, ClassCodec) and self.codec.binary:
            true, likely = true[:, 1:], likely[:, 1:]
        found = [self._one(true[:, k], likely[:, k], weight) for k in range(true.shape[1])]
        defined = [one for one in found if one is not None]
        return float(np.mean(defined)) if defined else float("nan")

    def _one(self, true: np.ndarray, likely: np.ndarray, weight: np.ndarray | None) -> float | None:
        counts = ~np.isnan(true) if weight is None else ~np.isnan(true) & (weight != 0)
        # Only where some rows have the class and some have not is there anything to rank.
        if len(np.unique(true[counts])) < 2:
            return None
        return self.of(true[counts], likely[counts], sample_weight=None if weight is None else weight[counts])


class Confusion(SetMetric):
    """Precision, recall or F1, from counts of what was found and what is true; 0 where nothing was or is.

    Args:
        codec: fitted.
        which: `"precision"`, `"recall"` or `"f1"`.
        average: `"binary"` (of the second of two classes), `"macro"`, `"micro"` or `"weighted"` over classes.
    """

    def __init__(self, codec: Labelled, which: str, average: str) -> None:
        self.codec = codec
        self.which = which
        self.average = average

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        hits, found, true = confusion(self.codec, raw, target, weight)
        if self.average == "micro":
            hits, found, true = (np.atleast_1d(one.sum()) for one in (hits, found, true))
        top, bottom = {
            "precision": (hits, found),
            "recall": (hits, true),
            "f1": (2 * hits, found + true),
        }[self.which]
        values = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
        return self._averaged(values, found, true)

    def _averaged(self, values: np.ndarray, found: np.ndarray, true: np.ndarray) -> float:
        if self.average == "binary":
            return float(values[1])
        # A class that neither occurs nor was predicted has no share in the mean; a label of a set always has.
        shares = (found + true > 0) | isinstance(self.codec, LabelSetCodec)
        shares = true if self.average == "weighted" else shares.astype(np.float64)
        return float((values * shares).sum() / shares.sum()) if shares.sum() > 0 else float("nan")


class BalancedAccuracy(SetMetric):
    """Mean over the classes that occur of the share of their rows that were found; for label sets, mean over labels."""

    def __init__(self, codec: Counted) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        if not isinstance(self.codec, LabelSetCodec):
            hits, _, true = confusion(self.codec, raw, target, weight)
            return _defined_mean(hits, true)
        mass = np.ones(len(raw)) if weight is None else weight.astype(np.float64)
        each = [_two_sided(target[:, k], raw[:, k] > 0, mass) for k in range(target.shape[1])]
        defined = [one for one in each if not np.isnan(one)]
        return float(np.mean(defined)) if defined else float("nan")


class Agreement(SetMetric):
    """A score of predicted and true classes together: Matthews' correlation, Cohen's kappa.

    Args:
        codec: fitted.
        score: a function of scikit-learn: (y_true, y_pred, sample_weight=) -> number.
    """

    def __init__(self, codec: ClassCodec, score: Callable[..., float]) -> None:
        self.codec = codec
        self.of = score

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        if len(raw) == 0:
            return float("nan")
        true = target.reshape(-1).astype(np.int64)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # one class only has no agreement to speak of: that is told by the value
            return float(self.of(true, self.codec.chosen(raw), sample_weight=weight))


def truth(codec: Counted, target: np.ndarray) -> np.ndarray:
    """Encoded targets -> (B, classes) of 0 and 1, NaN where not observed."""
    if isinstance(codec, LabelSetCodec):
        return np.where(target < 0, np.nan, target)
    return np.eye(len(codec.labels))[target.reshape(-1).astype(np.int64)]


def confusion(
    codec: Counted, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights by class (classes,): of rows rightly found, of rows found, of rows that have it."""
    true = truth(codec, target)
    found = raw > 0 if isinstance(codec, LabelSetCodec) else np.eye(true.shape[1])[codec.chosen(raw)]
    mass = np.ones(len(true)) if weight is None else weight.astype(np.float64)
    found, true = np.where(np.isnan(true), 0.0, found), np.nan_to_num(true)
    return mass @ (found * true), mass @ found, mass @ true


def _two_sided(true: np.ndarray, found: np.ndarray, mass: np.ndarray) -> float:
    sides = [true == 0, true == 1]
    hits = np.array([mass @ (side & (found == value)) for value, side in enumerate(sides)])
    return _defined_mean(hits, np.array([mass @ side for side in sides]))


def _defined_mean(top: np.ndarray, bottom: np.ndarray) -> float:
    seen = bottom > 0
    return float((top[seen] / bottom[seen]).mean()) if seen.any() else float("nan")


def class_metric(word: str, codec: Labelled) -> Metric:
    """The metric of a canonical name (see `loss_and_metric_names.CLASS_METRICS`)."""
    rows = {"accuracy": Accuracy, "exact_match": ExactMatch, "crossentropy": CrossEntropy, "brier_score": BrierScore}
    if word in rows:
        return rows[word](codec)
    if word == "balanced_accuracy":
        return BalancedAccuracy(codec)
    name, _, average = word.partition("_")
    if name in ("precision", "recall", "f1"):
        two = isinstance(codec, ClassCodec) and codec.binary
        return Confusion(codec, name, average or ("binary" if two else "macro"))
    if isinstance(codec, ClassCodec) and name == "top":
        return TopAccuracy(codec, int(word.split("_")[1]))
    from sklearn import metrics

    if isinstance(codec, ClassCodec) and word in ("mcc", "cohen_kappa"):
        return Agreement(codec, metrics.matthews_corrcoef if word == "mcc" else metrics.cohen_kappa_score)
    return Ranking(codec, metrics.roc_auc_score if word == "auc" else metrics.average_precision_score)
