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
from medley.train.ranks import Ranks

MAX_PARAMETERS = 2e8
"""Maximum number of parameters, over all tasks, for which the best weights of each task are stored."""

MIN_GAIN = 0.005
"""Relative improvement of a task's loss required for separate weights if members share weights: a second copy of the
network makes predictions slower."""

TOGETHER = ""
"""Key of all tasks together, beside the names of tasks."""


class BestWeights:
    """The best weights so far: for all tasks together, and for each task separately.

    If all parameters belong to members of an ensemble, the best weights of each member are chosen separately, since
    tasks and members overfit at different epochs.

    Args:
        network: the network in training.
        tasks: its tasks.
        by_task: whether each task has separate weights; else all have those of the best objective.

    Attributes:
        losses: task name -> least losses so far (E,); (1,) if members share weights. `TOGETHER` -> the objective.
        weights: task name, or `TOGETHER` -> the weights with these losses.
        joint_losses: task name -> loss with the weights of the best objective.
    """

    def __init__(self, network: Network, tasks: Sequence[Task], *, by_task: bool = True) -> None:
        self.network = network
        self.tasks = list(tasks)
        state = network.trained_state()
        trained = [name for name in state if not _is_constant(name)]
        # Members of different ensembles, such as the trunks of two stages, have no losses in common.
        is_one_ensemble = len({len(state[name]) for name in trained if state[name].ndim}) == 1
        self.is_member_wise = is_one_ensemble and set(trained) <= member_wise(network)
        size = sum(tensor.numel() for tensor in state.values())
        is_useful = self.is_member_wise or len(tasks) > 1
        self.is_by_task = by_task and is_useful and size * len(tasks) <= MAX_PARAMETERS
        self.losses: dict[str, Tensor] = {}
        self.weights: dict[str, dict[str, Tensor]] = {}
        self.joint_losses: dict[str, Tensor] = {}

    def update(self, score: float, losses: Mapping[str, Tensor]) -> bool:
        """Stores the current weights of the network where they are better than the stored ones.

        Args:
            score: the objective, lower is better.
            losses: task name -> validation losses of the members (E,).

        Returns:
            Whether the objective or the loss of any task is the best so far.
        """
        has_gain = self._update(TOGETHER, torch.tensor([score], dtype=torch.float64), whole=True)
        if has_gain:
            self.joint_losses = {name: values.mean() for name, values in losses.items()}
        for name, values in losses.items() if self.is_by_task else ():
            has_gain |= self._update(name, values if self.is_member_wise else values.mean().reshape(1))
        return has_gain

    def reset(self) -> None:
        """Deletes all weights, so that the next ones are stored whatever their losses."""
        self.losses, self.weights, self.joint_losses = {}, {}, {}

    def _update(self, name: str, losses: Tensor, *, whole: bool = False) -> bool:
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
        """Task name -> its best weights; the same object for tasks that do not improve with separate weights."""
        common = self.weights.get(TOGETHER, {})
        chosen = {}
        for task in self.tasks:
            losses = self.losses.get(task.name)
            has_gain_alone = losses is not None and (
                self.is_member_wise or float(losses.mean()) < float(self.joint_losses[task.name]) * (1 - MIN_GAIN)
            )
            chosen[task.name] = self.weights[task.name] if has_gain_alone else common
        return chosen

    def state(self) -> dict[str, Tensor]:
        """The state as tensors by name."""
        tensors = {f"losses/{name}": values for name, values in self.losses.items()}
        tensors |= {f"together/{name}": value for name, value in self.joint_losses.items()}
        for name, weights in self.weights.items():
            tensors |= {f"weights/{name}/{key}": tensor for key, tensor in weights.items()}
        return tensors

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restores the state.

        Args:
            state: as returned by `state`.
            device: of the network.
        """
        for name in (TOGETHER, *(task.name for task in self.tasks)):
            if (losses := state.get(f"losses/{name}")) is None:
                continue
            prefix = f"weights/{name}/"
            self.losses[name] = losses.to(device, copy=True)
            weights = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
            self.weights[name] = {key: tensor.to(device, copy=True) for key, tensor in weights.items()}
        for task in self.tasks:
            if (loss := state.get(f"together/{task.name}")) is not None:
                self.joint_losses[task.name] = loss.to(device, copy=True)


def validation_outputs(
    network: Network, tasks: Sequence[Task], rows: Rows, batch_size: int, ranks: Ranks | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Outputs for validation rows, and the validation losses of members.

    Args:
        network: is not changed.
        tasks: its tasks.
        rows: validation rows; or training rows with folds, for which the outputs are out of fold: each row is computed
            by the members that leave out its fold.
        batch_size: rows per batch.
        ranks: processes that compute a part of the rows each, and get the outputs of all; None for this one alone.

    Returns:
        Head name -> raw outputs (N, K); head name -> losses (E,), or (1,) if the network is not an ensemble.

    Raises:
        ConfigError: a fold has no rows.
    """
    compute = compute_outputs if ranks is None else ranks.outputs
    if rows.folds is None:
        with separate_members(network):
            outputs = compute(network, rows, batch_size)
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
            outputs = compute(network, rows, batch_size, index)
        rows_of_fold = index.to(rows.device)
        for task in tasks:
            parts[task.name].append(_losses(task, outputs[task.name], rows, rows_of_fold))
            output = join_members(network.part(task.name), outputs[task.name])
            raw.setdefault(task.name, output.new_zeros((rows.size, output.shape[1])))[rows_of_fold] = output
    # The members of each fold -> members in order: fold f is left out by f, f + FOLDS, ...
    return raw, {name: torch.stack(losses, dim=1).flatten() for name, losses in parts.items()}


