"""Losses by name or function: raw outputs (B, K), encoded targets (B, ...) -> losses per row (B,)."""

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
from medley.heads.masked import LossFunction, observed_mean
from medley.heads.numbers import NumberCodec
from medley.heads.ordered_classes import OrderedCodec

FOCAL_GAMMA = 2.0  # the exponent of the focal loss, as in the paper


def class_losses(loss: Any, codec: ClassCodec) -> LossFunction:
    """The loss for one class per row; each row is multiplied by the weight of its class.

    Args:
        loss: None, a name, or a function of logits (B, 1) and targets (B, 1) of 0 and 1 for two classes, or of logits
            (B, K) and class indices (B,) int64 for more. The cross-entropy of torch receives two logits for two
            classes.
        codec: the fitted codec.

    Raises:
        ConfigError: a binary loss on more than two classes.

    >>> codec = ClassCodec().fit(["a", "b"])
    >>> class_losses(None, codec)(torch.zeros(2, 1), torch.tensor([[0.0], [1.0]]))
    tensor([0.6931, 0.6931])
    """
    if isinstance(loss, str) and "binary" in loss.lower() and not codec.binary:
        raise ConfigError(
            f"loss={loss!r} supports binary targets only; this target has {len(codec.labels)} classes. Leave loss "
            "unset, use 'categorical_crossentropy', or set multi_label=True if a row may have several labels."
        )
    name = canonical_loss(loss, CLASS_LOSSES, "crossentropy")
    if codec.binary:
        rows = _custom_binary(loss) if name == "custom" else _binary_focal if name == "focal" else _binary
        return _with_binary_weights(rows, codec.weights)
    rows = _custom_multiclass(loss) if name == "custom" else _focal if name == "focal" else _crossentropy
    return _with_class_weights(rows, codec.weights)


def label_set_losses(loss: Any, codec: LabelSetCodec) -> LossFunction:
    """The loss for several labels per row: the mean over the observed labels of a row.

    Args:
        loss: None, a name, or a function of logits and targets (B, K), both 0 where a cell is not observed.
        codec: the fitted codec.

    >>> codec = LabelSetCodec().fit([[1, 0], [0, 1]])
    >>> label_set_losses(None, codec)(torch.zeros(1, 2), torch.tensor([[1.0, -1.0]]))
    tensor([0.6931])
    """
    name = canonical_loss(loss, CLASS_LOSSES, "crossentropy")
    if name == "custom":
        custom = per_row_loss(loss)
        return lambda raw, target: custom(torch.where(target >= 0, raw, 0.0), target.clamp(min=0.0))
    cell_losses = _focal_cells if name == "focal" else _crossentropy_cells
    weights = None if codec.weights is None else (DeviceArray(codec.weights[0]), DeviceArray(codec.weights[1]))

    def losses(raw: Tensor, target: Tensor) -> Tensor:
        observed = target >= 0
        cells = cell_losses(torch.where(observed, raw, 0.0), target.clamp(min=0.0))
        if weights is not None:
            cells = cells * torch.where(target > 0, weights[1].on_device_of(raw), weights[0].on_device_of(raw))
        return observed_mean(cells, observed)

    return losses


def ordered_losses(loss: Any, codec: OrderedCodec) -> LossFunction:
    """The loss for ordered classes; each row is multiplied by the weight of its class.

    Args:
        loss: None, a name, or a function of log-probabilities (B, K) and class indices (B,) int64.
        codec: the fitted codec.

    >>> codec = OrderedCodec().fit([1, 2, 3])
    >>> ordered_losses(None, codec)(torch.zeros(3, 2), torch.tensor([0, 1, 2]))
    tensor([0.6931, 1.3863, 1.3863])
    """
    if canonical_loss(loss, ORDERED_LOSSES, "crossentropy") != "custom":
        return _with_class_weights(ordered_crossentropy, codec.weights)
    custom = per_row_loss(loss)
    return _with_class_weights(lambda raw, target: custom(ordered_logarithms(raw), target.long()), codec.weights)


def ordered_logarithms(raw: Tensor) -> Tensor:
    """Logits (B, K-1) of being above a class, given that it is reached -> log-probabilities (B, K)."""
    ends = torch.zeros_like(raw[:, :1])
    reached = torch.cat([ends, F.logsigmoid(raw).cumsum(dim=1)], dim=1)
    return reached + torch.cat([F.logsigmoid(-raw), ends], dim=1)


