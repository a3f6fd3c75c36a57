"""What a balancer is: several task losses in, `.grad` out."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn


class Balancer(nn.Module, ABC):
    """Turns the losses of K tasks into one backward pass.

    It is a module because some balancers learn: their parameters belong into the optimiser beside the
    network's, their state into checkpoints, and they move to the device with `.to`.

    Every task has a weight that multiplies its loss before any method sees it. A task whose weighted loss is
    exactly zero (weight zero, or no observed label in the batch) is absent from that batch: it leaves no
    gradient anywhere and does not disturb what a method remembers of it.

    Args:
        name: what `loss_weights=` calls this way of balancing.
        weights: K weights, one per task in the order of the losses.
        options: the method's own settings, plain values.
    """

    weights: Tensor

    def __init__(self, name: str, weights: Sequence[float], options: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.name = name
        self.loss_weights = tuple(float(weight) for weight in weights)
        self.options = dict(options or {})
        # Not persistent: weights are configuration (`describe`), written beside the state, not inside it.
        self.register_buffer("weights", torch.tensor(self.loss_weights), persistent=False)

    @abstractmethod
    def backward(
        self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter], scale: Tensor | None = None
    ) -> Tensor:
        """Adds the balanced gradient to `.grad`, as `Tensor.backward` would: accumulated where there is one.

        Args:
            losses: K scalars (), each a masked mean over the task's observed rows.
            parameters: the network's parameters. Which of them several tasks share is read from the losses'
                graph.
            scale: a scalar () that multiplies all gradients (a loss scale, or one over the number of
                accumulated batches); None is 1. The returned total is not scaled.

        Returns:
            The total loss (), detached.
        """

    def end_epoch(self) -> None:
        """Tells that all batches of an epoch were seen. Only `"dwa"`, which averages over epochs, listens."""

    def state(self) -> dict[str, Tensor]:
        """Copies of everything the method has learned and remembers, by name.

        A subclass that keeps its memory in parameters and persistent buffers needs no method of its own.
        """
        return {name: value.detach().clone() for name, value in self.state_dict().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continues from `state()` of a balancer with the same method, weights and options.

        Args:
            state: left unchanged.

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
        """A copy, state included, whose K weights are multiplied by K `factors`."""
        twin = copy.deepcopy(self)
        twin.loss_weights = tuple(w * float(f) for w, f in zip(self.loss_weights, factors, strict=True))
        twin.weights = self.weights.new_tensor(twin.loss_weights)
        return twin


class ScalarBalancer(Balancer, ABC):
    """Combines the losses into one number, which is then differentiated as usual: costs one backward pass."""

    @abstractmethod
    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """The combined loss () of K losses (), differentiable. Call once a batch: some methods remember."""

    @final
    def backward(
        self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter] = (), scale: Tensor | None = None
    ) -> Tensor:
        """As `Balancer.backward`; the parameters need not be told, as autograd finds them."""
        total = self.total(losses)
        if total.requires_grad:  # else every loss is a constant: no task had an observed label
            total.backward(scale)
        return total.detach()
