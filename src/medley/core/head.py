"""Heads: what a graph predicts, with the loss and the metrics of each target."""

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
    """What a caller may say a target is (`column_kinds={"stars": "ordered"}`), and what follows.

    Args:
        task: the task it asks for.
        cells: the kind of column that its cells are parsed as.
        tasks: inferred tasks that are this kind already, and therefore stand.
        has_classes: whether the task has classes, which are then collected from the cells.
    """

    task: str
    cells: str
    tasks: tuple[str, ...]
    has_classes: bool = False


class Head(Block):
    """What goes out: the last part, its target codec, its loss per row and its metrics.

    In the table API, a head announces the tasks that it stands for (`task_kinds`, `for_task`), how a target of such a
    task is recognised (`infer_task`), and the words by which a caller may ask for it (`target_kinds`).
    """

    task_kinds: ClassVar[tuple[str, ...]] = ()
    """The tasks that the head stands for in the table API."""

    task_rank: ClassVar[float] = 50.0
    """Heads are asked in rising order whether a target is theirs; the first that recognises it gets it."""

    target_kinds: ClassVar[Mapping[str, TargetKind]] = {}
    """What callers may say in `column_kinds` of a target to get this head."""

    reads: ClassVar[str] = "plain"
    """As `Layer.reads`."""

    @abstractmethod
    def codec(self) -> TargetCodec:
        """A fresh codec for this head's targets."""

    @abstractmethod
    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """The module: (B, *spec.shape) -> raw (B, K); in training, from members of an ensemble, raw (B, E, K)."""

    @abstractmethod
    def loss_function(self, target: TargetCodec) -> Any:
        """The loss as a function: raw (B, K), encoded target (B, ...) -> loss per row (B,)."""

    @abstractmethod
    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """The metrics by name, in the order they are told."""

    @property
    @abstractmethod
    def weight(self) -> float:
        """The head's own factor on its loss."""

    @classmethod
    def infer_task(cls, target: Any) -> TaskGuess | None:
        """Says whether a target column asks for this head.

        Args:
            target: a `medley.tables.columns.targets.TargetProfile`.

        Returns:
            The task, with its reason and confidence; None where it is another head's.
        """
        return None

    @classmethod
    def for_task(cls, task: TaskGuess, name: str) -> Self:
        """The head for a task.

        Args:
            task: one of `task_kinds`.
            name: the head's.
        """
        return cls(name=name)

    def target_kind(self) -> str | None:
        """The target kind that a caller means who hands over this head; None leaves it to the cells."""
        return next(iter(self.target_kinds), None)
