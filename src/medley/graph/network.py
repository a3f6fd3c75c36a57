"""The network that is built from a resolved graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from medley.core.batch import Batch
from medley.core.block import Block, Node
from medley.core.codec import TargetCodec
from medley.core.head import Head
from medley.core.input import InputBlock, Preprocessing
from medley.core.layer import Fusion, Layer
from medley.core.spec import Spec
from medley.errors import GraphError
from medley.graph.frozen import FrozenModules, run_in_batches
from medley.graph.graph import Graph
from medley.heads.grown import GrownHead
from medley.heads.label_codec import LabelCodec
from medley.heads.linear_skip import add_linear_skip


@dataclass
class Step:
    """One step of a network: a part, and the values that it reads.

    Args:
        name: of the part.
        key: of the module in `Network.parts`.
        block: declaration of the part.
        module: of the part.
        inputs: indices of the values that it reads; values are those of the sources, followed by those of the steps.
        sources: names of all sources on which it depends.
        out: spec of the result.
        is_fusion: whether it fuses vectors, some of which may be absent.
        is_head: whether it is a head.
        is_frozen: whether it is not trained.
        has_batch_norm: whether it cannot be trained on a single row.
        has_state: whether it has weights or other tensors.
        cache_key: name under which a batch may contain the cached result; None if a step before it is trained or
            changes rows.
        stage_key: name under which a batch may contain the result of an earlier stage; None if it ends no stage.
    """

    name: str
    key: str
    block: Block
    module: nn.Module
    inputs: tuple[int, ...]
    sources: frozenset[str]
    out: Spec
    is_fusion: bool = False
    is_head: bool = False
    is_frozen: bool = False
    has_batch_norm: bool = False
    has_state: bool = True
    cache_key: str | None = None
    stage_key: str | None = None

    @property
    def result_key(self) -> str | None:
        """The name under which a batch may contain the result of the step."""
        return self.cache_key or self.stage_key


class Network(nn.Module):
    """Runs batches through the parts of a graph in order; each part reads present rows only.

    Frozen parts stay in evaluation mode. If all parts between a source and a step are frozen, a batch may contain the
    result of the step as an input named `step.cache_key`; then the step, and the steps that only it needs, do not run.

    Args:
        graph: resolved: inputs, preprocessings, layers, fusions and heads, all fields set.
        specs: source name -> spec of its encoding.
        targets: head name -> fitted target codec.
        frozen: builds frozen parts, or shares those of other networks; None to build them.

    Attributes:
        row_bytes: names of inputs -> bytes per row of the largest intermediate result, where they have been counted.

    Shape: a `Batch` of B rows -> {head: raw outputs (B, K)}. A row without any input of a head has the head's prior.

    Raises:
        GraphError: the graph contains an unresolved part.
    """

    def __init__(
        self,
        graph: Graph,
        specs: Mapping[str, Spec],
        targets: Mapping[str, TargetCodec],
        frozen: FrozenModules | None = None,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict()
        self.sources: list[tuple[str, bool]] = []
        self.steps: list[Step] = []
        self._indices: dict[int, int] = {}
        self.specs: list[Spec] = []  # of the values of sources, then of steps
        self._sources_of: list[frozenset[str]] = []
        self._required: dict[frozenset[str], set[int]] = {}
        self.row_bytes: dict[frozenset[str], int] = {}
        for node in graph.nodes():
            if isinstance(node.block, InputBlock | Preprocessing):
                self._add_source(node, specs)
        for node in graph.nodes():
            if not isinstance(node.block, InputBlock | Preprocessing):
                self._add_step(node, targets, frozen or FrozenModules())
        self._indices.clear()  # keys are ids, which a copy does not share

    def _add_source(self, node: Node, specs: Mapping[str, Spec]) -> None:
        name = str(node.block.name)
        if name not in specs:  # an input that is only read through a preprocessing
            return
        spec = specs[name]
        self._add_value(node, replace(spec, dtype="float32") if spec.dtype == "uint8" else spec, frozenset({name}))
        self.sources.append((name, spec.dtype == "uint8"))

    def _add_value(self, node: Node, spec: Spec, sources: frozenset[str]) -> None:
        self._indices[id(node)] = len(self.specs)
        self.specs.append(spec)
        self._sources_of.append(sources)

    def _add_step(self, node: Node, targets: Mapping[str, TargetCodec], modules: FrozenModules) -> None:
        block, name = node.block, str(node.block.name)
        indices = tuple(self._indices[id(parent)] for parent in node.inputs)
        specs = [self.specs[index] for index in indices]
        key = part_key(name)
        if isinstance(block, Head):
            prior = torch.as_tensor(targets[name].prior, dtype=torch.float32)
            out = Spec((len(prior),), "K")
            self.register_buffer(f"prior__{key}", prior)
        elif isinstance(block, Layer | Fusion):
            out = block.out(*specs)
        else:
            raise GraphError(f"{name}: {block!r} is not resolved, so no network can be built from it.")
        if key not in self.parts:
            self.parts[key] = _build(block, specs, targets, modules)
        module, is_frozen = self.parts[key], isinstance(block, Layer) and block.frozen
        sources = frozenset[str]().union(*(self._sources_of[index] for index in indices))
        batch_norms = (child for child in module.modules() if isinstance(child, nn.modules.batchnorm._BatchNorm))
        step = Step(
            name,
            key,
            block,
            module,
            indices,
            sources,
            out,
            is_fusion=isinstance(block, Fusion),
            is_head=isinstance(block, Head),
            is_frozen=is_frozen,
            has_batch_norm=not is_frozen and any(True for _ in batch_norms),
            has_state=bool(module.state_dict()),
            # A part may be connected to several sources, so the key contains both names.
            cache_key=f"{name}({next(iter(sources))})" if is_frozen and self._reads_frozen(indices) else None,
            stage_key=name if isinstance(block, Layer) and block.is_stage else None,
        )
        self._add_value(node, out, sources)
        self.steps.append(step)

    def _reads_frozen(self, indices: tuple[int, ...]) -> bool:
        """Whether a step reads one source, either directly or through frozen parts only."""
        parent = indices[0] - len(self.sources)
        return len(indices) == 1 and (parent < 0 or self.steps[parent].cache_key is not None)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw outputs by head name, each (B, K)."""
        values = self._begin(batch)
        raw: dict[str, Tensor] = {}
        for step in self.steps:
            value = self._value(step, values, batch)
            values.append(value)
            if step.is_head:
                raw[step.name] = self._fill_prior(step, value, batch)
        return raw

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """The values that heads read: head name -> (B, ...); zeros for rows without any input."""
        values = self._begin(batch)
        inputs: dict[str, Tensor] = {}
        for step in self.steps:
            values.append(self._value(step, values, batch))
            if step.is_head:
                index = step.inputs[0]
                value = values[index].mean(1) if self.specs[index].is_ensemble else values[index]
                inputs[step.name] = _scatter(value, batch.rows(step.sources), batch.size)
        return inputs

    def results(self, batch: Batch, keys: Collection[str]) -> dict[str, Tensor]:
        """Results of steps by their `result_key`, each (B, ...); zeros for rows without any input."""
        values, results = self._begin(batch), {}
        for step in self.steps:
            values.append(self._value(step, values, batch))
            if step.result_key in keys:
                results[str(step.result_key)] = _scatter(values[-1], batch.rows(step.sources), batch.size)
        return results

    def adapt(self, batch: Batch) -> None:
        """Computes the statistics of parts that have some (standardisation), in order.

        Args:
            batch: training rows.
        """
        last_adapted = max((i for i, step in enumerate(self.steps) if hasattr(step.module, "adapt")), default=-1)
        if last_adapted < 0:
            return
        values = self._begin(batch)
        training = self.training
        self.eval()
        with torch.no_grad():
            for step in self.steps[: last_adapted + 1]:
                adapt = getattr(step.module, "adapt", None)
                if adapt is not None and len(values[step.inputs[0]]) > 0:
                    adapt(values[step.inputs[0]])
                values.append(self._value(step, values, batch))
        self.train(training)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002  (torch's)
        """Sets the training mode; frozen parts stay in evaluation mode: no dropout, constant running statistics."""
        super().train(mode)
        for step in self.steps:
            if step.is_frozen:
                step.module.eval()
        return self

    def unshare(self) -> None:
        """Copies frozen parts, which other networks may share, so that this network can be moved to another device."""
        for key in {step.key for step in self.steps if step.is_frozen}:
            self.parts[key] = deepcopy(self.parts[key])
        for step in self.steps:
            step.module = self.parts[step.key]

    def trained_state(self) -> dict[str, Tensor]:
        """The tensors of `state_dict` that training changes: all except those of frozen parts."""
        frozen = tuple(f"parts.{step.key}." for step in self.steps if step.is_frozen)
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith(frozen)}

    def part(self, name: str) -> nn.Module:
        """The module of a part."""
        return self.parts[part_key(name)]

    @property
    def heads(self) -> list[Step]:
        """The steps that are heads, in order."""
        return [step for step in self.steps if step.is_head]

    def _begin(self, batch: Batch) -> list[Tensor]:
        """The values of sources; empty if the batch contains the results of all parts that read a source."""
        required = self.required(frozenset(batch.inputs))
        return [
            scale_pixels(_present_rows(batch, name, frozenset({name})), compact=compact)
            if index in required
            else _EMPTY
            for index, (name, compact) in enumerate(self.sources)
        ]

    def _value(self, step: Step, values: list[Tensor], batch: Batch) -> Tensor:
        if step.result_key is not None and step.result_key in batch.inputs:
            return _present_rows(batch, step.result_key, step.sources)
        index = len(values)
        return self._run(step, values, batch) if index in self.required(frozenset(batch.inputs)) else _EMPTY

    def required(self, inputs: frozenset[str]) -> set[int]:
        """The indices of all values that are read or computed for a batch with these inputs.

        Args:
            inputs: names of sources, and keys of steps whose results the batch contains.
        """
        if inputs not in self._required:
            indices: set[int] = set()
            for index, step in reversed(list(enumerate(self.steps, start=len(self.sources)))):
                if step.is_head or index in indices:
                    indices |= {index} if step.result_key in inputs else {index, *step.inputs}
            self._required[inputs] = indices
        return self._required[inputs]

    def _run(self, step: Step, values: list[Tensor], batch: Batch) -> Tensor:
        if step.is_fusion:
            return self._fuse(step, values, batch)
        if len(step.inputs) == 1:
            inputs = [values[step.inputs[0]]]
        else:
            rows = batch.rows(step.sources)
            full = [_scatter(values[index], batch.rows(self._sources_of[index]), batch.size) for index in step.inputs]
            inputs = full if rows is None else [x.index_select(0, rows) for x in full]
        count = inputs[0].shape[0]
        if count == 0:  # modules need not support batches without rows
            return inputs[0].new_zeros((0, *step.out.shape), dtype=torch.float32)
        if count == 1 and step.has_batch_norm and self.training:
            return _run_in_evaluation_mode(step.module, inputs)
        if step.cache_key is not None and step.has_state:
            # Without training, the activations of a large batch need not fit in memory at once.
            spec = self.specs[step.inputs[0]]
            return run_in_batches(step.module, inputs[0], spec, ignores_padding=step.block.ignores_padding)  # type: ignore[attr-defined]
        if step.is_head and torch.is_autocast_enabled(batch.device.type):
            # Outputs of numbers need the digits that bfloat16 lacks, and heads are small.
            with torch.autocast(batch.device.type, enabled=False):
                return step.module(*(x.float() if x.is_floating_point() else x for x in inputs))
        return step.module(*inputs)

    def _fuse(self, step: Step, values: list[Tensor], batch: Batch) -> Tensor:
        rows_of = [batch.rows(self._sources_of[index]) for index in step.inputs]
        vectors = [values[index] for index in step.inputs]
        if all(rows is None for rows in rows_of):
            return step.module(vectors, None)
        vectors = [_scatter(vector, rows, batch.size) for vector, rows in zip(vectors, rows_of, strict=True)]
        present = torch.stack([_mask(rows, batch.size, batch.device) for rows in rows_of], 1)
        rows = batch.rows(step.sources)
        if rows is not None:
            vectors, present = (
                [vector.index_select(0, rows) for vector in vectors],
                present.index_select(0, rows),
            )
            if len(rows) == 0:
                return vectors[0].new_zeros((0, *step.out.shape))
        return step.module(vectors, present)

    def _fill_prior(self, step: Step, raw: Tensor, batch: Batch) -> Tensor:
        rows = batch.rows(step.sources)
        if rows is None:
            return raw
        prior: Tensor = getattr(self, f"prior__{step.key}")
        return prior.to(raw.dtype).expand(batch.size, *raw.shape[1:]).index_copy(0, rows, raw)


