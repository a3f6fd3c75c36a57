"""One training from a built network to its best epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from math import isfinite

import torch
from torch import Tensor

from medley.balance.balancer import Balancer
from medley.core.batch import Rows
from medley.graph.network import Network
from medley.heads.linear_skip import LinearSkip
from medley.model.records import Record
from medley.model.tasks import Task, constant_losses, measure, relative_loss, task_losses
from medley.train.best import TOGETHER, BestWeights, validation_outputs
from medley.train.calibrate import affordable_epochs
from medley.train.hooks import TrainingHooks
from medley.train.loop import train
from medley.train.plan import Training, default_batch_size, default_epochs
from medley.train.run import FitResult, TrainingRun
from medley.train.state import TrainingState
from medley.train.stepper import Stepper
from medley.train.steppers import autocast_dtype, make_stepper
from medley.train.threads import default_threads, forward_flops, threads

ADAPT_ROWS = 8_192
ADAPT_BYTES, MIN_ADAPT_ROWS = 2**24, 256  # of rows that are read from files, which grow at least fourfold as tensors
VALIDATION_BATCH = 1_024


def fit(
    network: Network,
    tasks: Sequence[Task],
    balancer: Balancer,
    plan: Training,
    rows: Rows,
    val: Rows | None,
    hooks: TrainingHooks,
    seed: int,
    state: TrainingState | None = None,
    stopped: str | None = None,
) -> FitResult:
    """Trains a network in place and leaves the weights of its best epoch in it.

    A Ctrl-C ends the training and keeps the best epoch so far. Before the first epoch has ended it keeps the network as
    it was, if that starts at good answers (`LinearSkip`), and is passed on otherwise.

    Args:
        network: built, on the device of the rows.
        tasks: its heads.
        balancer: several losses -> `.grad`.
        plan: resolved.
        rows: training rows.
        val: validation rows; None keeps the last epoch's weights.
        hooks: objective, callbacks, deadline.
        seed: of the order of rows, dropout and augmentation.
        state: where to continue a training that was made from the same parts; left out, it begins.
        stopped: why there is no training: the network is only measured as it starts. Left out, it is trained.

    Raises:
        ConfigError: the state was taken over another number of rows, or with another batch size.
        ArtifactError: the state was taken from another network, balancer or plan.
    """
    batch_size = plan.batch_size or default_batch_size(rows.size)
    epochs = plan.epochs or default_epochs(rows.size, batch_size)
    device = rows.device
    torch.manual_seed(seed)
    network.adapt(rows.take(_sample(rows, seed)))
    flops = forward_flops(network, rows.slice(0, batch_size)) if device.type == "cpu" else 0
    thread_count = plan.threads or (default_threads(flops) if device.type == "cpu" else None)
    precision = autocast_dtype(plan.precision, device, flops)
    stepper = make_stepper(network, tasks, balancer.to(device), plan, precision)
    weights = {task.name: weight for task, weight in zip(tasks, balancer.loss_weights, strict=True)}
    best = BestWeights(network, tasks, by_task=hooks.by_task)
    run = TrainingRun(stepper, network, rows, batch_size, hooks.deadline, seed, best)
    validation = Validation(network, tasks, weights, rows if val is None and rows.folds is not None else val, stepper)
    network.train()
    wanted, start_score = epochs, float("inf")
    with threads(thread_count) if thread_count else nullcontext():
        if hooks.deadline is not None and state is None and stopped is None:
            epochs = affordable_epochs(run, rows, validation.rows, epochs, batch_size, hooks.deadline)
        if state is None and validation.rows is not None and any(isinstance(m, LinearSkip) for m in network.modules()):
            # A network that starts at good answers may be best before its first step.
            scores = validation.scores()
            start_score = hooks.score({f"val_{name}": value for name, value in scores.items()})
            best.look(start_score, validation.losses)
    run.result.epochs, run.result.stopped = epochs, stopped
    if stopped is None:
        hooks.on_plan(epochs, wanted)
    if state is not None:
        run.restore(state)
        if run.result.records:
            last = run.result.records[-1]
            run.result.stopped = run.result.early_stop(_score(last, hooks), plan.patience)
    total = epochs * -(-rows.size // batch_size)

    def on_step() -> None:
        hooks.on_step(total)
        hooks.checkpoint(run.state)

    records = train(
        stepper,
        rows,
        tasks,
        weights,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=run.shuffle,
        validate=validation.scores,
        clock=run.clock,
        on_step=on_step,
        position=run.position,
    )
    with threads(thread_count) if thread_count else nullcontext():
        try:
            if run.result.stopped is None:
                _follow(run, records, plan, hooks, validation)
        except KeyboardInterrupt:
            if not run.result.records and not best.weights:
                raise
            run.result.stopped = "interrupted"
    if not run.result.records:
        run.result.best_score = start_score
    if best.weights:
        network.load_state_dict(best.weights[TOGETHER], strict=False)  # frozen parts have not changed
        run.result.weights = best.by_head()
    network.eval()
    return run.result


def _follow(
    run: TrainingRun, records: Iterator[Record], plan: Training, hooks: TrainingHooks, validation: Validation
) -> None:
    for record in records:
        score = _score(record, hooks)
        run.add(record, score, validation.losses)
        reason = hooks.watch(record, score)
        if not isfinite(score):  # reported before a pruner that finds the same trial hopeless
            reason = None
        run.result.stopped = reason or run.result.early_stop(score, plan.patience)
        hooks.checkpoint(run.state)
        if run.result.stopped:
            return
    run.result.stopped = "time ran out" if run.clock(0.5) >= 1 else None


def _score(record: Record, hooks: TrainingHooks) -> float:
    return hooks.score(record.flat()) if record.val else 0.0


class Validation:
    """Measures a network on rows that it was not trained on.

    Args:
        network: runs in evaluation mode.
        tasks: its heads.
        weights: head name -> factor in the total loss.
        rows: validation rows, or training rows with folds; None measures nothing.
        stepper: holds the average of the weights, where one is kept; None takes the network as it is.

    Attributes:
        losses: task name -> (E,) losses of the members, as measured last.
        relative: task name -> loss divided by that of the best constant prediction, as measured last.
    """

    def __init__(
        self,
        network: Network,
        tasks: Sequence[Task],
        weights: Mapping[str, float],
        rows: Rows | None,
        stepper: Stepper | None = None,
    ) -> None:
        self.network = network
        self.tasks = tasks
        self.weights = weights
        self.rows = rows
        self.stepper = stepper
        self.losses: dict[str, Tensor] = {}
        self.relative: dict[str, float] = {}
        self._constants = {} if rows is None else constant_losses(tasks, rows)

    def scores(self) -> dict[str, float]:
        """Name -> value: losses and metrics, and `relative_loss`."""
        if self.rows is None:
            return {}
        with nullcontext() if self.stepper is None else self.stepper.averaged():
            raw, self.losses = validation_outputs(self.network, self.tasks, self.rows, VALIDATION_BATCH)
        losses = task_losses(self.tasks, raw, self.rows)
        self.relative = {name: loss / max(self._constants[name], 1e-12) for name, loss in losses.items()}
        relative = relative_loss(losses, self._constants)
        return {**measure(self.tasks, raw, self.rows, self.weights), "relative_loss": relative}


def _sample(rows: Rows, seed: int) -> Tensor:
    """Positions of the rows that statistics are learned from before training."""
    order = torch.randperm(rows.size, generator=torch.Generator().manual_seed(seed))
    most = ADAPT_BYTES // rows.row_bytes if rows.row_bytes else ADAPT_ROWS
    return order[: max(min(most, ADAPT_ROWS), MIN_ADAPT_ROWS)]
