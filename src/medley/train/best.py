"""The best weights of a training, for each task and each member of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.data.split import FOLDS
from medley.errors import ConfigError
from medley.graph.network import Network
from medley.heads.masked import member_losses
from medley.heads.members import find_vote, join_members
from medley.model.forward import compute_outputs
from medley.model.tasks import Task
from medley.nn.members import member_wise, separate_members

MAX_PARAMETERS = 2e8
"""Parameters over all tasks up to which each task's best weights are kept."""

LEAST_GAIN = 0.005
"""Relative gain of a task's loss from which on it gets weights of its own, where members share theirs: a copy of the
network costs time whenever it predicts."""

TOGETHER = ""
"""Stands for all tasks together, among their names."""


class BestWeights:
    """The best weights so far: of all tasks together, and of each task for itself.

    Where all parameters belong to the members of an ensemble, each member's are chosen for themselves: tasks, and
    members, overfit at different epochs.

    Args:
        network: is trained.
        tasks: its heads.
        by_task: whether each task has weights of its own; else all have those of the best objective.

    Attributes:
        losses: task name -> (E,) least losses so far; (1,) where members share weights. `TOGETHER` -> the objective.
    """

    def __init__(self, network: Network, tasks: Sequence[Task], *, by_task: bool = True) -> None:
        self.network = network
        self.tasks = list(tasks)
        trained = [name for name in network.trained_state() if not _is_constant(name)]
        self.is_member_wise = bool(trained) and set(trained) <= member_wise(network)
        size = sum(tensor.numel() for tensor in network.trained_state().values())
        is_useful = self.is_member_wise or len(tasks) > 1
        self.is_by_task = by_task and is_useful and size * len(tasks) <= MAX_PARAMETERS
        self.losses: dict[str, Tensor] = {}
        self.weights: dict[str, dict[str, Tensor]] = {}
        self.together: dict[str, Tensor] = {}  # losses of the tasks with the weights of the best objective

    def look(self, score: float, losses: Mapping[str, Tensor]) -> bool:
        """Keeps the network's present weights where they are better than those before.

        Args:
            score: the objective, the smaller the better.
            losses: task name -> (E,) validation losses of the members.

        Returns:
            Whether the objective is the best so far, or any task is better than ever before.
        """
        has_gain = self._keep(TOGETHER, torch.tensor([score], dtype=torch.float64), whole=True)
        if has_gain:
            self.together = {name: values.mean() for name, values in losses.items()}
        for name, values in losses.items() if self.is_by_task else ():
            has_gain |= self._keep(name, values if self.is_member_wise else values.mean().reshape(1))
        return has_gain

    def reset(self) -> None:
        """Forgets all weights: the next ones are kept whatever their losses."""
        self.losses, self.weights, self.together = {}, {}, {}

    def _keep(self, name: str, losses: Tensor, *, whole: bool = False) -> bool:
        state = self.network.trained_state()
        if name not in self.losses:
            self.losses[name] = losses.clone()
            self.weights[name] = {key: tensor.detach().clone() for key, tensor in state.items()}
            return True
        is_better = losses < self.losses[name]
        if not bool(is_better.any()):
            return False
        has_gain = bool(losses.mean() < self.losses[name].mean())
        self.losses[name] = torch.where(is_better, losses, self.losses[name])
        for key, tensor in self.weights[name].items():
            if self.is_member_wise and not whole and not _is_constant(key):
                mask = is_better.reshape(-1, *[1] * (tensor.ndim - 1))
                tensor.copy_(torch.where(mask, state[key], tensor))
            else:
                tensor.copy_(state[key])
        return has_gain

    def by_head(self) -> dict[str, dict[str, Tensor]]:
        """Task name -> its weights; the same object for tasks that are no better with weights of their own."""
        common = self.weights.get(TOGETHER, {})
        chosen = {}
        for task in self.tasks:
            own = self.losses.get(task.name)
            is_own = own is not None and (
                self.is_member_wise or float(own.mean()) < float(self.together[task.name]) * (1 - LEAST_GAIN)
            )
            chosen[task.name] = self.weights[task.name] if is_own else common
        return chosen

    def state(self) -> dict[str, Tensor]:
        """All of it as tensors by name, to be restored."""
        tensors = {f"losses/{name}": values for name, values in self.losses.items()}
        tensors |= {f"together/{name}": value for name, value in self.together.items()}
        for name, weights in self.weights.items():
            tensors |= {f"weights/{name}/{key}": tensor for key, tensor in weights.items()}
        return tensors

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """The inverse of `state`."""
        for name in (TOGETHER, *(task.name for task in self.tasks)):
            if (losses := state.get(f"losses/{name}")) is None:
                continue
            start = f"weights/{name}/"
            self.losses[name] = losses.to(device, copy=True)
            weights = {key.removeprefix(start): tensor for key, tensor in state.items() if key.startswith(start)}
            self.weights[name] = {key: tensor.to(device, copy=True) for key, tensor in weights.items()}
        for task in self.tasks:
            if (loss := state.get(f"together/{task.name}")) is not None:
                self.together[task.name] = loss.to(device, copy=True)


