"""The stepper that runs a whole training step as one compiled program.

Forward pass, losses, backward pass, clipping, optimiser and moving average are traced as one graph (`make_fx`), which
Inductor compiles. Torch's compiler is imported only when a step is compiled, as its import takes a second or two.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from medley.balance.balancer import ScalarBalancer
from medley.cache.folder import folder
from medley.core.batch import Batch
from medley.heads.masked import mean_of_members
from medley.model.forward import is_out_of_memory
from medley.train.eager import EagerStepper
from medley.train.state import StepperState
from medley.train.step_losses import outputs_and_losses
from medley.train.stepper import StepOutput, Stepper
from medley.train.update import MOMENTS, clipped, updated

MAX_NODES = 5_000
"""Maximum number of operations in the graph of a step: larger ones, of long recurrences, take minutes to compile."""

COMPILERS = ("g++", "clang++", "c++", "cl")


class CompiledStepper(Stepper):
    """Runs steps as one compiled program: the same losses and updates as `EagerStepper`, up to rounding.

    The weights, the moments and everything else that a step changes are those of an eager stepper, in place. So their
    states are interchangeable, and a batch that does not have the shape of the program (the last one of an epoch, or
    one with absent inputs) is computed by the eager stepper. If a step cannot be traced or compiled, all are.

    Dropout draws from torch's random generator, so results are reproducible, but its masks differ from the eager ones.

    Args:
        eager: of the same network, before its first step.
        batch_size: number of rows of the batches that are compiled.
    """

    def __init__(self, eager: EagerStepper, batch_size: int) -> None:
        self.eager = eager
        self.batch_size = batch_size
        self._program: _Program | None = None
        self._follow()

    def step(self, batch: Batch, progress: float) -> StepOutput:
        eager = self.eager
        if self.note is None and eager.pieces == 1 and batch.size == self.batch_size and _is_complete(batch):
            eager.schedule(progress)
            try:
                if self._program is None:
                    self._program = _Program(eager, batch)
                raw = self._program(batch)
            except Exception as error:  # whatever the compiler does not support, eager steps do
                if self._program is not None and not is_out_of_memory(error):
                    raise
                self.note = f"steps are not compiled: {_first_line(error)}"
            else:
                self._follow()
                return StepOutput(raw)
        output = eager.step(batch, progress)
        self._follow()
        return output

    def _follow(self) -> None:
        self.learning_rate, self.pieces = self.eager.learning_rate, self.eager.pieces
        self.is_restarted = self.eager.is_restarted

    def end_epoch(self) -> None:
        self.eager.end_epoch()

    def restart(self, factor: float) -> None:
        self.eager.restart(factor)
        self._rebind()

    def averaged(self) -> AbstractContextManager[None]:
        return self.eager.averaged()

    def state(self) -> StepperState:
        return self.eager.state()

    def restore(self, state: StepperState) -> None:
        self.eager.restore(state)
        self._rebind()

    def _rebind(self) -> None:
        if self._program is not None:
            self._program.bind()
        self._follow()


class _Program:
    """The compiled step of an eager stepper.

    Args:
        eager: its tensors are read and written.
        batch: rows of the shape that is compiled.

    Raises:
        Exception: the step cannot be traced or compiled.
    """

    def __init__(self, eager: EagerStepper, batch: Batch) -> None:
        if not isinstance(eager.balancer, ScalarBalancer):
            raise NotImplementedError(f"loss_weights={eager.balancer.name!r} combines gradients, not losses")
        if eager.scaler is not None:
            raise NotImplementedError("float16 scales losses")
        if batch.device.type == "cpu" and not (os.environ.get("CXX") or any(map(shutil.which, COMPILERS))):
            raise NotImplementedError(f"none of the compilers {', '.join(COMPILERS)} is installed")
        self._eager = eager
        self._whole = _TotalLoss(eager)
        self._names = self._used(batch)
        self._heads: list[str] = []
        self.bind()
        self._run = self._compiled(batch)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Runs a step; returns head name -> raw outputs (B, K), detached."""
        eager = self._eager
        eager.steps += 1
        self._numbers.copy_(torch.tensor([eager.learning_rate, eager.decay, eager.average_rate()]))
        with torch.no_grad():
            outputs = self._run(*self._leaves, *tree_leaves(_tensors_of(batch)))
        return dict(zip(self._heads, outputs, strict=True))

    def _used(self, batch: Batch) -> list[str]:
        """Names of the parameters that the losses depend on; eager steps leave the others alone, too."""
        trained = {name: tensor for name, tensor in self._whole.named_parameters() if tensor.requires_grad}
        buffers = {name: tensor.clone() for name, tensor in self._whole.named_buffers()}
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            _, total = functional_call(self._whole, buffers, (batch,))
        gradients = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
        return [name for name, gradient in zip(trained, gradients, strict=True) if gradient is not None]

    def bind(self) -> None:
        """Takes the present tensors of the eager stepper, whose optimiser may have replaced some."""
        eager, optimizer = self._eager, self._eager.plan.optimizer
        parameters = dict(self._whole.named_parameters())
        averages = dict(zip(map(id, eager.parameters), eager.average, strict=False))
        self._steps = torch.zeros(len(self._names), device=parameters[self._names[0]].device)
        self._numbers = self._steps.new_zeros(3)
        moments: dict[str, list[Tensor]] = {}
        for index, name in enumerate(self._names):
            parameter = parameters[name]
            values = eager.optimizer.state[parameter]
            self._steps[index] = values.get("step", eager.steps)
            if optimizer != "sgd":
                values["step"] = self._steps[index]  # a view: both steppers count in one place
            for moment in MOMENTS[optimizer]:
                if values.get(moment) is None:
                    values[moment] = torch.zeros_like(parameter)
            moments[name] = [values[moment] for moment in MOMENTS[optimizer]]
        self._groups = {
            id(parameter): (group["multiplier"], group["weight_decay"] > 0)
            for group in eager.optimizer.param_groups
            for parameter in group["params"]
        }
        tensors = {name: tensor.detach() for name, tensor in parameters.items()}
        self._state = {
            "trained": {name: tensors.pop(name) for name in self._names},
            "fixed": tensors | dict(self._whole.named_buffers()),
            "moments": moments,
            "average": {
                name: averages[id(parameters[name])] for name in self._names if id(parameters[name]) in averages
            },
            "steps": self._steps,
            "numbers": self._numbers,
        }
        self._leaves = tree_leaves(self._state)

    def _compiled(self, batch: Batch) -> Callable[..., Sequence[Tensor]]:
        from torch._inductor import standalone_compile
        from torch.fx.experimental.proxy_tensor import make_fx

        leaves, spec = tree_flatten((self._state, _tensors_of(batch)))

        def step(*tensors: Tensor) -> list[Tensor]:
            state, values = tree_unflatten(tensors, spec)
            raw = self._step(state, _with_tensors(batch, values))
            self._heads = list(raw)
            return list(raw.values())

        # Copies, as tracing runs the step. All are distinct tensors: of two inputs that are the same, one is dropped.
        copies = [tensor.clone() for tensor in leaves]
        with torch.random.fork_rng(devices=[]), _traceable():
            graph = make_fx(step)(*copies)
            nodes = len(graph.graph.nodes)
            if nodes > MAX_NODES:
                raise NotImplementedError(f"a step has {nodes:,} operations, more than {MAX_NODES:,}")
            # Few large kernels: each is a run of the C++ compiler.
            options = {"triton.cudagraphs": batch.device.type == "cuda", "cpp.max_horizontal_fusion_size": 512}
            with torch.no_grad(), _cached():
                return standalone_compile(
                    graph, leaves, dynamic_shapes="from_example_inputs", options={"config_patches": options}
                )

    def _step(self, state: Mapping[str, Any], batch: Batch) -> dict[str, Tensor]:
        """The step that is traced; it writes the new values into the tensors of the state."""
        plan, trained = self._eager.plan, state["trained"]
        for tensor in trained.values():
            tensor.requires_grad_(requires_grad=True)
        raw, total = functional_call(self._whole, {**trained, **state["fixed"]}, (batch,))
        gradients = torch.autograd.grad(total, list(trained.values()))
        with torch.no_grad():
            # Of the balancer's own parameters, gradients are not clipped.
            own = sum(name.startswith("network.") for name in trained)
            gradients = [*clipped(gradients[:own], plan.clip), *gradients[own:]]
            rate, decay, average_rate = state["numbers"].unbind()
            state["steps"].add_(1)
            parameters = dict(self._whole.named_parameters())
            for (name, tensor), gradient, step in zip(trained.items(), gradients, state["steps"].unbind(), strict=True):
                multiplier, decays = self._groups[id(parameters[name])]
                value, moments = updated(
                    plan,
                    tensor,
                    gradient,
                    state["moments"][name],
                    step,
                    rate if multiplier == 1 else rate * multiplier,
                    decay if decays else None,
                )
                tensor.copy_(value)
                for moment, new in zip(state["moments"][name], moments, strict=True):
                    moment.copy_(new)
                if name in state["average"]:
                    state["average"][name].lerp_(value, average_rate)
        return {name: mean_of_members(output.detach()) for name, output in raw.items()}


