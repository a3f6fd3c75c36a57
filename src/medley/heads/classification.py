"""Classification heads for classes and sets of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from medley.core.arguments import whole_number_problems
from medley.core.codec import TargetCodec
from medley.core.column import TaskGuess
from medley.core.head import Head, TargetKind
from medley.core.metric import Metric
from medley.core.space import OneOf, Space, default_of, searched
from medley.core.spec import Spec
from medley.core.words import ClassLoss, ClassMetric
from medley.errors import ConfigError, DataError
from medley.heads.class_weights import ClassWeight, class_weight_errors
from medley.heads.classes import ClassCodec
from medley.heads.label_sets import LabelSetCodec
from medley.heads.loss_and_metric_names import (
    CLASS_LOSSES,
    CLASS_METRICS,
    ONE_LABEL_METRICS,
    as_tuple,
    canonical_loss,
    canonical_name,
    head_option_errors,
    loss_errors,
    metric_errors,
)
from medley.tables.columns.kind import kind_named

if TYPE_CHECKING:
    from torch import nn

    from medley.tables.columns.targets import TargetProfile

_MIN_ROWS = 20


class ClassificationHead(Head, register="heads.classification"):
    """Classification head for binary, multiclass and (with `multi_label=True`) multi-label targets.

    Labels may be whole numbers, strings, booleans or floats, in a list, an array or a series, of shape (B,) or (B, 1);
    or one-hot rows (B, classes). Predictions have the same type and shape. With `multi_label`, targets are a matrix
    (B, labels) of 0 and 1, or lists or sets of labels per row (predictions are lists). Missing labels (None, NaN, rows
    of NaN) are unobserved: they add no loss, and their rows still train the other heads.

    Binary targets have one logit, K classes have K logits, and label sets have one logit per label.

    Args:
        num_classes: number of classes; default: the number that occurs. If it is larger, the labels are 0 .. K-1.
        multi_label: whether a row may have several labels, or none.
        loss: default: cross-entropy. `"categorical_crossentropy"`, `"sparse_categorical_crossentropy"` and
            `"binary_crossentropy"` are names of the same loss (the sigmoid of a logit equals the softmax of 0 and that
            logit); `"focal"` gives less weight to rows that are predicted with confidence. Or a function or torch
            module of raw outputs (B, K) and targets: class indices (B,), or 0 and 1 in the shape of the outputs for two
            classes and for label sets; it returns one loss per row (B,).
        metrics: names, and functions (y_true, y_pred) -> number, of original labels; default: `["accuracy"]`.
        dropout: dropout probability before the last layer; searched if unset.
        loss_weight: the weight of the head in the sum of losses.
        class_weight: label -> weight of the loss of its rows (default: 1), or `"balanced"`: all classes have the same
            total weight. For label sets, the weight of the cells that have the label.

    Raises:
        ConfigError: a name is unknown, a number is out of range, or the loss does not support the target; all are
            reported together.

    >>> head = ClassificationHead(dropout=0.0)
    >>> target = head.codec().fit(["cat", "dog", "cow"])
    >>> head.build(Spec((8,), "D"), target)
    Linear(in_features=8, out_features=3, bias=True)
    """

    num_classes: int | None = None
    multi_label: bool = False
    loss: ClassLoss | str | Callable[..., Any] | Space | None = None
    metrics: Sequence[ClassMetric | str | Callable[..., float]] | ClassMetric | str | Callable[..., float] | None = None
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))
    loss_weight: float | Space = 1.0
    class_weight: ClassWeight = None

    reads: ClassVar[str] = "members"
    task_kinds: ClassVar[tuple[str, ...]] = ("binary", "multiclass", "multilabel")
    task_rank: ClassVar[float] = 20.0
    target_kinds: ClassVar[Mapping[str, TargetKind]] = {
        "category": TargetKind("multiclass", "category", ("binary", "multiclass"), has_classes=True),
        "boolean": TargetKind("binary", "boolean", ("binary",), has_classes=True),
        "set": TargetKind("multilabel", "set", ("multilabel",)),
    }

    def check(self) -> Iterable[str]:
        """Checks names, ranges and combinations of arguments."""
        if not isinstance(self.multi_label, bool):
            yield f"multi_label must be True or False, got {self.multi_label!r}."
        yield from whole_number_problems(self, "num_classes", at_least=1 if self.multi_label else 2)
        yield from loss_errors(self.loss, CLASS_LOSSES, "classification")
        yield from metric_errors(self.metrics, CLASS_METRICS, "classification")
        yield from head_option_errors(self.dropout, self.loss_weight)
        yield from class_weight_errors(self.class_weight)
        if self.multi_label:
            yield from self._multi_label_errors()

    def _multi_label_errors(self) -> Iterable[str]:
        for loss in self.loss.choices if isinstance(self.loss, OneOf) else (self.loss,):
            if isinstance(loss, str) and "categorical" in loss.lower():
                yield f"loss {loss!r} is for one class per row; with multi_label=True, leave it unset."
            elif callable(loss) and self.class_weight is not None:
                yield "class_weight cannot be combined with a custom loss and multi_label=True; apply it in the loss."
        for metric in as_tuple(self.metrics):
            name = canonical_name(metric, CLASS_METRICS) if isinstance(metric, str) else None
            if name is not None and (name in ONE_LABEL_METRICS or name.startswith("top_")):
                yield f"metric {metric!r} is for one class per row, not for multi_label=True."

    def codec(self) -> ClassCodec | LabelSetCodec:
        """A new codec for labels."""
        codec_class = LabelSetCodec if self.multi_label else ClassCodec
        return codec_class(self.num_classes, canonical_loss(self.loss, CLASS_LOSSES, "crossentropy"), self.class_weight)

    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """(B, *spec.shape) -> logits (B, K)."""
        from medley.heads.members import mean_sigmoid, mean_softmax
        from medley.heads.readout import readout

        codec = _check_codec(target)
        join = mean_sigmoid if isinstance(codec, LabelSetCodec) or codec.binary else mean_softmax
        return readout(spec, len(codec.prior), float(self.dropout or 0.0), join)  # type: ignore[arg-type]

    def loss_function(self, target: TargetCodec) -> Any:
        """Logits (B, K), encoded targets -> losses (B,), class weights included."""
        from medley.heads.losses import class_losses, label_set_losses

        codec = _check_codec(target)
        return (
            label_set_losses(self.loss, codec) if isinstance(codec, LabelSetCodec) else class_losses(self.loss, codec)
        )

    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """The metrics by the names that the caller used."""
        from medley.heads.metrics import make_metrics

        return make_metrics(self.metrics, _check_codec(target), "accuracy")

    def further_metrics(self) -> tuple[str, ...]:
        if self.multi_label:
            return ("accuracy", "exact_match", "f1_macro", "auc", "average_precision", "log_loss")
        return ("accuracy", "balanced_accuracy", "auc", "average_precision", "f1", "mcc", "log_loss", "brier_score")

    @classmethod
    def infer_task(cls, target: TargetProfile) -> TaskGuess | None:
        """Recognises sets of labels, two values of any type, recurring strings, and numbered classes."""
        if not target.is_plain:
            return _multilabel_task(target)
        if target.is_numeric:
            return _numeric_task(target)
        if target.profile.values.dtype.kind not in "bO" or kind_named(target.cells.kind).compared_as == "number":
            return None
        return None if kind_named(target.cells.kind).names_files else _string_task(target)

    @classmethod
    def for_task(cls, task: TaskGuess, name: str) -> Self:
        return cls(name=name, multi_label=task.kind == "multilabel")

    def target_kind(self) -> str | None:
        """Classes; for label sets, it depends on the format of the cells."""
        return None if self.multi_label else "category"

    @property
    def weight(self) -> float:
        """The weight of the head in the sum of losses; the default if it is searched."""
        return float(default_of(self.loss_weight))


def _check_codec(target: TargetCodec) -> ClassCodec | LabelSetCodec:
    if not isinstance(target, ClassCodec | LabelSetCodec):
        raise ConfigError(f"ClassificationHead needs a codec from its codec() method, got {type(target).__name__}.")
    return target


def _multilabel_task(target: TargetProfile) -> TaskGuess | None:
    cells = target.cells
    if cells.kind == "set":
        labels = _label_count(target)
        return target.task("multilabel", cells.reason, cells.confidence, outputs=labels)
    if cells.kind != "vector":
        return None
    size, numbers = int(cells.form), target.numbers
    if size < 2 or not np.isin(numbers[np.isfinite(numbers)], (0, 1)).all():
        return None
    return target.task("multilabel", f"its cells are {size} values of 0 or 1", 0.95, outputs=size)


def _label_count(target: TargetProfile) -> int:
    """The number of distinct labels in a target's sets."""
    guess = target.profile.kind_guess
    return guess.labels if guess is not None else target.cells.distinct


