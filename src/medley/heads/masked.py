"""The only place that averages a loss. An unobserved row adds exactly zero loss and exactly zero gradient.

To mask the losses alone is not enough: the gradient of an infinite loss is NaN even where it is multiplied by zero.
So raw outputs of rows that do not count are replaced before the loss, and their losses again after it.
Nothing here waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from medley.data.split import FOLDS

Losses = Callable[[Tensor, Tensor], Tensor]


def task_loss(
    losses: Losses,
    raw: Tensor,
    target: Tensor,
    observed: Tensor | None = None,
    weight: Tensor | None = None,
    folds: Tensor | None = None,
) -> Tensor:
    """The loss of one task over one batch.

    Args:
        losses: a head's loss per row: raw (B, K), target (B, ...) -> (B,).
        raw: (B, K), of any floating type; losses are computed in float32 or wider. Or (B, E, K) of the members of an
            ensemble: the loss of a row is the mean of theirs, not that of their mean.
        target: (B, ...), legal values also where unobserved.
        observed: (B,) bool, None where every row is.
        weight: (B,) sample weights, None where all weigh 1.

        folds: (B,) the fold of each row; a member learns nothing from the fold that it leaves out (`left_out`).

    Returns:
        (): see `masked_mean`.

    >>> square = lambda raw, target: (raw - target).square().squeeze(1)
    >>> raw, target = torch.tensor([[1.0], [torch.inf]]), torch.zeros(2, 1)
    >>> task_loss(square, raw, target, torch.tensor([True, False]))
    tensor(1.)
    """
    if folds is not None and raw.ndim == 3:
        return member_losses(losses, raw, target, observed, weight, folds).mean()
    if observed is None and weight is None:
        return row_losses(losses, raw, target).mean()
    return masked_mean(row_losses(losses, raw, target, observed, weight), observed, weight)


def row_losses(
    losses: Losses, raw: Tensor, target: Tensor, observed: Tensor | None = None, weight: Tensor | None = None
) -> Tensor:
    """Losses per row (B,), exactly zero (so is their gradient) where a row is unobserved or weighs nothing.

    Args: as in `task_loss`; the weights decide only which rows count, they are not multiplied in.
    """
    if raw.ndim == 3:  # members become rows of their own, so that no loss needs to know of them
        members = raw.shape[1]
        flags = (None if one is None else one.repeat_interleave(members) for one in (observed, weight))
        rows = row_losses(losses, raw.flatten(0, 1), target.repeat_interleave(members, dim=0), *flags)
        return rows.unflatten(0, (-1, members)).mean(dim=1)
    counts = observed
    if weight is not None:
        counts = weight != 0 if observed is None else observed & (weight != 0)
    raw = raw.float()
    if counts is None:
        return losses(raw, target)
    rows = losses(torch.where(counts.unsqueeze(1), raw, 0.0), target)
    return torch.where(counts, rows, 0.0)


def member_losses(
    losses: Losses,
    raw: Tensor,
    target: Tensor,
    observed: Tensor | None,
    weight: Tensor | None,
    folds: Tensor | None,
    *,
    held_out: bool = False,
) -> Tensor:
    """Mean losses of the members of an ensemble, each over the rows that it learns from: (E,).

    Args:
        losses: as in `task_loss`, like the next four.
        raw: (B, E, K).
        target: see there.
        observed: see there.
        weight: see there.
        folds: (B,) the fold of each row; None counts all rows for every member.
        held_out: counts the rows that a member does not learn from instead.
    """
    members = raw.shape[1]
    flags = (None if one is None else one.repeat_interleave(members) for one in (observed, weight))
    cells = row_losses(losses, raw.flatten(0, 1), target.repeat_interleave(members, dim=0), *flags)
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
    """Raw outputs (B, K) as they are, those of an ensemble's members (B, E, K) averaged: near enough for a record."""
    return raw.mean(dim=1) if raw.ndim == 3 else raw


def masked_mean(losses: Tensor, observed: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """The weighted sum of the observed losses over the number of observed rows, as Keras weighs; 0 where none is.

    Weights are not divided by their sum: a row of weight 2 counts twice in every batch, whichever rows it meets there.

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
    """The weighted mean of a metric per row; unlike a loss it is divided by the sum of weights, and NaN over nothing.

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


def known_mean(cells: Tensor, known: Tensor) -> Tensor:
    """The mean over the known cells of each row, 0 where none is: (B, K), (B, K) bool -> (B,).

    >>> known_mean(torch.tensor([[1.0, 9.0]]), torch.tensor([[True, False]]))
    tensor([1.])
    """
    return torch.where(known, cells, 0.0).sum(dim=1) / known.sum(dim=1).clamp(min=1)
