"""A whole training step as one pure program: forward pass, losses, backward pass, clipping, optimiser, moving average.

Torch's compiler is imported only when a step is compiled, as its import takes a second or two.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad
from torch.utils._pytree import tree_flatten, tree_unflatten

from medley.balance.balancer import ScalarBalancer
from medley.cache.folder import folder
from medley.core.batch import Batch
from medley.heads.masked import mean_of_members
from medley.train.eager import EagerStepper
from medley.train.step_losses import outputs_and_losses
from medley.train.update import MOMENTS, clipped, updated

MAX_NODES = 5_000
"""Maximum number of operations in the graph of a step: larger ones, of long recurrences, take minutes to compile."""

COMPILERS = ("g++", "clang++", "c++", "cl")

Tree = Mapping[str, Any]
"""Tensors in nested dicts and lists."""


class WholeStep:
    """The step of an eager stepper as a function of all tensors that it reads and writes.

    Args:
        eager: its network, losses and plan are those of the step.
        batch: rows of the shape for which the step is used.

    Raises:
        NotImplementedError: the step cannot be written as such a function.
    """

    def __init__(self, eager: EagerStepper, batch: Batch) -> None:
        if not isinstance(eager.balancer, ScalarBalancer):
            raise NotImplementedError(f"loss_weights={eager.balancer.name!r} combines gradients, not losses")
        if not eager.balancer.is_traceable:
            raise NotImplementedError(f"loss_weights={eager.balancer.name!r} branches on the values of losses")
        if eager.scaler is not None:
            raise NotImplementedError("float16 scales losses")
        self.plan = eager.plan
        self.template = batch
        self.total_loss = TotalLoss(eager)
        self.names, self.buffers = self._used(batch)
        groups = {
            id(parameter): (group["multiplier"], group["weight_decay"] > 0)
            for group in eager.optimizer.param_groups
            for parameter in group["params"]
        }
        parameters = dict(self.total_loss.named_parameters())
        self._groups = {name: groups[id(parameters[name])] for name in self.names}

    def _used(self, batch: Batch) -> tuple[list[str], list[str]]:
        """Names of the parameters that the losses depend on, and of the buffers that a forward pass may change.

        Eager steps leave other parameters alone, too.
        """
        trained = {name: tensor for name, tensor in self.total_loss.named_parameters() if tensor.requires_grad}
        before = dict(self.total_loss.named_buffers())
        after = {name: tensor.clone() for name, tensor in before.items()}
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            _, total = functional_call(self.total_loss, after, (batch,))
        gradients = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
        return (
            [name for name, gradient in zip(trained, gradients, strict=True) if gradient is not None],
            [name for name in before if not name.startswith(NETWORK) or not torch.equal(before[name], after[name])],
        )

    def state_of(self, eager: EagerStepper) -> Tree:
        """The tensors that a step changes: those of an eager stepper of an equal network, which reads them, too.

        All are distinct tensors: of two inputs that are the same, tracing drops one.
        """
        total_loss = TotalLoss(eager)
        parameters = dict(total_loss.named_parameters())
        averages = dict(zip(map(id, eager.parameters), eager.average, strict=False))
        steps = torch.zeros(len(self.names), device=parameters[self.names[0]].device)
        moments: dict[str, list[Tensor]] = {}
        for index, name in enumerate(self.names):
            values = eager.optimizer.state[parameters[name]]
            steps[index] = values.get("step", eager.steps)
            for moment in MOMENTS[self.plan.optimizer]:
                if values.get(moment) is None:
                    values[moment] = torch.zeros_like(parameters[name])
            moments[name] = [values[moment] for moment in MOMENTS[self.plan.optimizer]]
        self.count_in(eager, steps)
        average = {name: averages[id(parameters[name])] for name in self.names if id(parameters[name]) in averages}
        trained = {name: parameters.pop(name) for name in self.names}
        fixed = parameters | dict(total_loss.named_buffers())
        return {"trained": trained, "fixed": fixed, "moments": moments, "average": average, "steps": steps}

    def count_in(self, eager: EagerStepper, steps: Tensor) -> None:
        """Lets the optimiser of an eager stepper count its steps in a tensor, one for each trained one."""
        parameters = dict(TotalLoss(eager).named_parameters())
        if self.plan.optimizer != "sgd":
            for name, step in zip(self.names, steps.unbind(), strict=True):
                eager.optimizer.state[parameters[name]]["step"] = step

    def __call__(self, state: Tree, numbers: Tensor, values: Tree) -> list[Tensor]:
        """Runs a step, and writes the new values into the tensors of the state.

        Args:
            state: as returned by `state_of`.
            numbers: (4,) as returned by `numbers_of`.
            values: of a batch, as returned by `tensors_of`.

        Returns:
            Raw outputs (B, K) of the heads, in the order of `heads`, detached.
        """

        def total_loss(trained: Tree) -> tuple[Tensor, tuple[dict[str, Tensor], dict[str, Tensor]]]:
            buffers = {name: state["fixed"][name].clone() for name in self.buffers}  # which the forward pass changes
            tensors = {**state["fixed"], **trained, **buffers}
            raw, total = functional_call(self.total_loss, tensors, (with_tensors(self.template, values),))
            return total, ({name: mean_of_members(output.detach()) for name, output in raw.items()}, buffers)

        gradients, (raw, buffers) = grad(total_loss, has_aux=True)(state["trained"])
        # Of the balancer's own parameters, gradients are not clipped.
        names = [name for name in self.names if name.startswith(NETWORK)]
        gradients |= dict(zip(names, clipped([gradients[name] for name in names], self.plan.clip), strict=True))
        rate, decay, average_rate, is_active = numbers.unbind()

        def write(tensor: Tensor, value: Tensor) -> None:
            tensor.copy_(torch.where(is_active > 0, value, tensor))

        for name, buffer in buffers.items():
            write(state["fixed"][name], buffer)
        state["steps"].add_(is_active)
        for name, step in zip(self.names, state["steps"].unbind(), strict=True):
            multiplier, decays = self._groups[name]
            tensor, moments = state["trained"][name], state["moments"][name]
            value, new_moments = updated(
                self.plan,
                tensor,
                gradients[name],
                moments,
                step,
                rate if multiplier == 1 else rate * multiplier,
                decay if decays else None,
            )
            write(tensor, value)
            for moment, new in zip(moments, new_moments, strict=True):
                write(moment, new)
            if name in state["average"]:
                average = state["average"][name]
                write(average, average + average_rate * (value - average))
        return list(raw.values())

    @property
    def heads(self) -> list[str]:
        """Names of the heads, in the order of the outputs."""
        return [step.name for step in self.total_loss.network.heads]


NETWORK = "network."
"""Prefix of the names of a network's tensors in `TotalLoss`."""