def _numeric_task(target: TargetProfile) -> TaskGuess | None:
    labels = target.classes
    if len(labels) == 2 and (target.is_whole or target.n_numbers >= _MIN_ROWS):
        confidence = 0.95 if target.is_whole else 0.7
        reason = f"its cells are {labels[0]!r} or {labels[1]!r}"
        return target.task("binary", reason, confidence, outputs=2, labels=labels)
    if target.numbered_classes is None or target.numbered_classes[0] != "multiclass":
        return None
    _, reason, confidence = target.numbered_classes
    return target.task("multiclass", reason, confidence, outputs=len(labels), labels=labels)


def _string_task(target: TargetProfile) -> TaskGuess:
    profile = target.profile
    distinct, present = len(profile.values), profile.n_present
    if distinct > 0.5 * present and present >= _MIN_ROWS:
        raise DataError(
            f"The target {profile.name!r} holds {distinct:,} distinct strings in {present:,} rows; free text cannot be "
            "predicted. Choose another column, or group its values into classes."
        )
    labels = tuple(sorted(profile.values.tolist(), key=str))
    if distinct == 2:
        reason = f"its cells are {labels[0]!r} or {labels[1]!r}"
        return target.task("binary", reason, 0.98, outputs=2, labels=labels)
    reason = f"{distinct:,} distinct values in {present:,} rows"
    return target.task("multiclass", reason, 0.95, outputs=distinct, labels=labels)
