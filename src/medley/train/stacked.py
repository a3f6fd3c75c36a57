"""The stepper that trains several networks as one program: lanes, whose trainings differ in numbers only.

Each lane is a training of its own, with its own loop, validation, stopping and checkpoints. Only the steps of lanes
whose networks have the same structure are computed together: a whole step under `torch.func.vmap`, compiled. Their
tensors are slices of stacked ones, so that everything else reads and writes them as usual.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_leaves, tree_map

from medley.core.batch import Batch
from medley.train.delegating import DelegatingStepper
from medley.train.eager import EagerStepper
from medley.train.stepper import StepOutput
from medley.train.structure import structure_of
from medley.train.whole_step import WholeStep, compile_step, is_complete, numbers_of, reason_of, tensors_of

MIN_LIVE = 0.2
"""Fraction of the slots of a program that must be used in a step: with fewer, eager steps are faster."""


class Stack:
    """Runs trainings in lanes until each waits for a step; then computes their steps together.

    Trainings run in threads, but only one of them at a time, in the order of their keys, so that results are
    reproducible.

    Args:
        lanes: maximum number of trainings at a time.
        arrivals: called before every step; may call `add`.

    Attributes:
        note: why steps are not computed together, or None.
    """

    def __init__(self, lanes: int, arrivals: Callable[[], None] = lambda: None) -> None:
        self.lanes = lanes
        self.arrivals = arrivals
        self.note: str | None = None
        self._lanes: dict[int, Lane] = {}
        self._programs: dict[Hashable, _StackedProgram | None] = {}

    def add(self, key: int, training: Callable[[Lane], None]) -> None:
        """Adds a training, which begins in the next `run`, or in the present one.

        Args:
            key: of the training.
            training: called in a thread of its own.
        """
        self._lanes[key] = Lane(training)

    def cancel(self, key: int) -> None:
        """Lets a training end by a `KeyboardInterrupt` in its next step."""
        self._lanes[key].is_cancelled = True

    def run(self) -> list[int]:
        """Runs the trainings until some have ended; returns their keys.

        Raises:
            BaseException: that of a training.
        """
        while self._lanes:
            self.arrivals()
            lanes = [lane for _, lane in sorted(self._lanes.items())]
            try:
                for lane in lanes:
                    lane.advance()
                if ended := [key for key, lane in sorted(self._lanes.items()) if lane.is_over]:
                    for key in ended:
                        self._lanes.pop(key).leave()
                    return ended
                self._steps(lanes)
            except KeyboardInterrupt:
                for lane in lanes:
                    lane.is_cancelled = True
        return []

    def _steps(self, lanes: Sequence[Lane]) -> None:
        """Computes the steps for which all lanes wait."""
        groups: dict[Hashable, list[Lane]] = {}
        for lane in lanes:
            groups.setdefault(lane.structure, []).append(lane)
        for structure, members in groups.items():
            program = self._program(structure, members)
            for group in [[lane] for lane in members] if program is None else [members]:
                try:
                    group[0].step_alone() if program is None else program.step(group)
                except Exception as error:  # ends the trainings that it concerns, no others
                    for lane in group:
                        lane.fail(error)

    def _program(self, structure: Hashable, members: Sequence[Lane]) -> _StackedProgram | None:
        """The program of lanes of the same structure; None if they are computed one by one."""
        if structure is None or len(members) < MIN_LIVE * self.lanes:
            return None
        key = structure, _optional(members)
        if key not in self._programs:
            if len(members) == 1:
                return None
            try:
                self._programs[key] = _StackedProgram(members, self.lanes)
            except Exception as error:  # whatever the compiler does not support, eager steps do
                self._programs[key] = None
                self.note = f"trials are not trained together: {reason_of(error)}"
        return self._programs[key]


class Lane:
    """A training in its thread, which runs only within `advance`, until it asks for a step or ends.

    Args:
        training: called with the lane, from which it takes its stepper.

    Attributes:
        is_cancelled: whether its next step raises a `KeyboardInterrupt`.
        is_over: whether the training has ended.
    """

    def __init__(self, training: Callable[[Lane], None]) -> None:
        self.is_cancelled = self.is_over = False
        self._training = training
        self._stepper: StackedStepper | None = None
        self._request: tuple[Batch, float] | None = None
        self._output: StepOutput | None = None
        self._error: BaseException | None = None
        self._failure: Exception | None = None
        self._may_run, self._has_paused = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._may_run.acquire()
        try:
            self._training(self)
        except BaseException as error:  # raised again where the stack runs
            self._error = error
        self.is_over = True
        self._has_paused.release()

    def stepper(self, eager: EagerStepper, batch_size: int) -> StackedStepper:
        """The stepper of a training of the lane, instead of the one before; smaller batches are computed alone."""
        self.leave()
        self._stepper = StackedStepper(eager, self, batch_size)
        return self._stepper

    def request(self, batch: Batch, progress: float) -> StepOutput:
        """Called by the training: asks for a step, and returns its output when it has been computed."""
        self._request, self._output = (batch, progress), None
        self._has_paused.release()
        self._may_run.acquire()
        output, self._request = self._output, None
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self.is_cancelled or output is None:
            raise KeyboardInterrupt
        return output

    def advance(self) -> None:
        """Lets the training run until it asks for a step or ends, unless it waits for the output of a step.

        Raises:
            BaseException: that of the training.
        """
        if self.is_over or (self._is_waiting and not self.is_cancelled):
            return
        self._may_run.release()
        while True:
            try:
                self._has_paused.acquire()
                break
            except KeyboardInterrupt:  # the training has to pause first
                self.is_cancelled = True
        if self._error is not None:
            raise self._error

    def leave(self) -> None:
        """Gives up the slot of a program."""
        if self._stepper is not None and self._stepper.program is not None:
            self._stepper.program.release(self._stepper)

    @property
    def _is_waiting(self) -> bool:
        return self._request is not None and self._output is None and self._failure is None

    @property
    def structure(self) -> Hashable:
        """What lanes must have in common to be trained together; None to be trained alone."""
        stepper, batch, _ = self.requested
        if stepper.structure is None or stepper.eager.pieces > 1 or not is_complete(batch):
            return None
        if batch.size != stepper.batch_size:
            return None
        tensors = [*batch.inputs.values(), *batch.targets.values(), *([] if batch.folds is None else [batch.folds])]
        return stepper.structure, tuple((tensor.shape, tensor.dtype) for tensor in tensors)

    @property
    def requested(self) -> tuple[StackedStepper, Batch, float]:
        """The stepper, batch and progress of the step for which the training waits."""
        assert self._stepper is not None
        assert self._request is not None
        return self._stepper, *self._request

    def step_alone(self) -> None:
        """Computes the step for which the training waits, without the others."""
        stepper, batch, progress = self.requested
        self.finish(stepper.eager.step(batch, progress))

    def finish(self, output: StepOutput) -> None:
        """Sets the output of the step for which the training waits."""
        self._output = output

    def fail(self, error: Exception) -> None:
        """Raises an error in the training, in place of the step for which it waits."""
        self._failure = error


class StackedStepper(DelegatingStepper):
    """The stepper of a lane: asks the stack for its steps.

    Args:
        eager: of the lane's network.
        lane: of the training.
        batch_size: number of rows of the batches that are computed together.

    Attributes:
        structure: what networks must have in common to be trained together, or None.
        program: the one that holds the tensors, or None.
        slot: in the program.
        tensors: of the training, which are slices of those of the program.
    """

    def __init__(self, eager: EagerStepper, lane: Lane, batch_size: int) -> None:
        super().__init__(eager)
        self.lane = lane
        self.batch_size = batch_size
        self.structure = structure_of(eager)
        self.program: _StackedProgram | None = None
        self.slot = -1
        self.tensors: Any = None

    def step(self, batch: Batch, progress: float) -> StepOutput:
        output = self.lane.request(batch, progress)
        self._follow()
        return output

    def _bind(self) -> None:
        if self.program is not None:
            self.program.hold(self, self.slot)


class _StackedProgram:
    """The compiled step of several lanes.

    Args:
        members: lanes of the same structure, which wait for a step.
        slots: maximum number of lanes.

    Raises:
        Exception: the step cannot be traced or compiled.
    """

    def __init__(self, members: Sequence[Lane], slots: int) -> None:
        stepper, batch, _ = members[0].requested
        self._optional = _optional(members)
        self._step = WholeStep(stepper.eager, _completed(batch, self._optional))
        self._slots: list[StackedStepper | None] = [None] * slots
        self._state = tree_map(
            lambda tensor: tensor.detach().expand(slots, *tensor.shape).clone(), self._step.state_of(stepper.eager)
        )
        self._numbers = torch.zeros(slots, 4)
        self._probabilities = torch.zeros(slots, len(_dropouts(stepper.eager.network)))
        values = self._stacked_values(members, [0] * slots)
        arguments = (self._state, self._numbers, self._probabilities, values)
        self._run = compile_step(vmap(self._traced, randomness="different"), *arguments)
        self._leaves = tree_leaves(arguments[:3])

    def _traced(self, state: Any, numbers: Tensor, probabilities: Tensor, values: Any) -> list[Tensor]:
        with _dropout_of(self._step.total_loss.network, probabilities):
            return self._step(state, numbers, values)

    def step(self, members: Sequence[Lane]) -> None:
        """Computes a step of the lanes, and sets their outputs."""
        order = [0] * len(self._slots)  # slots without a lane compute those of the first, without effect
        numbers = [[0.0] * 4 for _ in self._slots]
        for index, lane in enumerate(members):
            stepper, _, progress = lane.requested
            if stepper.program is not self:
                lane.leave()
                self.hold(stepper, self._slots.index(None))
            order[stepper.slot] = index
            eager = stepper.eager
            eager.schedule(progress)
            eager.steps += 1
            numbers[stepper.slot] = numbers_of(eager)
        self._numbers.copy_(torch.tensor(numbers))
        with torch.no_grad():
            outputs = self._run(*self._leaves, *tree_leaves(self._stacked_values(members, order)))
        for lane in members:
            slot = lane.requested[0].slot
            lane.finish(StepOutput({name: raw[slot] for name, raw in zip(self._step.heads, outputs, strict=True)}))

    def _stacked_values(self, members: Sequence[Lane], order: Sequence[int]) -> Any:
        values = [tensors_of(_completed(lane.requested[1], self._optional)) for lane in members]
        return tree_map(lambda *tensors: torch.stack(tensors), *[values[index] for index in order])

    def hold(self, stepper: StackedStepper, slot: int) -> None:
        """Copies the tensors of a lane into a slot; from now on, they are slices of the stacked tensors."""
        self._slots[slot] = stepper
        stepper.program, stepper.slot = self, slot
        stepper.tensors = self._step.state_of(stepper.eager)
        for tensor, stacked in zip(tree_leaves(stepper.tensors), tree_leaves(self._state), strict=True):
            stacked[slot].copy_(tensor.detach())
            tensor.data = stacked[slot]
        self._step.count_in(stepper.eager, stepper.tensors["steps"])
        self._probabilities[slot] = torch.tensor([module.p for module in _dropouts(stepper.eager.network)])

    def release(self, stepper: StackedStepper) -> None:
        """Gives the tensors of a lane their own memory again, as another lane may take the slot."""
        for tensor in tree_leaves(stepper.tensors):
            tensor.data = tensor.data.clone()
        self._step.count_in(stepper.eager, stepper.tensors["steps"])
        self._slots[stepper.slot] = None
        stepper.program, stepper.slot = None, -1


def _optional(members: Sequence[Lane]) -> tuple[tuple[str, str], ...]:
    """The masks and weights of rows that any of the lanes has, as pairs of a field of `Batch` and a head's name."""
    batches = [lane.requested[1] for lane in members]
    masks = {("observed", name) for batch in batches for name, mask in batch.observed.items() if mask is not None}
    return tuple(sorted(masks | {("weights", name) for batch in batches for name in batch.weights}))


