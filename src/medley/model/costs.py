"""What each part of a model costs: parameters, bytes on disk, and the time that it takes to predict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from medley.core.batch import Rows
from medley.core.codec import Codec, Encoded
from medley.core.serialization import split_arrays
from medley.data.rows import count, take
from medley.data.sources import Source, encode_inputs
from medley.model.derived import InputRows, derived_nodes
from medley.model.description import Section, sections
from medley.model.forward import compute_outputs
from medley.model.onnx_check import random_rows

if TYPE_CHECKING:
    from medley.core.codec import TargetCodec
    from medley.graph.graph import Graph
    from medley.graph.network import Network
    from medley.tables.view import TableView

ROWS, MORE_ROWS, FAST = 32, 256, 0.1
"""Rows that are timed; the larger number if the smaller one took less than `FAST` seconds, most of which do not depend
on the number of rows then."""


class PartCost(NamedTuple):
    """The cost of a part of a model.

    Args:
        part: its name.
        parameters: number of parameters of its network; None for a codec.
        bytes: that its weights or its fitted state take in a saved model.
        milliseconds: that it takes for 1,000 rows; None if that was not measured.
        stored_rows: a sentence about training rows that it contains; empty if it contains none.
    """

    part: str
    parameters: int | None
    bytes: int
    milliseconds: float | None
    stored_rows: str = ""


def part_costs(
    sources: Sequence[Source], network: Network, metadata: Mapping[str, Any], device: torch.device
) -> list[PartCost]:
    """The costs of a model's codecs and of the parts of its network, in order.

    Parts of the network are timed now, on a few random rows; codecs were timed after training, on training rows.

    Args:
        sources: of the model.
        network: likewise.
        metadata: likewise.
        device: where the network is.
    """
    encoding: Mapping[str, float] = metadata.get("encoding_milliseconds") or {}
    codecs = [
        PartCost(f"{source.name} (codec)", None, _state_bytes(source.codec), encoding.get(source.name), stored)
        for source in sources
        for stored in (source.codec.stored_rows,)
    ]
    times = _network_milliseconds(network, sources, device)
    state = network.state_dict()
    names: dict[str, list[str]] = {}
    for step in network.steps:
        names.setdefault(step.key, []).append(step.name)
    parts = [
        PartCost(
            ", ".join(dict.fromkeys(steps)),
            sum(parameter.numel() for parameter in network.parts[key].parameters()),
            sum(tensor.nbytes for name, tensor in state.items() if name.startswith(f"parts.{key}.")),
            times.get(key),
        )
        for key, steps in names.items()
    ]
    return [*codecs, *parts]


def described(
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    metadata: Mapping[str, Any],
    view: TableView | None,
    network: Network,
    device: torch.device,
) -> list[Section]:
    """All sections of a model's description except for the parts of its network: their costs, and `sections`.

    Args:
        graph: as of `sections`, like the next four.
        sources: likewise.
        targets: likewise.
        metadata: likewise.
        view: likewise.
        network: of the model.
        device: where it is.
    """
    costs = part_costs(sources, network, metadata, device)
    return [cost_section(costs), *sections(graph, sources, targets, metadata, view)]


def cost_section(costs: Sequence[PartCost]) -> Section:
    """A table of costs, with a line for each part that contains training rows.

    Args:
        costs: of the parts of a model.

    >>> print(cost_section([PartCost("dense", 1200, 4800, 0.25), PartCost("x (codec)", None, 20_000_000, None)]))
    size and time
    part       parameters  on disk  ms per 1,000 rows
    dense           1,200     5 kB                0.2
    x (codec)                20 MB
    """
    rows = [
        (
            cost.part,
            None if cost.parameters is None else f"{cost.parameters:,}",
            _size(cost.bytes),
            None if cost.milliseconds is None else f"{cost.milliseconds:,.{0 if cost.milliseconds >= 10 else 1}f}",
        )
        for cost in costs
    ]
    names = ("part", "parameters", "on disk", "ms per 1,000 rows")
    lines = tuple(f"{cost.part} contains {cost.stored_rows}" for cost in costs if cost.stored_rows)
    return Section("size and time", names, rows, right=names[1:], lines=lines)


def encoding_milliseconds(graph: Graph, sources: Sequence[Source], x: Mapping[str, Any]) -> dict[str, float]:
    """The time that each codec takes to encode 1,000 rows, measured on some of them.

    Inputs whose rows are derived by a network or a function of the caller are left out: deriving them may take long.

    Args:
        graph: resolved.
        sources: its fitted encodings.
        x: input name -> N rows.

    Returns:
        Name of the source -> milliseconds.
    """
    nodes = derived_nodes(graph)
    costly = {node.block.name for node in nodes if not node.block.exports}
    size = min(count(values) for values in x.values() if values is not None)

    def milliseconds(source: Source, rows: int) -> float:
        index = np.arange(min(rows, size))
        sample = {name: None if values is None else take(values, index) for name, values in x.items()}
        start = perf_counter()
        encode_inputs([source], InputRows(sample, nodes))
        seconds = perf_counter() - start
        return milliseconds(source, MORE_ROWS) if rows == ROWS and seconds < FAST else seconds * 1e6 / len(index)

    timed = [source for source in sources if source.input_name not in costly]
    return {source.name: round(milliseconds(source, ROWS), 3) for source in timed}


def _network_milliseconds(network: Network, sources: Sequence[Source], device: torch.device) -> dict[str, float]:
    """Key of a part -> milliseconds for 1,000 rows."""
    rng = np.random.default_rng(0)

    def random(size: int) -> Rows:
        arrays = {source.name: random_rows(source.codec.spec, rng, size) for source in sources}
        return Rows({name: Encoded(array, np.ones(size, bool)) for name, array in arrays.items()}, device=device)

    clock, size = _Clock(network, device), ROWS
    try:
        compute_outputs(network, random(size), size)  # the first pass allocates memory, and takes longer
        if sum(clock.seconds.values()) < FAST:
            size = MORE_ROWS
        clock.seconds.clear()
        compute_outputs(network, random(size), size)
    finally:
        clock.remove()
    return {key: seconds * 1e6 / size for key, seconds in clock.seconds.items()}


class _Clock:
    """Adds up the seconds that each part of a network runs.

    Args:
        network: whose parts are timed, until `remove`.
        device: where it runs.
    """

    def __init__(self, network: Network, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._is_cuda = device.type == "cuda"
        self._starts: dict[str, float] = {}
        self._hooks = [hook for key, part in network.parts.items() for hook in self._watch(key, part)]

    def _watch(self, key: str, part: nn.Module) -> list[Any]:
        def begin(*_: Any) -> None:
            self._starts[key] = self._now()

        def end(*_: Any) -> None:
            self.seconds[key] = self.seconds.get(key, 0.0) + self._now() - self._starts[key]

        return [part.register_forward_pre_hook(begin), part.register_forward_hook(end)]

    def _now(self) -> float:
        if self._is_cuda:
            torch.cuda.synchronize()
        return perf_counter()

    def remove(self) -> None:
        """Stops timing."""
        for hook in self._hooks:
            hook.remove()


def _state_bytes(codec: Codec) -> int:
    values, arrays = split_arrays(codec.state(), "")
    return len(json.dumps(values, default=str)) + sum(array.nbytes for array in arrays.values())


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e7 else f"{count / 1e3:,.0f} kB"
