"""Heads for ordered classes, such as ratings and grades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from medley.core.codec import TargetCodec
from medley.core.column import TaskGuess
from medley.core.head import Head, TargetKind
from medley.core.metric import Metric
from medley.core.space import OneOf, Space, default_of, searched
from medley.core.spec import Spec
from medley.core.words import OrderedLoss, OrderedMetric
from medley.errors import ConfigError
from medley.heads.class_weights import ClassWeight, class_weight_errors
from medley.heads.loss_and_metric_names import (
    ORDERED_LOSSES,
    ORDERED_METRICS,
    head_option_errors,
    loss_errors,
    metric_errors,
)
from medley.heads.ordered_classes import OrderedCodec

if TYPE_CHECKING:
    from torch import nn

    from medley.tables.columns.targets import TargetProfile

DEFAULT_METRICS = ("accuracy", "mean_absolute_error", "quadratic_weighted_kappa")


class OrderedHead(Head, register="heads.ordered"):
    """Classification head for ordered classes.

    Each of the K-1 logits predicts whether a row is above a class, given that it is not below it. The probabilities are
    therefore valid and sum to 1 for all logits, and neighbouring classes share what is learned. The loss is the
    cross-entropy of these probabilities. The prediction is the median class, which avoids large errors.
    Source: Shi, Cao, Raschka: Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional
    Probabilities (CORN), 2021, https://arxiv.org/abs/2111.08851.

    Labels are numbers (in their natural order), strings of numbers, an ordered pandas categorical, or, with `order`,
    any labels. Predictions have the same type. Missing labels are unobserved, as in `ClassificationHead`.

    Args:
        loss: default: cross-entropy; or a function or torch module of log-probabilities (B, K) and class indices (B,),
            like a loss for unordered classes, which returns one loss per row (B,).
        metrics: names (`"accuracy"`, `"mae"` in class steps, `"quadratic_weighted_kappa"`, `"within_one"`,
            `"balanced_accuracy"`, `"crossentropy"`), and functions (y_true, y_pred) -> number, of original labels;
            default: the first three.
        dropout: dropout probability before the last layer; searched if unset.
        loss_weight: the weight of the head in the sum of losses.
        class_weight: label -> weight of the loss of its rows (default: 1), or `"balanced"`.
        order: the labels from lowest to highest; may contain labels that do not occur.

    Raises:
        ConfigError: a name is unknown, a number is out of range; all are reported together.

    >>> head = OrderedHead(order=["low", "mid", "high"], dropout=0.0)
    >>> target = head.codec().fit(["mid", "low", "high"])
    >>> head.build(Spec((8,), "D"), target)
    Linear(in_features=8, out_features=2, bias=True)
    """

    loss: OrderedLoss | str | Callable[..., Any] | Space | None = None
    metrics: (
        Sequence[OrderedMetric | str | Callable[..., float]] | OrderedMetric | str | Callable[..., float] | None
    ) = None
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))
    loss_weight: float | Space = 1.0
    class_weight: ClassWeight = None
    order: Sequence[Any] | None = None

    reads: ClassVar[str] = "members"
    task_kinds: ClassVar[tuple[str, ...]] = ("ordered",)
    task_rank: ClassVar[float] = 10.0
    target_kinds: ClassVar[Mapping[str, TargetKind]] = {
        "ordered": TargetKind("ordered", "category", ("ordered",), has_classes=True)
    }

    def check(self) -> Iterable[str]:
        """Checks names, ranges and the order of labels."""
        yield from loss_errors(self.loss, ORDERED_LOSSES, "ordered")
        yield from metric_errors(self.metrics, ORDERED_METRICS, "ordered")
        yield from head_option_errors(self.dropout, self.loss_weight)
        yield from class_weight_errors(self.class_weight)
        if isinstance(self.order, str) or not isinstance(self.order, Sequence | None):
            yield f"order must be a list of labels from lowest to highest, got {self.order!r}."
        elif self.order is not None and (len(self.order) < 2 or len(set(self.order)) < len(self.order)):
            yield f"order must list at least 2 labels, each once, got {list(self.order)!r}."

    def codec(self) -> OrderedCodec:
        """A new codec for ordered labels."""
        return OrderedCodec(self.order, self.class_weight)

    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """(B, *spec.shape) -> logits (B, K-1)."""
        from medley.heads.members import mean_ordered
        from medley.heads.readout import readout

        return readout(spec, len(target.prior), float(self.dropout or 0.0), mean_ordered)  # type: ignore[arg-type]

    def loss_function(self, target: TargetCodec) -> Any:
        """Logits (B, K-1), class indices (B,) -> losses (B,), class weights included."""
        from medley.heads.losses import ordered_losses

        return ordered_losses(self.loss, _check_codec(target))

    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """The metrics by the names that the caller used."""
        from medley.heads.metrics import make_metrics

        return make_metrics(self.metrics, _check_codec(target), *DEFAULT_METRICS)

    def further_metrics(self) -> tuple[str, ...]:
        return (
            "accuracy",
            "within_one",
            "mean_absolute_error",
            "quadratic_weighted_kappa",
            "balanced_accuracy",
            "log_loss",
        )

    @classmethod
    def infer_task(cls, target: TargetProfile) -> TaskGuess | None:
        """Recognises ordered categoricals, and few recurring whole numbers that look like grades."""
        profile = target.profile
        if not target.is_plain:
            return None
        if str(profile.series.dtype) == "category" and profile.series.cat.ordered and len(profile.values) > 2:
            occurring = set(profile.values.tolist())
            labels = tuple(label for label in profile.series.cat.categories if label in occurring)
            reason = "its column type is an ordered categorical"
            return target.task("ordered", reason, 1.0, outputs=len(labels), labels=labels)
        if not target.is_numeric or len(target.distinct) == 2 or target.numbered_classes is None:
            return None
        kind, reason, confidence = target.numbered_classes
        if kind != "ordered":
            return None
        return target.task("ordered", reason, confidence, outputs=len(target.classes), labels=target.classes)

    @classmethod
    def for_task(cls, task: TaskGuess, name: str) -> Self:
        return cls(name=name, order=list(task.labels))

    @property
    def weight(self) -> float:
        """The weight of the head in the sum of losses; the default if it is searched."""
        return float(default_of(self.loss_weight))


def _check_codec(target: TargetCodec) -> OrderedCodec:
    if not isinstance(target, OrderedCodec):
        raise ConfigError(f"OrderedHead needs a codec from its codec() method, got {type(target).__name__}.")
    return target