_EMPTY = torch.empty(0)


def _build(
    block: Head | Layer | Fusion, specs: Sequence[Spec], targets: Mapping[str, TargetCodec], modules: FrozenModules
) -> nn.Module:
    """Builds the module of a part."""
    if isinstance(block, Head):
        return _build_head(block, specs, targets[str(block.name)])
    return modules.module(block, specs) if isinstance(block, Layer) and block.frozen else block.build(*specs)


def _build_head(block: Head, specs: Sequence[Spec], target: TargetCodec) -> nn.Module:
    """Builds the module of a head: with the outputs of a linear path, if it reads one, and a layer of added classes."""
    origin = target.origin
    prior = torch.as_tensor(origin.prior, dtype=torch.float32)
    module = add_linear_skip(block.build(specs[0], origin), specs, str(block.name), prior)
    if isinstance(target, LabelCodec) and isinstance(origin, LabelCodec) and origin is not target:
        return GrownHead(module, specs[0], origin, target)
    return module


def scale_pixels(x: Tensor, *, compact: bool) -> Tensor:
    """Divides pixels (uint8) by 255; returns other values unchanged.

    Args:
        x: any shape.
        compact: whether `x` contains pixels.
    """
    if not compact:
        return x
    return x * (1 / 255) if x.is_floating_point() else x.float().mul_(1 / 255)  # the caller's tensor is never changed


def _present_rows(batch: Batch, name: str, sources: frozenset[str]) -> Tensor:
    rows = batch.rows(sources)
    return batch.inputs[name] if rows is None else batch.inputs[name].index_select(0, rows)


def part_key(name: str) -> str:
    """The key of a part in `Network.parts`."""
    # Keys must not contain dots nor be attributes of a module ("type", "train"); different names give different keys.
    key = name.replace("%", "%25").replace(".", "%2E")
    return f"{key}%" if hasattr(nn.ModuleDict(), key) else key


def _run_in_evaluation_mode(module: nn.Module, inputs: list[Tensor]) -> Tensor:
    # One row has no variance: batch normalisation uses its running statistics instead of failing.
    module.eval()
    try:
        return module(*inputs)
    finally:
        module.train()


def _scatter(x: Tensor, rows: Tensor | None, size: int) -> Tensor:
    if rows is None:
        return x
    return x.new_zeros((size, *x.shape[1:])).index_copy(0, rows, x)


def _mask(rows: Tensor | None, size: int, device: torch.device) -> Tensor:
    if rows is None:
        return torch.ones(size, dtype=torch.bool, device=device)
    mask = torch.zeros(size, dtype=torch.bool, device=device)
    mask[rows] = True
    return mask
