"""Regression heads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.arguments import whole_number_problems
from medley.core.codec import TargetCodec
from medley.core.column import TaskGuess
from medley.core.head import Head, TargetKind
from medley.core.metric import Metric
from medley.core.space import OneOf, Space, default_of, searched
from medley.core.spec import Spec
from medley.core.words import NumberLoss, NumberMetric
from medley.errors import ConfigError
from medley.heads.loss_and_metric_names import (
    NUMBER_LOSSES,
    NUMBER_METRICS,
    QUANTILE_METRICS,
    canonical_loss,
    head_option_errors,
    loss_errors,
    metric_errors,
)
from medley.heads.numbers import NumberCodec
from medley.heads.quantiles import QuantileCodec
from medley.heads.scales import RULES, Rule

if TYPE_CHECKING:
    from torch import nn

    from medley.tables.columns.targets import TargetProfile

_MANY_VALUES = 20


class RegressionHead(Head, register="heads.regression"):
    """Regression head for one or several numeric targets.

    Targets have shape (B,), (B, 1) or (B, K). They are standardised internally, column by column; predictions and
    metrics are in the unit and shape of the targets. Positive numbers with a long tail (prices, durations) are fitted
    on a logarithmic scale, on which errors are relative; see `scale`. Predictions are floats. Missing numbers (None,
    NaN) are unobserved: a row that lacks some of its K numbers still trains the others.

    Args:
        output_dim: number of columns K; default: that of the targets.
        loss: `"mean_squared_error"` (or `"mse"`), `"mean_absolute_error"` (or `"mae"`), `"huber"`, `"log_cosh"`, of
            standardised errors; or a function or torch module of standardised outputs and targets (B, K), which returns
            one loss per row (B,).
        metrics: names, and functions (y_true, y_pred) -> number; default: `["mean_squared_error"]`.
        dropout: dropout probability before the last layer; searched if unset.
        loss_weight: the weight of the head in the sum of losses.
        quantiles: ascending probabilities such as `[0.1, 0.5, 0.9]`, to predict quantiles of one number instead of its
            mean, by the pinball loss. The prediction is the quantile closest to the median; `predict_proba` returns all
            of them (B, Q), and tables get a column for each: `price_q10`, `price_q50`, `price_q90`. They never cross.
            Metrics are those of numbers, of the prediction, and `"pinball"` (default) and `"coverage"`, the fraction of
            numbers between the lowest and the highest quantile.
        scale: the scale of each column: `"linear"`; `"log"`, for non-negative numbers (if there are zeros, the
            logarithm of number + median); `"auto"` is logarithmic if there are at least 50 training numbers, all are
            positive, their skewness exceeds 1.5, and the logarithm at least halves it. Squared errors of logarithms are
            minimised by the geometric mean, which is below the mean; after the training, predictions are corrected to
            means on validation rows, where that reduces the squared error in the unit of the targets.

    Raises:
        ConfigError: a name is unknown, a number is out of range; all are reported together.

    >>> head = RegressionHead(metrics=["mae"], dropout=0.0)
    >>> target = head.codec().fit([[1.0, 2.0], [3.0, 5.0]])
    >>> head.build(Spec((8,), "D"), target)
    Linear(in_features=8, out_features=2, bias=True)
    """

    output_dim: int | None = None
    loss: NumberLoss | str | Callable[..., Any] | Space = "mean_squared_error"
    metrics: Sequence[NumberMetric | str | Callable[..., float]] | NumberMetric | str | Callable[..., float] | None = (
        None
    )
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))
    loss_weight: float | Space = 1.0
    scale: str = "auto"
    quantiles: Sequence[float] | None = None

    reads: ClassVar[str] = "members"
    task_kinds: ClassVar[tuple[str, ...]] = ("number",)
    task_rank: ClassVar[float] = 40.0
    target_kinds: ClassVar[Mapping[str, TargetKind]] = {
        "number": TargetKind("number", "number", ("number",)),
        "vector": TargetKind("number", "vector", ("vector",)),
    }

    def check(self) -> Iterable[str]:
        """Checks names and ranges."""
        yield from whole_number_problems(self, "output_dim")
        yield from loss_errors(self.loss, NUMBER_LOSSES, "regression")
        names = NUMBER_METRICS if self.quantiles is None else QUANTILE_METRICS
        yield from metric_errors(self.metrics, names, "regression")
        if self.quantiles is not None:
            yield from _quantile_errors(self.quantiles)
            if self.loss != "mean_squared_error" or self.output_dim not in (None, 1):
                yield "quantiles cannot be combined with another loss, or with several columns (output_dim)."
        yield from head_option_errors(self.dropout, self.loss_weight)
        if self.scale not in RULES:
            yield f"scale must be one of {', '.join(map(repr, RULES))}, got {self.scale!r}."

    def codec(self) -> NumberCodec | QuantileCodec:
        """A new codec for numbers."""
        if self.quantiles is not None:
            return QuantileCodec(self.quantiles, cast(Rule, self.scale))
        loss = canonical_loss(self.loss, NUMBER_LOSSES, "mean_squared_error")
        predicts_mean = isinstance(self.loss, str)  # what a function estimates is not known
        return NumberCodec(self.output_dim, loss, cast(Rule, self.scale), predicts_mean=predicts_mean)

    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """(B, *spec.shape) -> standardised numbers (B, K), or quantiles (B, Q)."""
        from medley.heads.readout import readout

        return readout(spec, len(target.prior), float(self.dropout or 0.0))  # type: ignore[arg-type]

    def loss_function(self, target: TargetCodec) -> Any:
        """Outputs (B, K), encoded targets -> losses (B,) in standardised units."""
        from medley.heads.losses import number_losses
        from medley.heads.quantile_metrics import pinball_losses

        codec = _check_codec(target)
        return pinball_losses(codec) if isinstance(codec, QuantileCodec) else number_losses(self.loss, codec)

    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """The metrics by the names that the caller used."""
        from medley.heads.metrics import make_metrics

        default = "mean_squared_error" if self.quantiles is None else "pinball"
        return make_metrics(self.metrics, _check_codec(target), default)

    def further_metrics(self) -> tuple[str, ...]:
        names = ("r2", "mean_absolute_error", "root_mean_squared_error", "pearson")
        return names if self.quantiles is None else ("pinball", "coverage", *names)

    @classmethod
    def infer_task(cls, target: TargetProfile) -> TaskGuess | None:
        """Recognises numbers with fractions or many distinct values, and vectors of numbers."""
        if not target.is_plain:
            if target.cells.kind != "vector":
                return None
            size = int(target.cells.form)
            return target.task("number", f"its cells are {size} numbers", 0.95, outputs=size)
        if not target.is_numeric:
            return None
        if not target.is_whole:
            return target.task("number", "its cells are numbers with fractions", 0.98, cells="number")
        count = len(target.distinct)
        confidence = 0.95 if count > _MANY_VALUES else 0.7
        return target.task("number", f"its cells are {count:,} distinct whole numbers", confidence, cells="number")

    @property
    def weight(self) -> float:
        """The weight of the head in the sum of losses; the default if it is searched."""
        return float(default_of(self.loss_weight))


def _quantile_errors(quantiles: Any) -> Iterable[str]:
    is_list = isinstance(quantiles, list | tuple) and len(quantiles) > 0
    if not is_list or not all(isinstance(level, int | float) and 0 < level < 1 for level in quantiles):
        yield f"quantiles must be probabilities between 0 and 1, such as [0.1, 0.5, 0.9], got {quantiles!r}."
    elif sorted(set(quantiles)) != list(quantiles):
        yield f"quantiles must be ascending, got {quantiles!r}."


def _check_codec(target: TargetCodec) -> NumberCodec | QuantileCodec:
    if not isinstance(target, NumberCodec | QuantileCodec):
        raise ConfigError(f"RegressionHead needs a codec from its codec() method, got {type(target).__name__}.")
    return target
