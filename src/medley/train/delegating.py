"""What steppers have in common that compute the steps of an eager stepper in another way."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager

from medley.train.eager import EagerStepper
from medley.train.state import StepperState
from medley.train.stepper import Stepper


class DelegatingStepper(Stepper):
    """A stepper that changes the tensors of an eager stepper in place, so that their states are interchangeable.

    Args:
        eager: of the same network.
    """

    def __init__(self, eager: EagerStepper) -> None:
        self.eager = eager
        self._follow()

    @abstractmethod
    def _bind(self) -> None:
        """Reads the tensors of the eager stepper again, which has replaced them."""

    def _follow(self) -> None:
        """Takes over what the loop reads."""
        self.learning_rate, self.pieces = self.eager.learning_rate, self.eager.pieces
        self.is_restarted = self.eager.is_restarted

    def end_epoch(self) -> None:
        self.eager.end_epoch()

    def restart(self, factor: float) -> None:
        self.eager.restart(factor)
        self._bind()
        self._follow()

    def averaged(self) -> AbstractContextManager[None]:
        return self.eager.averaged()

    def state(self) -> StepperState:
        return self.eager.state()

    def restore(self, state: StepperState) -> None:
        self.eager.restore(state)
        self._bind()
        self._follow()
