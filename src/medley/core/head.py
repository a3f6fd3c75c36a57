"""Heads: the blocks that make predictions, each with the codec, loss and metrics of its target."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from medley.core.block import Block
from medley.core.codec import TargetCodec
from medley.core.column import TaskGuess
from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn

    from medley.core.metric import Metric


@dataclass(frozen=True)
class TargetKind:
    """A kind of target that a caller may request (`column_kinds={"stars": "ordered"}`).

    Args:
        task: the resulting task.
        cells: the kind of column as which cells are parsed.
        tasks: inferred tasks that already are of this kind, and therefore are not replaced.
        has_classes: whether the task has classes, which are then collected from the cells.
    """

    task: str
    cells: str
    tasks: tuple[str, ...]
    has_classes: bool = False


class Head(Block):
    """The last part of a network: makes predictions; has a target codec, a loss per row, and metrics.

    In the table API, a head announces its tasks (`task_kinds`, `for_task`), how a target of such a task is recognised
    (`infer_task`), and the names by which a caller may request it (`target_kinds`).
    """

    task_kinds: ClassVar[tuple[str, ...]] = ()
    """The tasks that the head performs in the table API."""

    task_rank: ClassVar[float] = 50.0
    """Order in which heads examine a target, the lowest first; the first head that recognises the target is used."""

    target_kinds: ClassVar[Mapping[str, TargetKind]] = {}
    """Values of `column_kinds` for which this head is used."""

    reads: ClassVar[str] = "plain"
    """The representation that the head reads, as in `Layer.reads`."""

    @abstractmethod
    def codec(self) -> TargetCodec:
        """Returns a new codec for this head's target."""

    @abstractmethod
    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """Builds the module: (B, *spec.shape) -> raw outputs (B, K); in training, of an ensemble, (B, E, K).

        Args:
            spec: of the node that the head reads.
            target: the fitted target codec.
        """

    @abstractmethod
    def loss_function(self, target: TargetCodec) -> Any:
        """Returns the loss function: raw outputs (B, K), encoded targets (B, ...) -> loss per row (B,)."""

    @abstractmethod
    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """Returns the metrics by name, in the order in which they are reported."""

    def further_metrics(self) -> tuple[str, ...]:
        """Names of metrics that a report shows beside those that the caller chose."""
        return ()

    @property
    @abstractmethod
    def weight(self) -> float:
        """Factor of the head's loss."""

    @classmethod
    def infer_task(cls, target: Any) -> TaskGuess | None:
        """Infers whether a target column is a task of this head.

        Args:
            target: a `medley.tables.columns.targets.TargetProfile`.

        Returns:
            The task, with its reason and confidence; None if it is not a task of this head.
        """
        return None

    @classmethod
    def for_task(cls, task: TaskGuess, name: str) -> Self:
        """Returns the head for a task.

        Args:
            task: of a kind in `task_kinds`.
            name: of the head.
        """
        return cls(name=name)

    def target_kind(self) -> str | None:
        """The target kind that is implied if a caller passes this head for a target; None to infer it from cells."""
        return next(iter(self.target_kinds), None)
