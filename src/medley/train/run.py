"""A running training: its results so far, and its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from time import monotonic

import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.errors import ConfigError
from medley.graph.network import Network
from medley.model.records import Record
from medley.train.best import TOGETHER, BestWeights
from medley.train.clock import Clock
from medley.train.epoch_plan import EpochPlan
from medley.train.state import (
    LoopPosition,
    TrainingState,
    copy_to_cpu,
    random_state,
    restore_random_state,
)
from medley.train.stepper import Stepper

MARGIN = 0.97
"""Fraction of the remaining time that is planned, since the speed of a machine varies."""

RECOVERY_RATE = 0.1
"""Factor of the learning rate after a loss that was not finite."""


@dataclass
class FitResult:
    """The result of a training; the network has the weights of its best epoch.

    Args:
        records: one per epoch.
        best_epoch: index of the best epoch in `records`.
        best_score: objective of the best epoch, lower is better.
        stopped: why training ended before the last epoch, or None.
        last_gain: index of the last epoch that was the best so far for the objective or for any task.
        plan: planned number of epochs, and how it grew.
        wanted: number of epochs without a time limit.
        weights: head name -> its best weights, the same object for heads that share them.
        start_score: the objective before the first step, where it was measured.
    """

    records: list[Record] = field(default_factory=list)
    best_epoch: int = -1
    best_score: float = float("inf")
    stopped: str | None = None
    last_gain: int = -1
    plan: EpochPlan = field(default_factory=EpochPlan)
    wanted: int = 0
    weights: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    start_score: float = float("inf")

    @property
    def epochs(self) -> int:
        """The planned number of epochs."""
        return self.plan.epochs

    def early_stop(self, score: float, patience: int) -> str | None:
        """The reason to stop after the last record, or None.

        Args:
            score: of the last record.
            patience: epochs without improvement after which training stops; 0 never stops.

        >>> FitResult([Record(0, 1.0, 0.1), Record(1, 1.0, 0.1)], best_epoch=0).early_stop(0.5, patience=1)
        'stopped early: no improvement for 1 epoch'
        """
        if not isfinite(score):
            return "the loss is no longer finite; a smaller learning_rate may help"
        epochs = len(self.records) - 1 - max(self.last_gain, self.best_epoch)
        if not patience or epochs < patience:
            return None
        return f"stopped early: no improvement for {epochs} epoch{'' if epochs == 1 else 's'}"


class TrainingRun:
    """A running training.

    Args:
        stepper: runs the training steps.
        network: the network in training.
        rows: training rows.
        batch_size: rows per step.
        deadline: `time.monotonic()` at which training must be over, or None.
        seed: of the order of rows.
        best: stores the best weights.

    Attributes:
        result: the epochs so far.
        position: position of the loop.
        clock: progress of the training.
        shuffle: random generator for the order of rows.
    """

    def __init__(
        self,
        stepper: Stepper,
        network: Network,
        rows: Rows,
        batch_size: int,
        deadline: float | None,
        seed: int,
        best: BestWeights,
    ) -> None:
        self.stepper = stepper
        self.network = network
        self.device = rows.device
        self.size = rows.size
        self.batch_size = batch_size
        self.result = FitResult()
        self.best = best
        self.position = LoopPosition()
        self.clock = Clock(deadline)
        self.shuffle = torch.Generator().manual_seed(seed)
        self._start = (
            {} if best.weights else copy_to_cpu(network.trained_state())
        )  # what a diverged training returns to

    def recover(self) -> None:
        """Returns to the best weights so far, or to those before the first step, with a smaller learning rate."""
        weights = self.best.weights.get(TOGETHER, self._start)
        self.network.load_state_dict(weights, strict=False)  # frozen parts have not changed
        self.stepper.restart(RECOVERY_RATE)

    def add(self, record: Record, score: float, losses: Mapping[str, Tensor]) -> None:
        """Adds an epoch, and stores the weights of the network if they are the best so far.

        Args:
            record: of the epoch.
            score: its objective.
            losses: task name -> validation losses of members (E,); empty without validation rows.
        """
        result = self.result
        result.records.append(record)
        epoch = len(result.records) - 1
        if not record.val:  # every score is 0, and the last epoch counts as the best
            self.best.reset()
        self._start = {}
        with self.stepper.averaged():
            has_gain = self.best.update(score, losses)
        if has_gain:
            result.last_gain = epoch
        if score < result.best_score or result.best_epoch < 0 or not record.val:
            result.best_epoch, result.best_score = epoch, score

    def grow(self) -> bool:
        """Raises the number of epochs if clearly more fit into the time, and returns whether it did."""
        if self.clock.deadline is None:
            return False
        seconds = max(record.seconds for record in self.result.records[-2:])
        done = len(self.result.records)
        epochs = min(done + (self.clock.deadline - monotonic()) * MARGIN / max(seconds, 1e-6), self.result.wanted)
        if not self.result.plan.can_grow(done, epochs):
            return False
        self.result.plan.grow(done, int(epochs))
        return True

    def state(self) -> TrainingState:
        """The training state: a copy on the CPU that later steps do not change."""
        return TrainingState(
            stepper=self.stepper.state(),
            position=self.position.copy(),
            records=tuple(self.result.records),
            best_epoch=self.result.best_epoch,
            best_score=self.result.best_score,
            last_gain=self.result.last_gain,
            best_weights=copy_to_cpu(self.best.state()),
            random=random_state(self.device, self.shuffle),
            elapsed=self.clock.elapsed(),
            rows=self.size,
            batch_size=self.batch_size,
            plan=EpochPlan(self.result.epochs, list(self.result.plan.growth)),
            stopped=self.result.stopped,
        )

    def restore(self, state: TrainingState) -> None:
        """Resumes a training, including the state of random generators.

        Args:
            state: is not changed.

        Raises:
            ConfigError: the state has another number of rows, or another batch size.
            ArtifactError: the state belongs to another network, balancer or plan.
        """
        if (state.rows, state.batch_size) != (self.size, self.batch_size):
            expected = f"{state.rows:,} rows with batch_size={state.batch_size}"
            received = f"{self.size:,} rows with batch_size={self.batch_size}"
            raise ConfigError(
                f"The training state has {expected}, but this training has {received}. "
                "Pass the same rows and batch size."
            )
        self.stepper.restore(state.stepper)
        self.position = state.position.copy(self.device)
        scores = state.best_epoch, state.best_score, state.stopped, state.last_gain
        plan = EpochPlan(state.plan.epochs, list(state.plan.growth))
        self.result = FitResult(list(state.records), *scores, plan, self.result.wanted)
        self.best.restore(state.best_weights, self.device)
        self.clock = Clock(self.clock.deadline, state.elapsed)
        restore_random_state(state.random, self.device, self.shuffle)
