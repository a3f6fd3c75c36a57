"""The network that a resolved graph builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from medley.core.batch import Batch
from medley.core.block import Block, Node
from medley.core.codec import TargetCodec
from medley.core.head import Head
from medley.core.input import Input, Preprocessing
from medley.core.layer import Fusion, Layer
from medley.core.spec import Spec
from medley.errors import GraphError
from medley.graph.frozen import FrozenModules, run_in_batches
from medley.graph.graph import Graph
from medley.heads.linear_skip import add_linear_skip


@dataclass
class Step:
    """One part of a network, with what it reads and what it makes.

    Args:
        name: the part's.
        key: under which `Network.parts` holds the module.
        block: its declaration.
        module: computes it.
        inputs: places of what it reads, the sources first, then the steps.
        sources: all that it depends on.
        out: what it makes.
        is_fusion: whether it joins vectors of which some may be absent.
        is_head: whether it goes out.
        is_frozen: whether it never learns.
        has_batch_norm: whether one row alone is too few for it in training.
        has_state: whether it holds weights, or other tensors of its own.
        cache_key: under this name a batch may hold its result; None where something before it learns or changes rows.
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
        """Under this name a batch may hold the step's result."""
        return self.cache_key or self.stage_key


class Network(nn.Module):
    """Runs a batch through the parts in order; only rows that are present reach a part.

    Frozen parts stay in evaluation mode. Where frozen parts alone lie between a source and a step, a batch may hold the
    step's result as an input called `step.cache_key`; the step is then not run, nor is what only it needs.

    Args:
        graph: resolved: inputs, preprocessings, layers, fusions, heads, all fields set.
        specs: source name -> spec of its encoding.
        targets: head name -> fitted target codec.
        frozen: builds frozen parts, or hands out those of other networks; left out, they are built.

    Shape: a `Batch` of B rows -> {head: raw (B, K)}. A row that lacks every input of a head gets the head's prior.

    Raises:
        GraphError: the graph holds an unresolved part.
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
        self._places: dict[int, int] = {}
        self.specs: list[Spec] = []  # of the sources' values, then of the steps'
        self._reach: list[frozenset[str]] = []
        self._required: dict[frozenset[str], set[int]] = {}
        for node in graph.nodes():
            if isinstance(node.block, Input | Preprocessing):
                self._add_source(node, specs)
        for node in graph.nodes():
            if not isinstance(node.block, Input | Preprocessing):
                self._add_step(node, targets, frozen or FrozenModules())
        self._places.clear()  # they are by identity, which a copy does not share

    def _add_source(self, node: Node, specs: Mapping[str, Spec]) -> None:
        name = str(node.block.name)
        if name not in specs:  # an input that is only read through a preprocessing
            return
        spec = specs[name]
        self._place(node, replace(spec, dtype="float32") if spec.dtype == "uint8" else spec, frozenset({name}))
        self.sources.append((name, spec.dtype == "uint8"))

    def _place(self, node: Node, spec: Spec, sources: frozenset[str]) -> None:
        self._places[id(node)] = len(self.specs)
        self.specs.append(spec)
        self._reach.append(sources)

    def _add_step(self, node: Node, targets: Mapping[str, TargetCodec], modules: FrozenModules) -> None:
        block, name = node.block, str(node.block.name)
        places = tuple(self._places[id(one)] for one in node.inputs)
        specs = [self.specs[place] for place in places]
        match block:
            case Head():
                target = targets[name]
                out = Spec((len(target.prior),), "K")
            case Layer() | Fusion():
                target, out = None, block.out(*specs)
            case _:
                raise GraphError(f"{name}: {block!r} is not resolved, so no network can be built from it.")
        key, frozen = part_key(name), isinstance(block, Layer) and block.frozen
        if key not in self.parts:
            if isinstance(block, Layer) and frozen:
                self.parts[key] = modules.module(block, specs)
            else:
                self.parts[key] = _head(block, specs, target) if isinstance(block, Head) else block.build(*specs)  # type: ignore[union-attr]
        if target is not None:
            self.register_buffer(f"prior__{key}", torch.as_tensor(target.prior, dtype=torch.float32))
        sources = frozenset[str]().union(*(self._reach[place] for place in places))
        module = self.parts[key]
        has_batch_norm = (
            any(isinstance(one, nn.modules.batchnorm._BatchNorm) for one in module.modules()) and not frozen
        )
        kinds: dict[str, Any] = {
            "is_fusion": isinstance(block, Fusion),
            "is_head": isinstance(block, Head),
            "is_frozen": frozen,
        }
        # One part may be joined to several sources: a result's name says both.
        cache_key = f"{name}({next(iter(sources))})" if frozen and self._reads_frozen(places) else None
        stage_key = name if isinstance(block, Layer) and block.is_stage else None
        self._place(node, out, sources)
        kinds |= {"has_batch_norm": has_batch_norm, "has_state": bool(module.state_dict())}
        step = Step(name, key, block, module, places, sources, out, **kinds)
        self.steps.append(replace(step, cache_key=cache_key, stage_key=stage_key))

    def _reads_frozen(self, places: tuple[int, ...]) -> bool:
        """Whether a step reads one source, or one result that frozen parts alone compute from one."""
        first = places[0] - len(self.sources)
        return len(places) == 1 and (first < 0 or self.steps[first].cache_key is not None)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw outputs by head name, each (B, K)."""
        values = self._begin(batch)
        raw: dict[str, Tensor] = {}
        for step in self.steps:
            value = self._value(step, values, batch)
            values.append(value)
            if step.is_head:
                raw[step.name] = self._complete(step, value, batch)
        return raw

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """What each head reads: head name -> (B, ...); rows without any input are zeros."""
        values = self._begin(batch)
        read: dict[str, Tensor] = {}
        for step in self.steps:
            values.append(self._value(step, values, batch))
            if step.is_head:
                place = step.inputs[0]
                one = values[place].mean(1) if self.specs[place].is_ensemble else values[place]
                read[step.name] = _spread(one, batch.rows(step.sources), batch.size)
        return read

    def adapt(self, batch: Batch) -> None:
        """Lets the parts that learn statistics (standardisation) learn them from these rows, in order."""
        last = max((i for i, step in enumerate(self.steps) if hasattr(step.module, "adapt")), default=-1)
        if last < 0:
            return
        values = self._begin(batch)
        training = self.training
        self.eval()
        with torch.no_grad():
            for step in self.steps[: last + 1]:
                adapt = getattr(step.module, "adapt", None)
                if adapt is not None and len(values[step.inputs[0]]) > 0:
                    adapt(values[step.inputs[0]])
                values.append(self._value(step, values, batch))
        self.train(training)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002  (torch's)
        """As of every module, but frozen parts stay in evaluation mode: no dropout, no running statistics."""
        super().train(mode)
        for step in self.steps:
            if step.is_frozen:
                step.module.eval()
        return self

    def unshare(self) -> None:
        """Copies the frozen parts, which other networks may share, so that this one can be moved by itself."""
        for key in {step.key for step in self.steps if step.is_frozen}:
            self.parts[key] = deepcopy(self.parts[key])
        for step in self.steps:
            step.module = self.parts[step.key]

    def trained_state(self) -> dict[str, Tensor]:
        """The tensors of `state_dict` that a training changes: those of frozen parts are left out."""
        frozen = tuple(f"parts.{step.key}." for step in self.steps if step.is_frozen)
        return {name: one for name, one in self.state_dict().items() if not name.startswith(frozen)}

    def part(self, name: str) -> nn.Module:
        """The module of a part."""
        return self.parts[part_key(name)]

    @property
    def heads(self) -> list[Step]:
        """The steps that are heads, in order."""
        return [step for step in self.steps if step.is_head]

    def _begin(self, batch: Batch) -> list[Tensor]:
        """The sources' values; empty where the batch holds the results of all parts that read one."""
        required = self.required(frozenset(batch.inputs))
        return [
            scaled(_present(batch, name, frozenset({name})), compact=compact) if place in required else _EMPTY
            for place, (name, compact) in enumerate(self.sources)
        ]

    def _value(self, step: Step, values: list[Tensor], batch: Batch) -> Tensor:
        if step.result_key is not None and step.result_key in batch.inputs:
            return _present(batch, step.result_key, step.sources)
        place = len(values)
        return self._run(step, values, batch) if place in self.required(frozenset(batch.inputs)) else _EMPTY

    def required(self, inputs: frozenset[str]) -> set[int]:
        """The places of all values that are read or computed for a batch with these inputs.

        Args:
            inputs: names of sources, and cache keys of steps whose results the batch holds.
        """
        if inputs not in self._required:
            places: set[int] = set()
            for place, step in reversed(list(enumerate(self.steps, start=len(self.sources)))):
                if step.is_head or place in places:
                    places |= {place} if step.result_key in inputs else {place, *step.inputs}
            self._required[inputs] = places
        return self._required[inputs]

    def _run(self, step: Step, values: list[Tensor], batch: Batch) -> Tensor:
        if step.is_fusion:
            return self._fuse(step, values, batch)
        if len(step.inputs) == 1:
            inputs = [values[step.inputs[0]]]
        else:
            rows = batch.rows(step.sources)
            full = [_spread(values[place], batch.rows(self._reach[place]), batch.size) for place in step.inputs]
            inputs = full if rows is None else [one.index_select(0, rows) for one in full]
        count = inputs[0].shape[0]
        if count == 0:  # modules need not cope with no rows at all
            return inputs[0].new_zeros((0, *step.out.shape), dtype=torch.float32)
        if count == 1 and step.has_batch_norm and self.training:
            return _run_in_evaluation_mode(step.module, inputs)
        if step.cache_key is not None and step.has_state:
            # Nothing is trained here, so the activations of a large batch do not have to fit in memory at once.
            spec = self.specs[step.inputs[0]]
            return run_in_batches(step.module, inputs[0], spec, ignores_padding=step.block.ignores_padding)  # type: ignore[attr-defined]
        return step.module(*inputs)

    def _fuse(self, step: Step, values: list[Tensor], batch: Batch) -> Tensor:
        index = [batch.rows(self._reach[place]) for place in step.inputs]
        vectors = [values[place] for place in step.inputs]
        if all(one is None for one in index):
            return step.module(vectors, None)
        vectors = [_spread(vector, rows, batch.size) for vector, rows in zip(vectors, index, strict=True)]
        present = torch.stack([_mask(rows, batch.size, batch.device) for rows in index], 1)
        rows = batch.rows(step.sources)
        if rows is not None:
            vectors, present = (
                [vector.index_select(0, rows) for vector in vectors],
                present.index_select(0, rows),
            )
            if len(rows) == 0:
                return vectors[0].new_zeros((0, *step.out.shape))
        return step.module(vectors, present)

    def _complete(self, step: Step, raw: Tensor, batch: Batch) -> Tensor:
        rows = batch.rows(step.sources)
        if rows is None:
            return raw
        prior: Tensor = getattr(self, f"prior__{step.key}")
        return prior.to(raw.dtype).expand(batch.size, *raw.shape[1:]).index_copy(0, rows, raw)


_EMPTY = torch.empty(0)


def _head(block: Head, specs: Sequence[Spec], target: TargetCodec | None) -> nn.Module:
    """A head's module; one that is joined to a linear path as well starts at its answers."""
    assert target is not None
    prior = torch.as_tensor(target.prior, dtype=torch.float32)
    return add_linear_skip(block.build(specs[0], target), specs, str(block.name), prior)


def scaled(x: Tensor, *, compact: bool) -> Tensor:
    """Compact pixels (uint8) as fractions of 255; other values as they are."""
    return x * (1 / 255) if compact else x


def _present(batch: Batch, name: str, sources: frozenset[str]) -> Tensor:
    rows = batch.rows(sources)
    return batch.inputs[name] if rows is None else batch.inputs[name].index_select(0, rows)


def part_key(name: str) -> str:
    """Under which `Network.parts` holds a part."""
    # A module's name holds no dots and is none of a module's own attributes ("type", "train"); no two names are one.
    key = name.replace("%", "%25").replace(".", "%2E")
    return f"{key}%" if hasattr(nn.ModuleDict(), key) else key


def _run_in_evaluation_mode(module: nn.Module, inputs: list[Tensor]) -> Tensor:
    # One row has no variance: batch normalisation uses its running statistics instead of failing.
    module.eval()
    try:
        return module(*inputs)
    finally:
        module.train()


def _spread(x: Tensor, rows: Tensor | None, size: int) -> Tensor:
    if rows is None:
        return x
    return x.new_zeros((size, *x.shape[1:])).index_copy(0, rows, x)


def _mask(rows: Tensor | None, size: int, device: torch.device) -> Tensor:
    if rows is None:
        return torch.ones(size, dtype=torch.bool, device=device)
    mask = torch.zeros(size, dtype=torch.bool, device=device)
    mask[rows] = True
    return mask
