"""The stepper of several processes that train one network together: each computes a part of every batch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from medley.balance.jacobian import JacobianDescent
from medley.core.batch import Batch, Rows
from medley.errors import ConfigError
from medley.heads.masked import mean_of_members
from medley.train.eager import EagerStepper
from medley.train.ranks import Ranks
from medley.train.state import StepperState
from medley.train.step_losses import network_outputs, task_losses
from medley.train.stepper import StepOutput, Stepper


@final
class DistributedStepper(Stepper):
    """Data-parallel steps: gradients are those of the whole batch, as if one process had computed it.

    Each rank runs the network on its part of the batch (the last rows are repeated where it does not divide evenly),
    and all heads on all of its rows. The outputs of the other ranks are gathered, and losses are computed from all of
    them on every rank. So a masked loss is divided by the number of observed labels of the whole batch, whatever the
    ranks hold of them, the balancer sees the losses of the whole batch, and repeated rows count for nothing. Gradients
    flow through the rank's own outputs; `DistributedDataParallel` sums them while they are computed.

    Batch normalisation uses the statistics of a rank's part of the batch, as is usual, so its networks differ from
    those of one process; the running statistics are made equal before each validation. Each rank draws dropout and
    augmentation of its own.

    Args:
        eager: with the present state of the training; it updates the weights.
        ranks: the processes.

    Raises:
        ConfigError: the balancer combines gradients of tasks, which no rank has.
    """

    def __init__(self, eager: EagerStepper, ranks: Ranks) -> None:
        if isinstance(eager.balancer, JacobianDescent):
            raise ConfigError(
                f"={eager.balancer.name!r} combines the gradients of tasks, of which each process has a part. Where "
                'several train a network, use numbers, "uncertainty", "dwa" or another method that combines losses.',
                argument="loss_weights",
            )
        self.eager = eager
        self.ranks = ranks
        self.learning_rate = eager.learning_rate
        self._labels: Batch | None = None
        # A part of the network does not run on a rank whose rows lack its input: its gradients would be waited for.
        self._network = DistributedDataParallel(eager.network, find_unused_parameters=True)
        self._network.register_comm_hook(None, _sum)

    def take(self, rows: Rows, index: Tensor) -> Batch:
        self._labels = rows.labels(index)
        return rows.take(self.ranks.part(index))

    def step(self, batch: Batch, progress: float) -> StepOutput:
        eager, labels = self.eager, self._labels
        assert labels is not None
        eager.schedule(progress)
        self.learning_rate = eager.learning_rate
        raw = network_outputs(self._network, batch, eager.precision)
        joint = {name: self.ranks.joint(output, labels.size) for name, output in raw.items()}
        losses = task_losses(eager.tasks, joint, labels)
        scale = None if eager.scaler is None else eager.scaler.scale(torch.ones((), device=eager.device))
        eager.balancer.backward(losses, eager.parameters, scale)
        eager.update()
        return StepOutput({name: mean_of_members(output.detach()) for name, output in joint.items()})

    def end_epoch(self) -> None:
        self.eager.end_epoch()
        norms = [
            module for module in self.eager.network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
        ]
        self.ranks.average([buffer for norm in norms for buffer in norm.buffers()])

    def restart(self, factor: float) -> None:
        self.eager.restart(factor)
        self.is_restarted = True

    def averaged(self) -> AbstractContextManager[None]:
        return self.eager.averaged()

    def state(self) -> StepperState:
        return self.eager.state()

    def restore(self, state: StepperState) -> None:
        self.eager.restore(state)
        self.is_restarted = self.eager.is_restarted


def _sum(_: Any, bucket: Any) -> torch.futures.Future[Tensor]:
    """The sum of the ranks' gradients: the loss is that of the whole batch already."""
    work = dist.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda future: future.value()[0])  # type: ignore[union-attr]


_sum.__annotations__ = {}  # torch compares annotations with classes, and these are texts