def _losses(task: Task, raw: Tensor, rows: Rows, index: Tensor | None = None) -> Tensor:
    member_outputs = raw if raw.ndim == 3 else raw.unsqueeze(1)
    columns = [rows.loss_targets[task.name], rows.loss_observed[task.name], rows.weights.get(task.name)]
    target, observed, weight = (column if column is None or index is None else column[index] for column in columns)
    assert target is not None
    return member_losses(task.loss, member_outputs, target, observed, weight, None)


def _is_constant(name: str) -> bool:
    """Whether a tensor of a network's state is not changed by training."""
    return name.startswith("prior__") or name.endswith(".voters")


def choose_voters(
    network: Network, tasks: Sequence[Task], rows: Rows, batch_size: int, ranks: Ranks | None = None
) -> dict[str, list[int]]:
    """Chooses for each task the groups of members whose averaged predictions have the least out-of-fold loss.

    A group consists of one member per fold. All groups are used, unless one, or half of them, is clearly better.

    Args:
        network: the choices are set in its heads.
        tasks: its tasks.
        rows: training rows with folds.
        batch_size: rows per batch.
        ranks: as of `validation_outputs`.

    Returns:
        Head name -> indices of groups, for heads that do not use all groups.
    """
    assert rows.folds is not None
    compute = compute_outputs if ranks is None else ranks.outputs
    outputs: dict[str, list[Tensor]] = {}
    order: list[Tensor] = []
    folds = rows.folds.cpu()
    for fold in range(FOLDS):
        index = torch.nonzero(folds == fold).flatten()
        with separate_members(network, slice(fold, None, FOLDS)):
            for name, raw in compute(network, rows, batch_size, index).items():
                outputs.setdefault(name, []).append(raw)
        order.append(index.to(rows.device))
    index, chosen = torch.cat(order), {}
    for task in tasks:
        vote = find_vote(network.part(task.name))
        raw = torch.cat(outputs[task.name])
        if vote is None or raw.ndim < 3 or raw.shape[1] < 2:
            continue
        all_groups = list(range(raw.shape[1]))
        losses = {}
        # Groups have equal weights, so their number must divide that of all groups.
        sizes = [size for size in range(1, len(all_groups) + 1) if len(all_groups) % size == 0]
        for groups in (list(subset) for size in sizes for subset in combinations(all_groups, size)):
            joint_outputs = vote.join(raw[:, groups].float())
            losses[tuple(groups)] = float(_losses(task, joint_outputs, rows, index).mean())
        best = min(losses, key=lambda groups: losses[groups])
        if losses[best] < losses[tuple(all_groups)] * (1 - MIN_GAIN):
            vote.choose(best)
            chosen[task.name] = list(best)
    return chosen
