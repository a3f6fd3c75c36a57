"""One training from a built network to its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import isfinite
from time import monotonic

import torch
from torch import Tensor

from medley.balance.balancer import Balancer
from medley.core.batch import Rows
from medley.graph.network import Network
from medley.model.forward import outputs
from medley.model.records import Record
from medley.model.tasks import Task, baselines, losses, measure, relative
from medley.train.loop import train
from medley.train.plan import Training, default_batch_size, default_epochs
from medley.train.stepper import EagerStepper
from medley.train.threads import default_threads, threads

ADAPT_ROWS = 8_192
ADAPT_BYTES, ADAPT_LEAST = 2**24, 256  # of rows that are read from files, as they become four times larger at least


@dataclass
class Trained:
    """How a training went; the network holds the weights of its best epoch.

    Args:
        records: one per epoch.
        best: the place of the best in `records`.
        score: its objective, the smaller the better.
        stopped: why training ended before the last epoch, or None.
    """

    records: list[Record] = field(default_factory=list)
    best: int = -1
    score: float = float("inf")
    stopped: str | None = None


@dataclass(frozen=True)
class TrainingHooks:
    """What stands around a training without being part of it.

    Args:
        score: a record's flat values -> objective to minimise.
        watch: called with every record and its score; a word of why stops the training.
        on_step: called after every step with the number of steps in all (progress).
        on_work: called as work before the training goes on, with its name, the rows done and all rows (progress).
        say: takes notes for the user.
        deadline: `time.monotonic()` at which training must be over, or None.
    """

    score: Callable[[dict[str, float]], float]
    watch: Callable[[Record, float], str | None] = lambda record, score: None
    on_step: Callable[[int], None] = lambda total: None
    on_work: Callable[[str, int, int], None] = lambda name, done, total: None
    say: Callable[[str], None] = lambda line: None
    deadline: float | None = None


def fit(
    network: Network,
    tasks: Sequence[Task],
    balancer: Balancer,
    plan: Training,
    rows: Rows,
    val: Rows | None,
    hooks: TrainingHooks,
    seed: int,
) -> Trained:
    """Trains a network in place and leaves the weights of its best epoch in it.

    Args:
        network: built, on the device of the rows.
        tasks: its heads.
        balancer: several losses -> `.grad`.
        plan: resolved.
        rows: training rows.
        val: validation rows; None keeps the last epoch's weights.
        hooks: objective, watchers, deadline.
        seed: of the order of rows, dropout and augmentation.

    A Ctrl-C ends the training and keeps the best epoch so far; before the first epoch has ended it is passed on.
    """
    batch_size = plan.batch_size or default_batch_size(rows.size)
    epochs = plan.epochs or default_epochs(rows.size, batch_size)
    device = rows.device
    torch.manual_seed(seed)
    network.adapt(rows.take(_some(rows, seed)))
    count = plan.threads
    if count is None and device.type == "cpu":
        count = default_threads(network, rows.slice(0, batch_size))
    stepper = EagerStepper(network, tasks, balancer.to(device), plan, _precision(plan.precision, device))
    weights = _told_weights(tasks, balancer)
    result = Trained()
    kept: dict[str, Tensor] = {}
    total = epochs * -(-rows.size // batch_size)
    clock = _clock(hooks.deadline)
    network.train()
    with threads(count) if count else nullcontext():
        records = train(
            stepper,
            rows,
            tasks,
            weights,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=torch.Generator().manual_seed(seed),
            validate=_validator(network, tasks, weights, val),
            clock=clock,
            on_step=lambda: hooks.on_step(total),
        )
        try:
            for record in records:
                score = hooks.score(record.flat()) if val is not None else 0.0
                _keep(result, record, score, network, kept)
                result.stopped = _stop(result, record, score, plan, hooks)
                if result.stopped:
                    break
            else:
                result.stopped = "time ran out" if clock(0.5) >= 1 else None
        except KeyboardInterrupt:
            if not result.records:
                raise
            result.stopped = "interrupted"
    if kept:
        network.load_state_dict(kept, strict=False)  # frozen parts have not changed
    network.eval()
    return result


def _keep(result: Trained, record: Record, score: float, network: Network, kept: dict[str, Tensor]) -> None:
    result.records.append(record)
    # Without validation rows every score is 0 and the last epoch counts as the best.
    if score < result.score or not kept or not record.val:
        result.best, result.score = len(result.records) - 1, score
        kept.update({name: one.detach().clone() for name, one in network.learnt().items()})


def _stop(result: Trained, record: Record, score: float, plan: Training, hooks: TrainingHooks) -> str | None:
    since = len(result.records) - 1 - result.best
    asked = hooks.watch(record, score)
    if not isfinite(score):  # told before a pruner that finds the same trial hopeless
        return "the loss is no longer finite; a smaller learning_rate may help"
    if asked:
        return asked
    return f"no better for {since} epochs" if plan.patience and since >= plan.patience else None


def _validator(
    network: Network, tasks: Sequence[Task], weights: dict[str, float], val: Rows | None
) -> Callable[[], dict[str, float]]:
    if val is None:
        return dict
    constant = baselines(tasks, val)

    def validate() -> dict[str, float]:
        raw = outputs(network, val, 1024)
        found = measure(tasks, raw, val, weights)
        return {**found, "relative_loss": relative(losses(tasks, raw, val), constant)}

    return validate


def _clock(deadline: float | None) -> Callable[[float], float]:
    if deadline is None:
        return lambda share: share
    began = monotonic()
    # Where time runs out before the steps do, the schedule follows the time, so that the last step is still small.
    # The first step is always done, however late it is: some network is better than none.
    return lambda share: max(share, (monotonic() - began) / max(deadline - began, 1e-3)) if share else 0.0


def _told_weights(tasks: Sequence[Task], balancer: Balancer) -> dict[str, float]:
    return {task.name: weight for task, weight in zip(tasks, balancer.loss_weights, strict=True)}


def _precision(word: str, device: torch.device) -> torch.dtype | None:
    if word == "auto":
        usable = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if usable else None
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(word)


def _some(rows: Rows, seed: int) -> Tensor:
    order = torch.randperm(rows.size, generator=torch.Generator().manual_seed(seed))
    most = ADAPT_BYTES // rows.row_bytes if rows.row_bytes else ADAPT_ROWS
    return order[: max(min(most, ADAPT_ROWS), ADAPT_LEAST)]
