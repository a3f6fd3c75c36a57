"""The stepper that runs a whole training step as one compiled program."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from medley.core.batch import Batch
from medley.model.device_memory import is_out_of_memory
from medley.train.delegating import DelegatingStepper
from medley.train.eager import EagerStepper
from medley.train.stepper import StepOutput
from medley.train.whole_step import WholeStep, compile_step, is_complete, numbers_of, reason_of, tensors_of


class CompiledStepper(DelegatingStepper):
    """Runs steps as one compiled program: the same losses and updates as `EagerStepper`, up to rounding.

    The weights, the moments and everything else that a step changes are those of an eager stepper, in place. So their
    states are interchangeable, and a batch that does not have the shape of the program (the last one of an epoch, or
    one with absent inputs) is computed by the eager stepper. If a step cannot be traced or compiled, or its first run
    fails, all are.

    Dropout draws from torch's random generator, so results are reproducible, but its masks differ from the eager ones.

    Args:
        eager: of the same network.
        batch_size: number of rows of the batches that are compiled.
    """

    def __init__(self, eager: EagerStepper, batch_size: int) -> None:
        super().__init__(eager)
        self.batch_size = batch_size
        self._program: _Program | None = None

    def step(self, batch: Batch, progress: float) -> StepOutput:
        eager = self.eager
        if self.note is None and eager.pieces == 1 and batch.size == self.batch_size and is_complete(batch):
            eager.schedule(progress)
            try:
                if self._program is None:
                    self._program = _Program(eager, batch)
                raw = self._program(batch)
            except Exception as error:  # whatever the compiler does not support, eager steps do
                if self._program is not None and self._program.has_run and not is_out_of_memory(error):
                    raise
                self.note = f"steps are not compiled: {reason_of(error)}"
            else:
                self._follow()
                return StepOutput(raw)
        output = eager.step(batch, progress)
        self._follow()
        return output

    def _bind(self) -> None:
        if self._program is not None:
            self._program.bind()


class _Program:
    """The compiled step of an eager stepper, which reads and writes its tensors.

    Raises:
        Exception: the step cannot be traced or compiled.
    """

    def __init__(self, eager: EagerStepper, batch: Batch) -> None:
        self._eager = eager
        self.has_run = False
        self._step = WholeStep(eager, batch)
        self.bind()
        self._run = compile_step(self._step, self._state, self._numbers, tensors_of(batch))

    def bind(self) -> None:
        """Takes the present tensors of the eager stepper, whose optimiser may have replaced some."""
        self._state = self._step.state_of(self._eager)
        self._numbers = torch.tensor(numbers_of(self._eager), device=self._state["steps"].device)
        self._leaves = [leaf.detach() for leaf in tree_leaves((self._state, self._numbers))]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Runs a step; returns head name -> raw outputs (B, K), detached."""
        self._eager.steps += 1
        self._numbers.copy_(torch.tensor(numbers_of(self._eager)))
        try:
            with torch.no_grad():
                outputs = self._run(*self._leaves, *tree_leaves(tensors_of(batch)))
        except Exception:  # tensors are changed at the end of the program only
            self._eager.steps -= 1
            raise
        self.has_run = True
        return dict(zip(self._step.heads, outputs, strict=True))
