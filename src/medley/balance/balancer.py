"""Base classes of balancers, which turn several task losses into gradients."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn


class Balancer(nn.Module, ABC):
    """Turns the losses of K tasks into one update of the gradients.

    It is a module because some balancers have learned parameters: these belong in the optimiser together with the
    network's, their state in checkpoints, and they move to a device with `.to`.

    Every task has a weight that multiplies its loss before the method is applied. A task whose weighted loss is exactly
    zero (weight zero, or no observed label in the batch) is absent from that batch: it contributes no gradient and
    does not change the state that a method keeps for it.

    Args:
        name: the name of the method in `loss_weights=`.
        weights: K weights, one per task in the order of the losses.
        options: the settings of the method, as JSON values.
    """

    weights: Tensor

    def __init__(self, name: str, weights: Sequence[float], options: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.name = name
        self.loss_weights = tuple(float(weight) for weight in weights)
        self.options = dict(options or {})
        # Not persistent: weights are configuration (`describe`), stored separately from the state.
        self.register_buffer("weights", torch.tensor(self.loss_weights), persistent=False)

    @abstractmethod
    def backward(
        self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter], scale: Tensor | None = None
    ) -> Tensor:
        """Add the balanced gradient to `.grad`, accumulating as `Tensor.backward` does.

        Args:
            losses: K scalars (), each a masked mean over the task's observed rows.
            parameters: the network's parameters; autograd determines which of them several tasks share.
            scale: a scalar () that multiplies all gradients (a loss scale, or one over the number of
                accumulated batches); None is 1. The returned total is not scaled.

        Returns:
            The total loss (), detached.
        """

    def end_epoch(self) -> None:
        """Signal the end of an epoch; used by `"dwa"`, which averages losses over epochs."""

    def state(self) -> dict[str, Tensor]:
        """Copies of the method's parameters and buffers, by name.

        Subclasses that keep their state in parameters and persistent buffers need not override this.
        """
        return {name: value.detach().clone() for name, value in self.state_dict().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the `state()` of a balancer with the same method, weights and options.

        Args:
            state: the state, which is not modified.

        Raises:
            RuntimeError: the state belongs to another method or number of tasks.
        """
        self.load_state_dict(dict(state))

    @final
    def describe(self) -> dict[str, Any]:
        """The method, its weights and its settings as JSON."""
        return {
            "name": self.name,
            "weights": list(self.loss_weights),
            **({"options": self.options} if self.options else {}),
        }

    @final
    def rescaled(self, factors: Sequence[float]) -> Self:
        """A copy, including its state, with the K weights multiplied by K `factors`."""
        scaled = copy.deepcopy(self)
        scaled.loss_weights = tuple(w * float(f) for w, f in zip(self.loss_weights, factors, strict=True))
        scaled.weights = self.weights.new_tensor(scaled.loss_weights)
        return scaled


class ScalarBalancer(Balancer, ABC):
    """Combines the losses into one number, which is then differentiated in one backward pass."""

    is_traceable: bool = True
    """Whether `total` is one program whatever the losses are, so that steps can be compiled."""

    @abstractmethod
    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """The differentiable combined loss () of K losses (); call it once per batch, as some methods have a state."""

    @final
    def backward(
        self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter] = (), scale: Tensor | None = None
    ) -> Tensor:
        """As `Balancer.backward`, but `parameters` is not needed, because autograd finds them."""
        total = self.total(losses)
        if total.requires_grad:  # otherwise all losses are constants: no task had an observed label
            total.backward(scale)
        return total.detach()