def ordered_crossentropy(raw: Tensor, target: Tensor) -> Tensor:
    """Logits (B, K-1), class indices (B,) -> negative log-likelihood of the true class (B,)."""
    return -ordered_logarithms(raw).gather(1, target.long().unsqueeze(1)).squeeze(1)


def number_losses(loss: Any, codec: NumberCodec) -> LossFunction:
    """The loss for standardised numbers: the mean over the observed columns of a row.

    Args:
        loss: a name, or a function of outputs and targets (B, K), both 0 where a cell is not observed.
        codec: the fitted codec.

    >>> number_losses("mae", NumberCodec().fit([0.0, 2.0]))(torch.zeros(1, 1), torch.tensor([[3.0]]))
    tensor([3.])
    """
    name = canonical_loss(loss, NUMBER_LOSSES, "mean_squared_error")
    width = len(codec.mean)
    custom = per_row_loss(loss) if name == "custom" else None
    cell_losses = _NUMBER_LOSSES.get(name, _squared)
    if width == 1:
        return custom or (lambda raw, target: cell_losses(raw, target).squeeze(1))

    def losses(raw: Tensor, target: Tensor) -> Tensor:
        observed = target[:, width:] > 0
        raw, numbers = torch.where(observed, raw, 0.0), target[:, :width]
        return observed_mean(cell_losses(raw, numbers), observed) if custom is None else custom(raw, numbers)

    return losses


def _crossentropy_cells(raw: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(raw, target, reduction="none")


def _focal_cells(raw: Tensor, target: Tensor) -> Tensor:
    # Lin et al. 2017, https://arxiv.org/abs/1708.02002, without its balancing factor, which class_weight provides.
    crossentropy = _crossentropy_cells(raw, target)
    return (1 - torch.exp(-crossentropy)) ** FOCAL_GAMMA * crossentropy


def _binary(raw: Tensor, target: Tensor) -> Tensor:
    return _crossentropy_cells(raw, target).squeeze(1)


def _binary_focal(raw: Tensor, target: Tensor) -> Tensor:
    return _focal_cells(raw, target).squeeze(1)


def _crossentropy(raw: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(raw, target.long(), reduction="none")


def _focal(raw: Tensor, target: Tensor) -> Tensor:
    crossentropy = _crossentropy(raw, target)
    return (1 - torch.exp(-crossentropy)) ** FOCAL_GAMMA * crossentropy


def _squared(raw: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(raw, target, reduction="none")


def _absolute(raw: Tensor, target: Tensor) -> Tensor:
    return F.l1_loss(raw, target, reduction="none")


def _huber(raw: Tensor, target: Tensor) -> Tensor:
    return F.huber_loss(raw, target, reduction="none")


def _log_cosh(raw: Tensor, target: Tensor) -> Tensor:
    # cosh overflows for errors above 89; this form of its logarithm does not.
    error = raw - target
    return error + F.softplus(-2.0 * error) - log(2.0)


_NUMBER_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_squared_error": _squared,
    "mean_absolute_error": _absolute,
    "huber": _huber,
    "log_cosh": _log_cosh,
}


def _with_binary_weights(rows: LossFunction, weights: np.ndarray | None) -> LossFunction:
    if weights is None:
        return rows
    negative, positive = map(float, weights)
    return lambda raw, target: rows(raw, target) * (negative + (positive - negative) * target.squeeze(1))


def _with_class_weights(rows: LossFunction, weights: np.ndarray | None) -> LossFunction:
    if weights is None:
        return rows
    device_weights = DeviceArray(weights)
    return lambda raw, target: rows(raw, target) * device_weights.on_device_of(raw)[target.long()]


def _custom_binary(loss: Any) -> LossFunction:
    custom = per_row_loss(loss)
    if loss is not F.cross_entropy and not isinstance(loss, nn.CrossEntropyLoss):
        return custom
    # The sigmoid of a logit equals the softmax of 0 and that logit.
    return lambda raw, target: custom(torch.cat([torch.zeros_like(raw), raw], dim=1), target.squeeze(1).long())


def _custom_multiclass(loss: Any) -> LossFunction:
    custom = per_row_loss(loss)
    return lambda raw, target: custom(raw, target.long())


def per_row_loss(loss: Any) -> LossFunction:
    """A caller's loss with one number per row; losses of torch are called with `reduction="none"`."""
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
                f"loss {name} must return one number per row, shape ({len(raw)},), got {shape}; medley averages over "
                "the observed rows."
            )
        return rows if rows.ndim == 1 else rows.flatten(1).mean(dim=1)

    return losses


def _parameters(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # built-in functions may have no signature
        return ()
