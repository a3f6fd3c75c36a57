"""Parts that say they can be written as ONNX give the same numbers there."""

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
from medley.core.input import Input
from medley.core.layer import Fusion, Layer
from medley.core.probe import probe
from medley.core.registry import lookup
from medley.core.spec import Spec
from medley.errors import MedleyError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.onnx_graph import onnx_names, write_onnx
from medley.testing.samples import ROWS, SEVERAL, labels, readable, single, values
from medley.testing.suggestions import settled

TOLERANCE = 1e-4
NOWHERE = 5
"""A row that lacks every input."""


def check_export(*blocks: Block | type[Block], specs: Sequence[Sequence[Spec]] | None = None) -> None:
    """Writes layers, fusions and heads as one ONNX graph, and compares it with torch: put it into a test of your own.

    Each is joined to everything that it can read. Compared are a batch in which rows lack inputs, single rows, and a
    row that lacks all inputs. An export takes seconds, so many blocks share one.

    Args:
        blocks: classes that need no arguments, or declarations; composites and inputs have nothing of their own to
            export.
        specs: what they are joined to, in place of medley's own samples.

    Raises:
        AssertionError: numbers differ by more than 1e-4; says of which block.
        ConfigError: a block cannot be exported, or gives quite other numbers.
        MissingDependencyError: the packages of `medley[export]` are not installed.
    """
    graph, known, targets = _drawn([one() if isinstance(one, type) else one for one in blocks], specs)
    torch.manual_seed(0)
    network = Network(graph, known, targets).eval()
    _shake(network)
    rows = {name: _rows(spec, seed) for seed, (name, spec) in enumerate(known.items())}
    everywhere = Batch(ROWS, {name: torch.from_numpy(one) for name, one in rows.items()}, dict.fromkeys(rows))
    network.adapt(everywhere)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parts.onnx"
        write_onnx(network, known, path)
        _compare(network, path, rows)


def _drawn(
    blocks: Sequence[Block], specs: Sequence[Sequence[Spec]] | None
) -> tuple[Graph, dict[str, Spec], dict[str, TargetCodec]]:
    inputs: list[Input] = []
    outputs: list[Node] = []
    known: dict[str, Spec] = {}
    targets: dict[str, TargetCodec] = {}
    for number, block in enumerate(blocks):
        before = len(outputs)
        axes: set[tuple[str, ...]] = set()
        for sample, read in enumerate(_samples(block) if specs is None else specs):
            if specs is None and tuple(spec.axes for spec in read) in axes:
                continue  # a second size of the same form would cost as much time and tell little
            word = f"{type(block).__name__}_{number}_{sample}"
            nodes = [_Given(name=f"{word}_{place}") for place in range(len(read))]
            for head, target in _joined(block, nodes, read, word):
                axes.add(tuple(spec.axes for spec in read))
                outputs.append(head)
                targets[str(head.block.name)] = target
                inputs += [one for one in nodes if one not in inputs]
                known.update({str(one.name): spec for one, spec in zip(nodes, read, strict=True)})
        assert len(outputs) > before, f"{block!r} accepts none of the samples; give specs of your own."
    return Graph(tuple(inputs), tuple(outputs)), known, targets


class _Given(Input):
    """Rows that are encoded already."""

    def codec(self) -> Any:
        raise NotImplementedError

    def default_block(self) -> Any:
        raise NotImplementedError


def _samples(block: Block) -> list[tuple[Spec, ...]]:
    match block:
        case Layer():
            return readable(block)
        case Head():
            return [(spec,) for spec in single(block)]
    return [pair for pair in SEVERAL if pair[0].is_vector]


def _joined(block: Block, nodes: list[_Given], specs: Sequence[Spec], word: str) -> Iterator[tuple[Node, TargetCodec]]:
    """A head on a block, or the block itself with labels of every form that it learns; nothing where it refuses."""
    if isinstance(block, Head):
        for form, one in enumerate(labels()):
            try:
                target = block.codec().fit(one)
            except MedleyError:
                continue
            yield replace(settled(block, specs), name=f"{word}_labels_{form}")(nodes), target
            if specs[0].rank > 1 and not specs[0].is_ensemble:
                return  # maps and sequences become vectors before labels matter
        return
    try:
        one = replace(settled(block, specs), name=word)
        if len(specs) > 1 and isinstance(one, Layer):
            probe(partial(one.build, *specs), specs, word)
        out = one.out(*specs)
    except Exception:  # what a part cannot read is no matter of exports
        return
    assert isinstance(one, Layer | Fusion), f"{block!r} is no layer, fusion or head."
    head = cast(Head, lookup("heads.regression")(dropout=0.0, name=f"{word}_head"))
    if out.dtype == "float32":
        yield head(one(nodes)), head.codec().fit(np.linspace(0.0, 1.0, 2 * ROWS).reshape(-1, 2))


def _rows(spec: Spec, seed: int) -> np.ndarray:
    found = values(replace(spec, dtype="float32") if spec.dtype == "uint8" else spec, seed).numpy()
    return (found * 60 + 128).clip(0, 255).astype(np.uint8) if spec.dtype == "uint8" else found


@torch.no_grad()
def _shake(network: nn.Module) -> None:
    # Much starts at 0 or 1, where a part that were lost would not be missed.
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
    present = {name: (rng.random(ROWS) < 0.6) & (np.arange(ROWS) != NOWHERE) for name in rows}
    for places in (slice(None), slice(0, 1), slice(NOWHERE, NOWHERE + 1)):
        here = {name: one[places] for name, one in present.items()}
        given = {name: one[places] * _wide(here[name], one) for name, one in rows.items()}
        feed: dict[str, np.ndarray] = {names.arrays[name]: one.astype(rows[name].dtype) for name, one in given.items()}
        feed.update({names.present[name]: one for name, one in here.items()})
        found = session.run(outputs, feed)
        size = len(next(iter(here.values())))
        absent = {name: None if one.all() else one for name, one in here.items()}
        with torch.no_grad():
            batch = Batch(size, {name: torch.from_numpy(feed[names.arrays[name]]) for name in rows}, absent)
            wanted = network(batch)
        for name, one in zip(outputs, found, strict=True):
            where, known = f"{name} in a batch of {size}", wanted[name].numpy()
            np.testing.assert_allclose(np.asarray(one), known, TOLERANCE, TOLERANCE, err_msg=where)


def _wide(mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return mask.reshape(-1, *[1] * (rows.ndim - 1))
