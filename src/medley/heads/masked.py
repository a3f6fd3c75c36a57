"""Averages losses over observed rows; unobserved rows add exactly zero loss and exactly zero gradient.

All losses are averaged here. Masking the losses is not sufficient, because the gradient of an infinite loss is NaN even
if it is multiplied by zero. So the raw outputs of masked rows are replaced before the loss, and their losses after it.
Nothing here synchronises with the device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from medley.data.split import FOLDS

LossFunction = Callable[[Tensor, Tensor], Tensor]


def task_loss(
    loss_function: LossFunction,
    raw: Tensor,
    target: Tensor,
    observed: Tensor | None = None,
    weight: Tensor | None = None,
    folds: Tensor | None = None,
) -> Tensor:
    """The loss of one task over one batch.

    Args:
        loss_function: a head's loss per row: raw (B, K), target (B, ...) -> (B,).
        raw: (B, K), of any floating type; losses are computed in float32 or wider. Or (B, E, K), the outputs of the
            members of an ensemble: the loss of a row is then the mean of the members' losses.
        target: (B, ...), with valid values where unobserved, too.
        observed: (B,) bool, None where every row is.
        weight: (B,) sample weights, None where all are 1.
        folds: (B,) the fold of each row; members are not trained on the fold that they leave out (`left_out`).

    Returns:
        (): see `masked_mean`.

    >>> square = lambda raw, target: (raw - target).square().squeeze(1)
    >>> raw, target = torch.tensor([[1.0], [torch.inf]]), torch.zeros(2, 1)
    >>> task_loss(square, raw, target, torch.tensor([True, False]))
    tensor(1.)
    """
    if folds is not None and raw.ndim == 3:
        return member_losses(loss_function, raw, target, observed, weight, folds).mean()
    if observed is None and weight is None:
        return row_losses(loss_function, raw, target).mean()
    return masked_mean(row_losses(loss_function, raw, target, observed, weight), observed, weight)


def row_losses(
    loss_function: LossFunction,
    raw: Tensor,
    target: Tensor,
    observed: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Losses per row (B,); they and their gradients are exactly zero where a row is unobserved or its weight is zero.

    Args:
        loss_function: as in `task_loss`, like the other arguments.
        raw: (B, K) or (B, E, K).
        target: (B, ...).
        observed: (B,) bool or None.
        weight: (B,) or None; only determines which rows are counted, and is not multiplied in.
    """
    if raw.ndim == 3:  # members become separate rows, so that losses need not support ensembles
        members = raw.shape[1]
        observed_and_weight = (_per_member(observed, members), _per_member(weight, members))
        rows = row_losses(
            loss_function, raw.flatten(0, 1), target.repeat_interleave(members, dim=0), *observed_and_weight
        )
        return rows.unflatten(0, (-1, members)).mean(dim=1)
    counts = observed
    if weight is not None:
        counts = weight != 0 if observed is None else observed & (weight != 0)
    raw = raw.float()
    if counts is None:
        return loss_function(raw, target)
    rows = loss_function(torch.where(counts.unsqueeze(1), raw, 0.0), target)
    return torch.where(counts, rows, 0.0)


def member_losses(
    loss_function: LossFunction,
    raw: Tensor,
    target: Tensor,
    observed: Tensor | None,
    weight: Tensor | None,
    folds: Tensor | None,
    *,
    held_out: bool = False,
) -> Tensor:
    """Mean losses of the members of an ensemble (E,), each over the rows that the member is trained on.

    Args:
        loss_function: as in `task_loss`, like the next four.
        raw: (B, E, K).
        target: (B, ...).
        observed: (B,) bool or None.
        weight: (B,) or None.
        folds: (B,) the fold of each row; None uses all rows for every member.
        held_out: use the rows that a member is not trained on instead.
    """
    members = raw.shape[1]
    observed_and_weight = (_per_member(observed, members), _per_member(weight, members))
    cells = row_losses(loss_function, raw.flatten(0, 1), target.repeat_interleave(members, dim=0), *observed_and_weight)
    cells = cells.unflatten(0, (-1, members))
    counts = torch.ones_like(cells) if observed is None else observed[:, None].expand_as(cells).to(cells.dtype)
    if folds is not None:
        counts = counts * (left_out(folds, members) == held_out).to(cells.dtype)
    if weight is not None:
        cells = cells * weight[:, None]
    return (cells * counts).sum(dim=0) / counts.sum(dim=0).clamp(min=1)


def left_out(folds: Tensor, members: int) -> Tensor:
    """Whether each row belongs to the fold that each member leaves out: (B,) -> (B, E) bool.

    Member e leaves out fold e modulo `FOLDS`.

    >>> left_out(torch.tensor([0, 4]), 6).int().tolist()
    [[1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0]]
    """
    return folds[:, None] == torch.arange(members, device=folds.device) % FOLDS


def mean_of_members(raw: Tensor) -> Tensor:
    """Raw outputs (B, K) as they are; the mean over the members of an ensemble (B, E, K), near its prediction."""
    return raw.mean(dim=1) if raw.ndim == 3 else raw


def masked_mean(losses: Tensor, observed: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """The weighted sum of the observed losses, divided by the number of observed rows, as in Keras; 0 without rows.

    It is not divided by the sum of the weights, so the weight of a row does not depend on the other rows of its batch.

    Args:
        losses: (B,), finite where unobserved (see `row_losses`).
        observed: (B,) bool or None.
        weight: (B,) or None.

    Returns:
        ().

    >>> masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([True, False]), torch.tensor([2.0, 1.0]))
    tensor(2.)
    >>> masked_mean(torch.tensor([1.0, 5.0]), torch.tensor([False, False]))
    tensor(0.)
    """
    if weight is not None:
        losses = losses * weight
    if observed is None:
        return losses.mean()
    return torch.where(observed, losses, 0.0).sum() / observed.sum().clamp(min=1)


def metric_mean(rows: Tensor, observed: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """The weighted mean of a metric per row: unlike losses, divided by the sum of the weights; NaN without rows.

    Args:
        rows: (B,), anything where unobserved.
        observed: (B,) bool or None.
        weight: (B,) or None.

    Returns:
        ().

    >>> observed = torch.tensor([True, True, False])
    >>> metric_mean(torch.tensor([1.0, 0.0, torch.nan]), observed, weight=torch.tensor([3.0, 1.0, 1.0]))
    tensor(0.7500)
    """
    if observed is None and weight is None:
        return rows.mean()
    mass = torch.ones_like(rows) if weight is None else weight
    mass = mass if observed is None else torch.where(observed, mass, 0.0)
    return torch.where(mass != 0, rows * mass, 0.0).sum() / mass.sum()


def observed_mean(cells: Tensor, observed: Tensor) -> Tensor:
    """The mean over the observed cells of each row, 0 if there are none: (B, K), (B, K) bool -> (B,).

    >>> observed_mean(torch.tensor([[1.0, 9.0]]), torch.tensor([[True, False]]))
    tensor([1.])
    """
    return torch.where(observed, cells, 0.0).sum(dim=1) / observed.sum(dim=1).clamp(min=1)


def _per_member(values: Tensor | None, members: int) -> Tensor | None:
    """Values per row (B,) -> values per row and member (B E,)."""
    return None if values is None else values.repeat_interleave(members)
