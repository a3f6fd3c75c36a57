"""Training of a network from start to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from math import inf, isfinite

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
from medley.train.distributed import DistributedStepper
from medley.train.eager import EagerStepper
from medley.train.epoch_plan import EpochPlan
from medley.train.hooks import TrainingHooks
from medley.train.loop import train
from medley.train.plan import Training, default_batch_size, default_epochs
from medley.train.ranks import Ranks
from medley.train.run import RECOVERY_RATE, FitResult, TrainingRun
from medley.train.state import TrainingState
from medley.train.stepper import Stepper
from medley.train.steppers import Work, autocast_dtype
from medley.train.threads import ForwardCount, count_forward, default_threads, threads

ADAPT_ROWS = 8_192
"""Maximum number of rows from which statistics are computed before training."""

ADAPT_BYTES, MIN_ADAPT_ROWS = 2**24, 256
"""Maximum bytes, and minimum number, of such rows if they are read from files; tensors take four times that or more."""

VALIDATION_BATCH = 1_024
"""Validation rows per batch."""

RANK_SEEDS = 1_000_003
"""Distance of the seeds of dropout of processes that train together."""


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
    *,
    is_trained: bool = False,
) -> FitResult:
    """Trains a network in place; afterwards it has the weights of its best epoch.

    Ctrl-C ends the training with the best epoch so far. Before the end of the first epoch, the weights remain as they
    were if the network starts at a linear path (`LinearSkip`); otherwise `KeyboardInterrupt` is raised.

    Args:
        network: on the device of the rows.
        tasks: its tasks.
        balancer: combines their losses.
        plan: resolved.
        rows: training rows.
        val: validation rows; None for the weights of the last epoch.
        hooks: objective, callbacks, deadline.
        seed: of the order of rows, dropout and augmentation.
        state: of an interrupted training of the same network, which is resumed; None to start.
        stopped: reason not to train: the network is only evaluated as it starts. None to train it.
        is_trained: whether the network was trained on other rows: its statistics stay as they are, and its present
            weights are the first candidates for the best ones.

    Returns:
        The records of all epochs, and the best weights of each head.

    Raises:
        ConfigError: the state has another number of rows, or another batch size.
        ArtifactError: the state belongs to another network, balancer or plan.
    """
    batch_size = plan.batch_size or default_batch_size(rows.size)
    epochs = plan.epochs or default_epochs(rows.size, batch_size)
    device = rows.device
    ranks = Ranks.current()
    if ranks is not None:
        hooks, state = ranks.hooks(hooks), ranks.state(state)
    torch.manual_seed(seed)
    if not is_trained:
        network.adapt(rows.take(_sample(rows, seed)))
    forward = count_forward(network, rows.slice(0, batch_size)) if device.type == "cpu" else ForwardCount()
    thread_count = plan.threads or (default_threads(forward.flops) if device.type == "cpu" else None)
    precision = autocast_dtype(plan.precision, device, forward.flops)
    eager = EagerStepper(network, tasks, balancer.to(device), plan, precision)
    weights = {task.name: weight for task, weight in zip(tasks, balancer.loss_weights, strict=True)}
    best = BestWeights(network, tasks, by_task=hooks.by_task)
    run = TrainingRun(eager, network, rows, batch_size, hooks.deadline, seed, best)
    validated = rows if val is None and rows.folds is not None else val
    validation = Validation(network, tasks, weights, validated, eager, ranks)
    network.train()
    run.result.plan = EpochPlan(epochs, list(plan.growth))
    run.result.wanted, run.result.stopped = epochs, stopped
    with threads(thread_count) if thread_count else nullcontext():
        # The measurement takes as many steps as there is time for, which processes cannot take together.
        if hooks.deadline is not None and state is None and stopped is None and ranks is None:
            run.result.plan.epochs = affordable_epochs(run, rows, validation.rows, epochs, batch_size, hooks.deadline)
        starts_well = is_trained or any(isinstance(module, LinearSkip) for module in network.modules())
        if state is None and validation.rows is not None and starts_well:
            # A network that starts at good outputs may be best before its first step.
            scores = {f"val_{name}": value for name, value in validation.scores().items()}
            run.result.start_score = hooks.score(scores)
            best.update(run.result.start_score, validation.losses)
    if state is not None:
        run.restore(state)
        hooks.on_resume(run.result.records)
        if run.result.records and run.result.stopped is None:
            run.result.stopped = _early_stop(run, _score(run.result.records[-1], hooks), plan)
    if stopped is None:
        hooks.on_plan(run.result.epochs, run.result.wanted)
        if state is None:
            hooks.on_start()
    steps_per_epoch = -(-rows.size // batch_size)
    is_complete = all(mask is None for mask in rows.present.values())
    work = Work(batch_size, run.result.plan.first_epochs * steps_per_epoch, forward, len(eager.parameters), is_complete)
    stepper = hooks.choose_stepper(eager, plan, work) if ranks is None else DistributedStepper(eager, ranks)
    run.stepper = stepper
    if ranks is not None and ranks.rank:
        torch.manual_seed(seed + RANK_SEEDS * ranks.rank)  # dropout of its own
    pieces, note = stepper.pieces, stepper.note

    def on_step() -> None:
        nonlocal pieces, note
        if stepper.note != note:
            note = stepper.note
            hooks.log(str(note))
        if stepper.pieces != pieces:
            pieces = stepper.pieces
            hooks.log(f"memory is short: batches of {batch_size} rows are computed in {pieces} pieces")
        hooks.on_step(run.result.epochs * steps_per_epoch)
        hooks.checkpoint(run.state)

    records = train(
        stepper,
        rows,
        tasks,
        weights,
        plan=run.result.plan,
        batch_size=batch_size,
        shuffle=run.shuffle,
        validate=validation.scores,
        clock=run.clock if ranks is None else ranks.clock(run.clock),
        on_step=on_step,
        position=run.position,
        ranks=1 if ranks is None else ranks.size,
    )
    with threads(thread_count) if thread_count else nullcontext():
        try:
            if run.result.stopped is None and run.position.epoch < run.result.epochs:
                _follow(run, records, plan, hooks, validation)
                hooks.on_end(run.state)
        except KeyboardInterrupt:
            if (not run.result.records and not best.weights) or not hooks.keeps_partial:
                raise
            run.result.stopped = "interrupted"
    if best.weights:
        if not run.result.records:
            run.result.best_score = float(best.losses[TOGETHER])
        network.load_state_dict(best.weights[TOGETHER], strict=False)  # frozen parts have not changed
        run.result.weights = best.by_head()
    network.eval()
    return run.result


def _follow(
    run: TrainingRun, records: Iterator[Record], plan: Training, hooks: TrainingHooks, validation: Validation
) -> None:
    for record in records:
        score = _score(record, hooks)
        reason = None
        if isfinite(score):
            run.add(record, score, validation.losses)
            reason = hooks.watch(record, score)
        else:
            run.result.records.append(record)
            hooks.watch(record, score)  # a pruner's answer does not count: it finds the trial hopeless as it is
            if not run.stepper.is_restarted:
                run.recover()
                hooks.log(
                    f"epoch {record.epoch}: the loss is not finite; training goes back to the best weights "
                    f"before, with {RECOVERY_RATE} of the learning rate"
                )
                hooks.checkpoint(run.state)
                continue
        run.result.stopped = reason or _early_stop(run, score, plan)
        if hooks.grows and not run.result.stopped and run.grow():
            epochs, wanted = run.result.epochs, run.result.wanted
            hooks.log(f"training is faster than was measured before it: {epochs} of {wanted} epochs fit into the time")
            hooks.on_plan(epochs, wanted)
        hooks.checkpoint(run.state)
        if run.result.stopped:
            return
    run.result.stopped = "time ran out" if run.clock(0.5) >= 1 else None


def _early_stop(run: TrainingRun, score: float, plan: Training) -> str | None:
    if not isfinite(score) and not run.stepper.is_restarted:
        return None
    return run.result.early_stop(score, plan.patience)


def _score(record: Record, hooks: TrainingHooks) -> float:
    """The objective; without validation rows 0, as long as the loss of the training rows is finite."""
    if record.val:
        return hooks.score(record.flat())
    return 0.0 if isfinite(record.train.get("loss", 0.0)) else inf


class Validation:
    """Evaluates a network on rows that it was not trained on.

    Args:
        network: runs in evaluation mode.
        tasks: its tasks.
        weights: head name -> factor in the total loss.
        rows: validation rows, or training rows with folds; None for no evaluation.
        stepper: provides the moving average of the weights, if there is one; None to evaluate the network as it is.
        ranks: processes that evaluate the same network together; None for this one alone.

    Attributes:
        outputs: task name -> raw outputs (N, K) in the last evaluation.
        losses: task name -> losses of the members (E,) in the last evaluation.
        relative: task name -> loss divided by that of the constant baseline in the last evaluation.
    """

    def __init__(
        self,
        network: Network,
        tasks: Sequence[Task],
        weights: Mapping[str, float],
        rows: Rows | None,
        stepper: Stepper | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.network = network
        self.tasks = tasks
        self.weights = weights
        self.rows = rows
        self.stepper = stepper
        self.ranks = ranks
        self.outputs: dict[str, Tensor] = {}
        self.losses: dict[str, Tensor] = {}
        self.relative: dict[str, float] = {}
        self._constants = {} if rows is None else constant_losses(tasks, rows)

    def scores(self) -> dict[str, float]:
        """Evaluates the network: name -> value of losses, metrics and `relative_loss`; empty without rows."""
        if self.rows is None:
            return {}
        with nullcontext() if self.stepper is None else self.stepper.averaged():
            arguments = self.network, self.tasks, self.rows, VALIDATION_BATCH
            self.outputs, self.losses = validation_outputs(*arguments, self.ranks)
        losses = task_losses(self.tasks, self.outputs, self.rows)
        self.relative = {name: loss / max(self._constants[name], 1e-12) for name, loss in losses.items()}
        relative = relative_loss(losses, self._constants)
        scores = {**measure(self.tasks, self.outputs, self.rows, self.weights), "relative_loss": relative}
        return scores if self.ranks is None else self._agreed(self.ranks, scores)

    def _agreed(self, ranks: Ranks, scores: dict[str, float]) -> dict[str, float]:
        # Other machines may round sums of the same outputs differently, and what is decided by them would differ.
        members = {name: losses.tolist() for name, losses in self.losses.items()}
        scores, self.relative, members = ranks.content([scores, self.relative, members])
        self.losses = {name: losses.new_tensor(members[name]) for name, losses in self.losses.items()}
        return scores


def _sample(rows: Rows, seed: int) -> Tensor:
    """Positions of the rows from which statistics are computed before training."""
    order = torch.randperm(rows.size, generator=torch.Generator().manual_seed(seed))
    max_rows = ADAPT_BYTES // rows.row_bytes if rows.row_bytes else ADAPT_ROWS
    return order[: max(min(max_rows, ADAPT_ROWS), MIN_ADAPT_ROWS)]
