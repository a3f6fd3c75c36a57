"""The interface of steppers, which run training steps for the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor

from medley.core.batch import Batch, Rows
from medley.train.state import StepperState


@dataclass
class StepOutput:
    """The result of a step, on the device; it is read only at the end of the epoch.

    Args:
        raw: head name -> raw outputs (B, K), detached.
    """

    raw: dict[str, Tensor]


class Stepper(ABC):
    """Trains a network one batch at a time.

    Attributes:
        learning_rate: of the last step.
        pieces: in how many pieces a batch is computed, more than one where memory is short.
        is_restarted: whether `restart` was called.
        note: why steps are not computed in the way that was asked for, or None.
    """

    learning_rate: float
    pieces: int = 1
    is_restarted: bool = False
    note: str | None = None

    def take(self, rows: Rows, index: Tensor) -> Batch:
        """The batch for the next step: the rows at `index` (B,), or the part of them that this process computes."""
        return rows.take(index)

    @abstractmethod
    def step(self, batch: Batch, progress: float) -> StepOutput:
        """Runs the forward pass, balances the losses, runs the backward pass and updates the weights.

        Args:
            batch: as `take` returned it.
            progress: progress of the training from 0 to 1, for the schedule.

        Returns:
            The outputs for the batch.
        """

    @abstractmethod
    def end_epoch(self) -> None:
        """Called at the end of each epoch."""

    @abstractmethod
    def restart(self, factor: float) -> None:
        """Forgets what steps have accumulated besides the network's weights, and changes the learning rate.

        Args:
            factor: of the learning rate from now on.
        """

    def averaged(self) -> AbstractContextManager[None]:
        """Within the context, the network has the moving average of its weights, if there is one."""
        return nullcontext()

    @abstractmethod
    def state(self) -> StepperState:
        """A copy of the complete state, except that of torch's random generators."""

    @abstractmethod
    def restore(self, state: StepperState) -> None:
        """Restores the state of a stepper of the same network, balancer and plan.

        Args:
            state: as returned by `state`; is not changed.

        Raises:
            ArtifactError: the state belongs to another network, balancer or plan.
        """