def _completed(batch: Batch, optional: Sequence[tuple[str, str]]) -> Batch:
    """A batch with masks and weights, as returned by `_optional`: where it has none, all rows count."""
    if not optional:
        return batch
    observed, weights = dict(batch.observed), dict(batch.weights)
    for field, name in optional:
        if field == "weights":
            weights.setdefault(name, torch.ones(batch.size))
        elif observed[name] is None:
            observed[name] = torch.ones(batch.size, dtype=torch.bool)
    return replace(batch, observed=observed, weights={name: weights[name] for name in sorted(weights)})


def _dropouts(network: nn.Module) -> list[nn.Dropout]:
    return [module for module in network.modules() if type(module) is nn.Dropout]


@contextmanager
def _dropout_of(network: nn.Module, probabilities: Tensor) -> Iterator[None]:
    """Within the context, dropout reads its probabilities (D,) from a tensor."""
    modules = _dropouts(network)
    for module, probability in zip(modules, probabilities.unbind() if modules else (), strict=True):
        vars(module)["forward"] = partial(_dropped, probability)
    try:
        yield
    finally:
        for module in modules:
            del vars(module)["forward"]


def _dropped(probability: Tensor, x: Tensor) -> Tensor:
    return torch.where(torch.rand_like(x) < probability, 0.0, x / (1 - probability))
