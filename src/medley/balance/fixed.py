"""Fixed weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from medley.balance.balancer import ScalarBalancer
from medley.core.registry import register


@final
@register("balance.fixed")
class FixedWeights(ScalarBalancer):
    """The weighted sum of the losses, sum_k w_k L_k: weights as in Keras, not normalised.

    Args:
        weights: K weights.

    >>> w = torch.nn.Parameter(torch.ones(3))
    >>> FixedWeights([0.5, 2.0]).backward([w.sum(), (w * w).sum()], [w])
    tensor(7.5000)
    >>> w.grad.shape, w.grad[0]
    (torch.Size([3]), tensor(4.5000))
    """

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__("fixed", weights)

    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """sum_k w_k L_k."""
        # A dot product would need losses and weights of the same precision.
        return (torch.stack(tuple(losses)) * self.weights).sum()