def validation_outputs(
    network: Network, tasks: Sequence[Task], rows: Rows, batch_size: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Outputs for rows that were not learnt from, and the losses of members.

    Args:
        network: is left as it is.
        tasks: its heads.
        rows: validation rows; or, where they have folds, training rows, of which each is computed by the members that
            leave out its fold.
        batch_size: rows per pass.

    Returns:
        Head name -> raw outputs (N, K); head name -> (E,) losses, (1,) of a network that is no ensemble.
    """
    if rows.folds is None:
        with separate_members(network):
            outputs = compute_outputs(network, rows, batch_size)
        losses = {task.name: _losses(task, outputs[task.name], rows) for task in tasks}
        return {name: join_members(network.part(name), raw) for name, raw in outputs.items()}, losses
    raw: dict[str, Tensor] = {}
    parts: dict[str, list[Tensor]] = {task.name: [] for task in tasks}
    folds = rows.folds.cpu()
    for fold in range(FOLDS):
        index = torch.nonzero(folds == fold).flatten()
        if not len(index):
            raise ConfigError(f"Each of the {FOLDS} folds needs rows, but fold {fold} has none.")
        with separate_members(network, slice(fold, None, FOLDS)):
            outputs = compute_outputs(network, rows, batch_size, index)
        here = index.to(rows.device)
        for task in tasks:
            parts[task.name].append(_losses(task, outputs[task.name], rows, here))
            output = join_members(network.part(task.name), outputs[task.name])
            raw.setdefault(task.name, output.new_zeros((rows.size, output.shape[1])))[here] = output
    # The members of each fold -> members in order: fold f is left out by f, f + FOLDS, ...
    return raw, {name: torch.stack(losses, dim=1).flatten() for name, losses in parts.items()}


def _losses(task: Task, raw: Tensor, rows: Rows, index: Tensor | None = None) -> Tensor:
    member_outputs = raw if raw.ndim == 3 else raw.unsqueeze(1)
    columns = [rows.loss_targets[task.name], rows.loss_observed[task.name], rows.weights.get(task.name)]
    target, observed, weight = (one if one is None or index is None else one[index] for one in columns)
    assert target is not None
    return member_losses(task.loss, member_outputs, target, observed, weight, None)


def _is_constant(name: str) -> bool:
    """Whether a tensor of a network's state is the same before and after training."""
    return name.startswith("prior__") or name.endswith(".voters")


def choose_voters(network: Network, tasks: Sequence[Task], rows: Rows, batch_size: int) -> dict[str, list[int]]:
    """Lets those groups of members vote on each task whose votes together have the least loss.

    A group is a round of members, one for each fold. All vote, unless one, or half of them, is clearly better.

    Args:
        network: its heads' votes are set.
        tasks: its heads.
        rows: training rows with folds.
        batch_size: rows per pass.

    Returns:
        Head name -> groups, where not all vote.
    """
    assert rows.folds is not None
    outputs: dict[str, list[Tensor]] = {}
    order: list[Tensor] = []
    folds = rows.folds.cpu()
    for fold in range(FOLDS):
        index = torch.nonzero(folds == fold).flatten()
        with separate_members(network, slice(fold, None, FOLDS)):
            for name, raw in compute_outputs(network, rows, batch_size, index).items():
                outputs.setdefault(name, []).append(raw)
        order.append(index.to(rows.device))
    index, chosen = torch.cat(order), {}
    for task in tasks:
        vote = find_vote(network.part(task.name))
        raw = torch.cat(outputs[task.name])
        if vote is None or raw.ndim < 3 or raw.shape[1] < 2:
            continue
        everyone = list(range(raw.shape[1]))
        losses = {}
        sizes = [size for size in range(1, len(everyone) + 1) if len(everyone) % size == 0]  # votes of equal weight
        for groups in (list(few) for size in sizes for few in combinations(everyone, size)):
            joint = vote.join(raw[:, groups].float())
            losses[tuple(groups)] = float(_losses(task, joint, rows, index).mean())
        best = min(losses, key=lambda groups: losses[groups])
        if losses[best] < losses[tuple(everyone)] * (1 - LEAST_GAIN):
            vote.choose(best)
            chosen[task.name] = list(best)
    return chosen
