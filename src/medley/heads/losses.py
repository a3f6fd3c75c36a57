"""Losses by name or of a caller's own: raw outputs (B, K), encoded targets (B, ...) -> losses per row (B,)."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from math import log
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.errors import ConfigError
from medley.heads.classes import ClassCodec
from medley.heads.device_array import DeviceArray
from medley.heads.label_sets import LabelSetCodec
from medley.heads.loss_and_metric_names import CLASS_LOSSES, NUMBER_LOSSES, ORDERED_LOSSES, canonical_loss
from medley.heads.masked import Losses, known_mean
from medley.heads.numbers import NumberCodec
from medley.heads.ordered_classes import OrderedCodec

FOCUS = 2.0  # the exponent of the focal loss, as in its paper


def class_losses(loss: Any, codec: ClassCodec) -> Losses:
    """The loss of one class per row, each row times the weight of its class.

    Args:
        loss: None, a name, or a function; it sees logits (B, 1) and targets (B, 1) of 0 and 1 for two classes,
            logits (B, K) and codes (B,) int64 for more. torch's cross-entropy sees two logits for two classes.
        codec: fitted.

    Raises:
        ConfigError: a binary loss on more than two classes.

    >>> codec = ClassCodec().fit(["a", "b"])
    >>> class_losses(None, codec)(torch.zeros(2, 1), torch.tensor([[0.0], [1.0]]))
    tensor([0.6931, 0.6931])
    """
    if isinstance(loss, str) and "binary" in loss.lower() and not codec.binary:
        raise ConfigError(
            f"loss={loss!r} tells two classes apart, but this target has {len(codec.labels)}. Leave loss unset, use "
            "'categorical_crossentropy', or multi_label=True where a row may have several labels."
        )
    word = canonical_loss(loss, CLASS_LOSSES, "crossentropy")
    if codec.binary:
        rows = _own_binary(loss) if word == "custom" else _binary_focal if word == "focal" else _binary
        return _weigh_two(rows, codec.weights)
    rows = _own_classes(loss) if word == "custom" else _focal if word == "focal" else _crossentropy
    return _weigh_codes(rows, codec.weights)


def label_set_losses(loss: Any, codec: LabelSetCodec) -> Losses:
    """The loss of several labels per row: the mean over the labels that are observed in it.

    Args:
        loss: None, a name, or a function that sees logits and targets (B, K), both 0 where a cell is not observed.
        codec: fitted.

    >>> codec = LabelSetCodec().fit([[1, 0], [0, 1]])
    >>> label_set_losses(None, codec)(torch.zeros(1, 2), torch.tensor([[1.0, -1.0]]))
    tensor([0.6931])
    """
    word = canonical_loss(loss, CLASS_LOSSES, "crossentropy")
    if word == "custom":
        own = per_row_loss(loss)
        return lambda raw, target: own(torch.where(target >= 0, raw, 0.0), target.clamp(min=0.0))
    cells = _focal_cells if word == "focal" else _crossentropy_cells
    weights = None if codec.weights is None else (DeviceArray(codec.weights[0]), DeviceArray(codec.weights[1]))

    def losses(raw: Tensor, target: Tensor) -> Tensor:
        known = target >= 0
        found = cells(torch.where(known, raw, 0.0), target.clamp(min=0.0))
        if weights is not None:
            found = found * torch.where(target > 0, weights[1].on_device_of(raw), weights[0].on_device_of(raw))
        return known_mean(found, known)

    return losses


def ordered_losses(loss: Any, codec: OrderedCodec) -> Losses:
    """The loss of ordered classes, each row times the weight of its class.

    Args:
        loss: None, a name, or a function that sees logarithms of probabilities (B, K) and codes (B,) int64.
        codec: fitted.

    >>> codec = OrderedCodec().fit([1, 2, 3])
    >>> ordered_losses(None, codec)(torch.zeros(3, 2), torch.tensor([0, 1, 2]))
    tensor([0.6931, 1.3863, 1.3863])
    """
    if canonical_loss(loss, ORDERED_LOSSES, "crossentropy") != "custom":
        return _weigh_codes(ordered_crossentropy, codec.weights)
    own = per_row_loss(loss)
    return _weigh_codes(lambda raw, target: own(ordered_logarithms(raw), target.long()), codec.weights)


def ordered_logarithms(raw: Tensor) -> Tensor:
    """Logits (B, K-1) of lying above a class that was reached -> logarithms of the probabilities (B, K)."""
    ends = torch.zeros_like(raw[:, :1])
    reached = torch.cat([ends, F.logsigmoid(raw).cumsum(dim=1)], dim=1)
    return reached + torch.cat([F.logsigmoid(-raw), ends], dim=1)


def ordered_crossentropy(raw: Tensor, target: Tensor) -> Tensor:
    """Logits (B, K-1), codes (B,) -> minus the logarithm of the probability of what is true (B,)."""
    return -ordered_logarithms(raw).gather(1, target.long().unsqueeze(1)).squeeze(1)


def number_losses(loss: Any, codec: NumberCodec) -> Losses:
    """The loss of standardised numbers: the mean over the columns that are observed in a row.

    Args:
        loss: a name, or a function that sees outputs and targets (B, K), both 0 where a cell is not observed.
        codec: fitted.

    >>> number_losses("mae", NumberCodec().fit([0.0, 2.0]))(torch.zeros(1, 1), torch.tensor([[3.0]]))
    tensor([3.])
    """
    word = canonical_loss(loss, NUMBER_LOSSES, "mean_squared_error")
    width = len(codec.mean)
    own = per_row_loss(loss) if word == "custom" else None
    cells = _NUMBER_CELLS.get(word, _square)
    if width == 1:
        return own or (lambda raw, target: cells(raw, target).squeeze(1))

    def losses(raw: Tensor, target: Tensor) -> Tensor:
        known = target[:, width:] > 0
        raw, numbers = torch.where(known, raw, 0.0), target[:, :width]
        return known_mean(cells(raw, numbers), known) if own is None else own(raw, numbers)

    return losses


def _crossentropy_cells(raw: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(raw, target, reduction="none")


def _focal_cells(raw: Tensor, target: Tensor) -> Tensor:
    # Lin et al. 2017, https://arxiv.org/abs/1708.02002, without its balancing factor: class_weight does that.
    certain = _crossentropy_cells(raw, target)
    return (1 - torch.exp(-certain)) ** FOCUS * certain


def _binary(raw: Tensor, target: Tensor) -> Tensor:
    return _crossentropy_cells(raw, target).squeeze(1)


def _binary_focal(raw: Tensor, target: Tensor) -> Tensor:
    return _focal_cells(raw, target).squeeze(1)


def _crossentropy(raw: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(raw, target.long(), reduction="none")


def _focal(raw: Tensor, target: Tensor) -> Tensor:
    certain = _crossentropy(raw, target)
    return (1 - torch.exp(-certain)) ** FOCUS * certain


def _square(raw: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(raw, target, reduction="none")


def _absolute(raw: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(raw, target, reduction="none")


def _huber(raw: Tensor, target: Tensor) -> Tensor:
    return F.huber_loss(raw, target, reduction="none")


def _log_cosh(raw: Tensor, target: Tensor) -> Tensor:
    # The hyperbolic cosine overflows at errors of 89; this form of its logarithm does not.
    error = raw - target
    return error + F.softplus(-2.0 * error) - log(2.0)


_NUMBER_CELLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_squared_error": _square,
    "mean_absolute_error": _absolute,
    "huber": _huber,
    "log_cosh": _log_cosh,
}


def _weigh_two(rows: Losses, weights: np.ndarray | None) -> Losses:
    if weights is None:
        return rows
    low, high = map(float, weights)
    return lambda raw, target: rows(raw, target) * (low + (high - low) * target.squeeze(1))


def _weigh_codes(rows: Losses, weights: np.ndarray | None) -> Losses:
    if weights is None:
        return rows
    device_weights = DeviceArray(weights)
    return lambda raw, target: rows(raw, target) * device_weights.on_device_of(raw)[target.long()]


def _own_binary(loss: Any) -> Losses:
    own = per_row_loss(loss)
    if loss is not F.cross_entropy and not isinstance(loss, nn.CrossEntropyLoss):
        return own
    # The sigmoid of one logit is the softmax of 0 and that logit.
    return lambda raw, target: own(torch.cat([torch.zeros_like(raw), raw], dim=1), target.squeeze(1).long())


def _own_classes(loss: Any) -> Losses:
    own = per_row_loss(loss)
    return lambda raw, target: own(raw, target.long())


def per_row_loss(loss: Any) -> Losses:
    """A caller's function, asked for one number per row; torch's own average over rows unless they are told not to."""
    name = getattr(loss, "__name__", type(loss).__name__)
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        loss = copy.copy(loss)
        loss.reduction = "none"
    elif "reduction" in _parameters(loss):
        loss = partial(loss, reduction="none")

    def losses(raw: Tensor, target: Tensor) -> Tensor:
        rows = loss(raw, target)
        if not isinstance(rows, Tensor) or rows.shape[:1] != raw.shape[:1]:
            shape = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise ConfigError(
                f"loss {name} must return one number per row, shape ({len(raw)},), got {shape}: rows are averaged "
                "later, without the unobserved ones."
            )
        return rows if rows.ndim == 1 else rows.flatten(1).mean(dim=1)

    return losses


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # built-in functions may have no signature
        return ()
