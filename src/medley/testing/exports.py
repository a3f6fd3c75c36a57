"""Conformance test of the export to ONNX."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from medley.core.batch import Batch
from medley.core.block import Block, Node
from medley.core.codec import TargetCodec
from medley.core.head import Head
from medley.core.input import InputBlock
from medley.core.layer import Fusion, Layer
from medley.core.probe import probe
from medley.core.registry import lookup
from medley.core.spec import Spec
from medley.errors import MedleyError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.onnx_graph import onnx_names, write_onnx
from medley.testing.samples import ROWS, SPEC_GROUPS, labels, readable_groups, readable_specs, values
from medley.testing.suggestions import with_values

TOLERANCE = 1e-4
EMPTY_ROW = 5
"""A row without any input."""


def check_export(*blocks: Block | type[Block], specs: Sequence[Sequence[Spec]] | None = None) -> None:
    """Writes layers, fusions and heads as one ONNX graph and compares it with torch; call it in a test of your own.

    Each block is called on every sample that it can read. The comparison covers a batch with missing inputs, single
    rows, and a row without any input. An export takes seconds, so blocks are exported together.

    Args:
        blocks: classes that need no arguments, or blocks; composites and inputs are not exported themselves.
        specs: the specs that they are called on, instead of medley's samples.

    Raises:
        AssertionError: results differ by more than 1e-4; the message names the block.
        ConfigError: a block cannot be exported, or its results are entirely different.
        MissingDependencyError: the packages of `medley[export]` are not installed.
    """
    instances = [block() if isinstance(block, type) else block for block in blocks]
    graph, input_specs, targets = _graph_of_all(instances, specs)
    torch.manual_seed(0)
    network = Network(graph, input_specs, targets).eval()
    _perturb(network)
    rows = {name: _rows(spec, seed) for seed, (name, spec) in enumerate(input_specs.items())}
    batch = Batch(ROWS, {name: torch.from_numpy(array) for name, array in rows.items()}, dict.fromkeys(rows))
    network.adapt(batch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parts.onnx"
        write_onnx(network, input_specs, path)
        _compare(network, path, rows)


def _graph_of_all(
    blocks: Sequence[Block], specs: Sequence[Sequence[Spec]] | None
) -> tuple[Graph, dict[str, Spec], dict[str, TargetCodec]]:
    inputs: list[InputBlock] = []
    outputs: list[Node] = []
    input_specs: dict[str, Spec] = {}
    targets: dict[str, TargetCodec] = {}
    for number, block in enumerate(blocks):
        before = len(outputs)
        axes: set[tuple[str, ...]] = set()
        for sample, read in enumerate(_samples(block) if specs is None else specs):
            if specs is None and tuple(spec.axes for spec in read) in axes:
                continue  # a second size with the same axes takes as long and tests little more
            prefix = f"{type(block).__name__}_{number}_{sample}"
            nodes = [_EncodedInput(name=f"{prefix}_{place}") for place in range(len(read))]
            for head, target in _with_heads(block, nodes, read, prefix):
                axes.add(tuple(spec.axes for spec in read))
                outputs.append(head)
                targets[str(head.block.name)] = target
                inputs += [node for node in nodes if node not in inputs]
                input_specs.update({str(node.name): spec for node, spec in zip(nodes, read, strict=True)})
        assert len(outputs) > before, f"{block!r} accepts none of the samples; pass specs of your own."
    return Graph(tuple(inputs), tuple(outputs)), input_specs, targets


class _EncodedInput(InputBlock):
    """An input whose rows are already encoded."""

    def codec(self) -> Any:
        raise NotImplementedError

    def default_block(self) -> Any:
        raise NotImplementedError


def _samples(block: Block) -> list[tuple[Spec, ...]]:
    match block:
        case Layer():
            return readable_groups(block)
        case Head():
            return [(spec,) for spec in readable_specs(block)]
    return [group for group in SPEC_GROUPS if group[0].is_vector]


def _with_heads(
    block: Block, nodes: list[_EncodedInput], specs: Sequence[Spec], prefix: str
) -> Iterator[tuple[Node, TargetCodec]]:
    """A head on the block; for a head, the block with all labels that it accepts. Nothing if it rejects the specs."""
    if isinstance(block, Head):
        networks: set[tuple[str, ...]] = set()
        for number, sample in enumerate(labels()):
            try:
                target = block.codec().fit(sample)
            except MedleyError:
                continue
            head = replace(with_values(block, specs), name=f"{prefix}_labels_{number}")
            module = head.build(specs[0], target)
            shapes = [str(value.shape) for value in module.state_dict().values()]
            network = (type(target).__name__, str(module), *shapes)
            if network in networks:
                continue  # other names of as many classes give the same network
            networks.add(network)
            yield head(nodes), target
            if specs[0].rank > 1 and not specs[0].is_ensemble:
                return  # maps and sequences are reduced to vectors first, so other labels test nothing new
        return
    try:
        part = replace(with_values(block, specs), name=prefix)
        if len(specs) > 1 and isinstance(part, Layer):
            probe(partial(part.build, *specs), specs, prefix)
        out = part.out(*specs)
    except Exception:  # rejected specs are not a failure of the export
        return
    assert isinstance(part, Layer | Fusion), f"{block!r} is not a layer, fusion or head."
    head = cast(Head, lookup("heads.regression")(dropout=0.0, name=f"{prefix}_head"))
    if out.dtype == "float32":
        yield head(part(nodes)), head.codec().fit(np.linspace(0.0, 1.0, 2 * ROWS).reshape(-1, 2))


def _rows(spec: Spec, seed: int) -> np.ndarray:
    array = values(replace(spec, dtype="float32") if spec.dtype == "uint8" else spec, seed).numpy()
    return (array * 60 + 128).clip(0, 255).astype(np.uint8) if spec.dtype == "uint8" else array


@torch.no_grad()
def _perturb(network: nn.Module) -> None:
    # Many parameters start at 0 or 1, where an operation that is missing in the export would have no effect.
    for parameter in network.parameters():
        if parameter.is_floating_point():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_()
            cast(torch.Tensor, module.running_var).uniform_(0.5, 1.5)


def _compare(network: Network, path: Path, rows: dict[str, np.ndarray]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = onnx_names(network)
    outputs = [step.name for step in network.heads]
    rng = np.random.default_rng(0)
    present = {name: (rng.random(ROWS) < 0.6) & (np.arange(ROWS) != EMPTY_ROW) for name in rows}
    for selection in (slice(None), slice(0, 1), slice(EMPTY_ROW, EMPTY_ROW + 1)):
        masks = {name: mask[selection] for name, mask in present.items()}
        arrays = {name: array[selection] * _broadcastable(masks[name], array) for name, array in rows.items()}
        feed: dict[str, np.ndarray] = {
            names.arrays[name]: array.astype(rows[name].dtype) for name, array in arrays.items()
        }
        feed.update({names.present[name]: mask for name, mask in masks.items()})
        actual = session.run(outputs, feed)
        size = len(next(iter(masks.values())))
        batch_masks = {name: None if mask.all() else mask for name, mask in masks.items()}
        with torch.no_grad():
            batch = Batch(size, {name: torch.from_numpy(feed[names.arrays[name]]) for name in rows}, batch_masks)
            expected = network(batch)
        for name, array in zip(outputs, actual, strict=True):
            label = f"{name} in a batch of {size}"
            np.testing.assert_allclose(np.asarray(array), expected[name].numpy(), TOLERANCE, TOLERANCE, err_msg=label)


def _broadcastable(mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return mask.reshape(-1, *[1] * (rows.ndim - 1))