class TotalLoss(nn.Module):
    """The outputs of a network and its total loss, as a module whose tensors can be replaced (`functional_call`).

    Args:
        eager: of the network.
    """

    def __init__(self, eager: EagerStepper) -> None:
        super().__init__()
        self.network = eager.network
        self.balancer = eager.balancer
        self.tasks, self.precision = eager.tasks, eager.precision

    def forward(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Head name -> raw outputs, and the total loss ()."""
        raw, losses = outputs_and_losses(self.network, self.tasks, batch, self.precision)
        return raw, self.balancer.total(losses)  # type: ignore[attr-defined]


def numbers_of(eager: EagerStepper, *, is_active: bool = True) -> list[float]:
    """The numbers of a step that change from step to step; `is_active` is whether it changes anything."""
    return [eager.learning_rate, eager.decay, eager.average_rate(), float(is_active)]


def tensors_of(batch: Batch) -> dict[str, Any]:
    """The fields of a batch that hold tensors, without those that are None."""
    return {
        "inputs": batch.inputs,
        "targets": batch.targets,
        "observed": {name: observed for name, observed in batch.observed.items() if observed is not None},
        "weights": batch.weights,
        **({} if batch.folds is None else {"folds": batch.folds}),
    }


def with_tensors(batch: Batch, values: Tree) -> Batch:
    """A batch with other tensors, which were returned by `tensors_of`."""
    return replace(batch, **{**values, "observed": {**batch.observed, **values["observed"]}})


def is_complete(batch: Batch) -> bool:
    """Whether every input is present in every row: the number of present rows would be part of a program's shape."""
    return all(mask is None for mask in batch.present.values())


def compile_step(step: Callable[..., Sequence[Tensor]], *arguments: Any) -> Callable[..., Sequence[Tensor]]:
    """Traces a function (`make_fx`) and compiles it with Inductor, for arguments of the same shapes.

    Args:
        step: a function of trees of tensors, in which it may write.
        arguments: trees of distinct tensors; they stay as they are.

    Returns:
        A function of the leaves of the arguments, without gradients.

    Raises:
        Exception: the function cannot be traced or compiled, or there is no C++ compiler.
    """
    leaves, spec = tree_flatten(arguments)
    if leaves[0].device.type == "cpu" and not (os.environ.get("CXX") or any(map(shutil.which, COMPILERS))):
        raise NotImplementedError(f"none of the compilers {', '.join(COMPILERS)} is installed")
    _keep_compiled_code()
    from torch._inductor import standalone_compile
    from torch.fx.experimental.proxy_tensor import make_fx

    copies = [leaf.detach().clone() for leaf in leaves]  # tracing runs the step
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _traceable():
            graph = make_fx(lambda *tensors: step(*tree_unflatten(tensors, spec)))(*copies)
        nodes = len(graph.graph.nodes)
        if nodes > MAX_NODES:
            raise NotImplementedError(f"a step has {nodes:,} operations, more than {MAX_NODES:,}")
        # Few large kernels: each is a run of the C++ compiler.
        options = {
            "triton.cudagraphs": leaves[0].device.type == "cuda",
            "cpp.max_horizontal_fusion_size": 512,
            "reorder_for_locality": False,  # up to torch 2.11, tensors are read after the step has written into them
        }
        return standalone_compile(
            graph, copies, dynamic_shapes="from_example_inputs", options={"config_patches": options}
        )


@contextmanager
def _traceable() -> Iterator[None]:
    """Within the context, oneDNN is off: the compiler rejects its recurrent layers in what is traced.

    Code is compiled with oneDNN on, as it runs: the memory layout of convolutions depends on it.
    """
    is_on = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(is_on)


def _keep_compiled_code() -> None:
    """Lets Inductor keep its code in medley's cache folder, unless it has another one by now.

    It reads the variable when it is imported, and sets it itself if it is unset.
    """
    place = folder("compiled_steps") if "TORCHINDUCTOR_CACHE_DIR" not in os.environ else None
    if place is not None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(place)


def reason_of(error: Exception) -> str:
    """The first line of an error's message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
