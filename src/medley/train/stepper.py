"""What a stepper is: one step of training over one batch. The loop knows nothing else of how a step is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor

from medley.core.batch import Batch
from medley.train.state import StepperState


@dataclass
class StepOutput:
    """The result of a step, on the device; nothing waits for it before the epoch ends.

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
    """

    learning_rate: float
    pieces: int = 1
    is_restarted: bool = False

    @abstractmethod
    def step(self, batch: Batch, progress: float) -> StepOutput:
        """Runs the forward pass, balances the losses, runs the backward pass and updates the weights.

        Args:
            batch: B rows with targets.
            progress: fraction of the training that is done, for the schedule.
        """

    @abstractmethod
    def end_epoch(self) -> None:
        """Called when all rows were seen once more."""

    @abstractmethod
    def restart(self, factor: float) -> None:
        """Forgets what steps have accumulated besides the network's weights, and changes the learning rate.

        Args:
            factor: of the learning rate from now on.
        """

    def averaged(self) -> AbstractContextManager[None]:
        """Within it, the network holds the moving average of its weights, where one is kept."""
        return nullcontext()

    @abstractmethod
    def state(self) -> StepperState:
        """Copies of all that later steps depend on, apart from the random state of torch."""

    @abstractmethod
    def restore(self, state: StepperState) -> None:
        """Continues from `state()` of a stepper that was made from the same parts.

        Args:
            state: left unchanged.

        Raises:
            ArtifactError: the state belongs to another network, balancer or plan.
        """