class _TotalLoss(nn.Module):
    """The outputs of a network and its total loss, as a module whose tensors can be replaced (`functional_call`)."""

    def __init__(self, eager: EagerStepper) -> None:
        super().__init__()
        self.network = eager.network
        self.balancer = eager.balancer
        self.tasks, self.precision = eager.tasks, eager.precision

    def forward(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Head name -> raw outputs, and the total loss ()."""
        raw, losses = outputs_and_losses(self.network, self.tasks, batch, self.precision)
        return raw, self.balancer.total(losses)  # type: ignore[attr-defined]


def _tensors_of(batch: Batch) -> dict[str, Any]:
    """The fields of a batch that hold tensors, without those that are None."""
    return {
        "inputs": batch.inputs,
        "targets": batch.targets,
        "observed": {name: observed for name, observed in batch.observed.items() if observed is not None},
        "weights": batch.weights,
        **({} if batch.folds is None else {"folds": batch.folds}),
    }


def _with_tensors(batch: Batch, values: Mapping[str, Any]) -> Batch:
    """A batch with other tensors, which were returned by `_tensors_of`."""
    return replace(batch, **{**values, "observed": {**batch.observed, **values["observed"]}})


def _is_complete(batch: Batch) -> bool:
    """Whether every input is present in every row: the number of present rows would be part of a program's shape."""
    return all(mask is None for mask in batch.present.values())


@contextmanager
def _traceable() -> Iterator[None]:
    """Within the context, oneDNN is off while a step is traced: the compiler rejects its recurrent layers."""
    is_on = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch._C._set_mkldnn_enabled(False)
        try:
            yield
        finally:
            torch._C._set_mkldnn_enabled(is_on)


@contextmanager
def _cached() -> Iterator[None]:
    """Within the context, compiled code is kept in medley's cache folder, unless the user has named another one."""
    place = folder("compiled") if "TORCHINDUCTOR_CACHE_DIR" not in os.environ else None
    if place is not None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(place)
    try:
        yield
    finally:
        if place is not None:
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
