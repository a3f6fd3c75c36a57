"""Numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.codec import TargetCodec
from medley.core.column import TaskGuess
from medley.core.head import Head, TargetKind
from medley.core.metric import Metric
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import ConfigError
from medley.heads.loss_and_metric_names import (
    NUMBER_LOSSES,
    NUMBER_METRICS,
    canonical_loss,
    head_option_errors,
    loss_errors,
    metric_errors,
)
from medley.heads.numbers import NumberCodec
from medley.heads.scales import RULES, Rule

if TYPE_CHECKING:
    from torch import nn

    from medley.tables.columns.targets import TargetProfile

_MANY = 20


class RegressionHead(Head, register="heads.regression"):
    """One or several numbers per row.

    Targets are of shape (B,), (B, 1) or (B, K); they are standardised inside, column by column, and predictions and
    metrics are in the caller's unit and shape. Positive numbers with a long tail (prices, durations) are fitted on a
    logarithmic scale, where errors count in proportion; see `scale`. Whole numbers come back as floats. Missing
    numbers (None, NaN) are unobserved: a row that lacks some of its K numbers still trains the others.

    Args:
        output_dim: number of columns K; counted where unset.
        loss: `"mean_squared_error"`, `"mean_absolute_error"`, `"huber"`, `"log_cosh"` (of standardised errors; `"mse"`
            and `"mae"` do as well), or a function or torch module of outputs and targets (B, K), standardised, which
            returns one loss per row (B,).
        metrics: names, and functions (y_true, y_pred) -> number; `["mean_squared_error"]` where unset.
        dropout: dropout probability before the last layer; searched where unset.
        loss_weight: the head's factor in the sum of losses.
        scale: what numbers are fitted on, column by column: `"linear"`; `"log"`, for numbers of 0 or more (with zeros
            among them, of number + median); `"auto"` takes logarithms where all of 50 or more training numbers are
            positive, their skewness exceeds 1.5 and logarithms at least halve it. Squared errors on a logarithmic
            scale are least at the geometric mean, which lies below the mean: where sums of predictions must be right,
            take `"linear"`.

    Raises:
        ConfigError: an unknown name, a number out of its range; all are reported at once.

    >>> head = RegressionHead(metrics=["mae"], dropout=0.0)
    >>> target = head.codec().fit([[1.0, 2.0], [3.0, 5.0]])
    >>> head.build(Spec((8,), "D"), target)
    Linear(in_features=8, out_features=2, bias=True)
    """

    output_dim: int | None = None
    loss: str | Callable[..., Any] | Space = "mean_squared_error"
    metrics: Sequence[Any] | str | Callable[..., float] | None = None
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))
    loss_weight: float | Space = 1.0
    scale: str = "auto"

    reads: ClassVar[str] = "members"
    task_kinds: ClassVar[tuple[str, ...]] = ("number",)
    task_rank: ClassVar[float] = 40.0
    target_kinds: ClassVar[Mapping[str, TargetKind]] = {
        "number": TargetKind("number", "number", ("number",)),
        "vector": TargetKind("number", "vector", ("vector",)),
    }

    def check(self) -> Iterable[str]:
        """Names and ranges."""
        whole = isinstance(self.output_dim, int) and not isinstance(self.output_dim, bool)
        if self.output_dim is not None and (not whole or self.output_dim < 1):
            yield f"output_dim must be a whole number, 1 or more, got {self.output_dim!r}."
        yield from loss_errors(self.loss, NUMBER_LOSSES, "regression")
        yield from metric_errors(self.metrics, NUMBER_METRICS, "regression")
        yield from head_option_errors(self.dropout, self.loss_weight)
        if self.scale not in RULES:
            yield f"scale must be one of {', '.join(map(repr, RULES))}, got {self.scale!r}."

    def codec(self) -> NumberCodec:
        """A fresh codec for numbers."""
        return NumberCodec(
            self.output_dim, canonical_loss(self.loss, NUMBER_LOSSES, "mean_squared_error"), cast(Rule, self.scale)
        )

    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """(B, *spec.shape) -> standardised numbers (B, K)."""
        from medley.heads.readout import readout

        return readout(spec, len(target.prior), float(self.dropout or 0.0))  # type: ignore[arg-type]

    def loss_function(self, target: TargetCodec) -> Any:
        """Outputs (B, K), encoded targets -> losses (B,) in standardised units."""
        from medley.heads.losses import number_losses

        return number_losses(self.loss, _own(target))

    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """The metrics by the caller's names."""
        from medley.heads.metrics import make_metrics

        return make_metrics(self.metrics, _own(target), "mean_squared_error")

    @classmethod
    def infer_task(cls, target: TargetProfile) -> TaskGuess | None:
        """Numbers with fractions or of many values, and vectors of numbers."""
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
        confidence = 0.95 if count > _MANY else 0.7
        return target.task("number", f"its cells are {count:,} distinct whole numbers", confidence, cells="number")

    @property
    def weight(self) -> float:
        """The head's factor in the sum of losses; the default of a range that is not resolved yet."""
        given = self.loss_weight
        return float(given.default if isinstance(given, Space) else given)


def _own(target: TargetCodec) -> NumberCodec:
    if not isinstance(target, NumberCodec):
        raise ConfigError(f"RegressionHead works with the codec it makes, got a {type(target).__name__}.")
    return target
