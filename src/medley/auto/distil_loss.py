"""The loss of distillation: a mean of the loss against labels and the loss against the outputs of a teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from medley.core.codec import Encoded, LinearLink
from medley.model.tasks import Task


def distilled_task(task: Task, example: np.ndarray, label_weight: float) -> Task:
    """A task whose targets are labels and outputs of a teacher, as `join_targets` packs them.

    Args:
        task: of the student.
        example: encoded labels (N, ...), of which only shape and type are used.
        label_weight: weight of the loss against the label, where there is one; the rest is that of the teacher.
    """
    shape = example.shape[1:]
    width = int(np.prod(shape))
    dtype = torch.from_numpy(np.zeros(0, example.dtype)).dtype
    soft_loss = _soft_loss(task, is_single=task.codec.linear_link == "identity" and width == len(task.codec.prior))

    def loss(raw: Tensor, target: Tensor) -> Tensor:
        labels, observed, teacher = target[:, :width], target[:, width] > 0, target[:, width + 1 :]
        soft = soft_loss(raw, teacher)
        hard = task.loss(raw, labels.reshape(-1, *shape).to(dtype))
        return torch.where(observed, label_weight * hard + (1 - label_weight) * soft, soft)

    return replace(task, loss=loss, metrics={})


def join_targets(labels: Encoded, teacher: np.ndarray) -> Encoded:
    """Labels, whether they are observed, and outputs of the teacher as one target (N, W + 1 + K) of float32.

    Args:
        labels: encoded labels (N, ...), valid values where they are not observed.
        teacher: raw outputs (N, K).
    """
    rows = len(teacher)
    parts = [labels.array.reshape(rows, -1), labels.present[:, None], teacher]
    array = np.concatenate([np.asarray(part, np.float32) for part in parts], axis=1)
    return Encoded(array, np.ones(rows, bool))


def _soft_loss(task: Task, *, is_single: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Loss per row (B,) of raw outputs (B, K) against raw outputs of the teacher (B, K).

    Args:
        task: of the student.
        is_single: whether raw outputs are numbers like the encoded labels, so that the loss of the head fits.
    """
    return task.loss if is_single else _SOFT_LOSSES[task.codec.linear_link]


def _squares(raw: Tensor, teacher: Tensor) -> Tensor:
    return (raw - teacher).square().mean(dim=1)


def _rates(raw: Tensor, teacher: Tensor) -> Tensor:
    """Half the Poisson deviance from the rates of the teacher."""
    return (raw.exp() - teacher.exp() * (1 + raw - teacher)).mean(dim=1)


def _classes(raw: Tensor, teacher: Tensor) -> Tensor:
    return -(teacher.softmax(dim=1) * raw.log_softmax(dim=1)).sum(dim=1)


def _labels(raw: Tensor, teacher: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(raw, teacher.sigmoid(), reduction="none").mean(dim=1)


def _ordered(raw: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of ordered classes: of each step above a class, weighted by the probability to get there."""
    above = teacher.sigmoid()
    reached = torch.cat([torch.ones_like(above[:, :1]), above[:, :-1].cumprod(dim=1)], dim=1)
    steps = functional.binary_cross_entropy_with_logits(raw, above, reduction="none")
    return (reached * steps).sum(dim=1)


_SOFT_LOSSES: dict[LinearLink, Callable[[Tensor, Tensor], Tensor]] = {
    "identity": _squares,
    "log": _rates,
    "multinomial": _classes,
    "logit": _labels,
    "ordered": _ordered,
}
