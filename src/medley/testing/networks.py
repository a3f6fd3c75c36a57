"""Conformance test of inputs, preprocessings and composites as parts of networks."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medley.core.batch import Batch, Rows
from medley.core.block import Node
from medley.core.input import InputBlock
from medley.core.registry import lookup
from medley.core.resolve import Suggest
from medley.graph.graph import build_graph
from medley.graph.network import Network
from medley.graph.static_network import StaticNetwork
from medley.model.artifact import load
from medley.model.forward import compute_outputs
from medley.model.model import Model
from medley.model.tasks import tasks_of
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.search_spec import SearchSpec, resolved
from medley.testing.modules import check_gradients, check_rows
from medley.testing.suggestions import MAX_PARAMETERS
from medley.train.plan import Training


def check_network(inputs: Sequence[InputBlock], node: Node, x: Mapping[str, Sequence[Any]], suggest: Suggest) -> bool:
    """Tests the graph of these inputs up to this node, with a head of two numbers: resolved, built, saved and loaded.

    Args:
        inputs: named inputs.
        node: depends on all of them.
        x: input name -> rows, None where absent.
        suggest: chooses values of open fields.

    Returns:
        False if the network has too many parameters to be tested.

    Raises:
        AssertionError: the network violates a requirement, which the message names.
        MedleyError: the blocks cannot be connected, or an input cannot read its rows.
    """
    context = f"{node.block!r} on {' and '.join(map(repr, inputs))}"
    model, rows = _model(inputs, node, x, suggest)
    network = model.network
    if sum(p.numel() for p in network.parameters()) > MAX_PARAMETERS:
        return False
    network.adapt(rows.slice(0, rows.size))
    _check_shapes(network, rows, context)
    raw = compute_outputs(network, rows, rows.size)["head"]
    assert raw.isfinite().all(), f"{context}: a row has the result {raw[~raw.isfinite()][0]}."
    _check_absent(model, rows, raw, context)
    _check_dense(network, rows, raw, context)
    with torch.no_grad():
        check_rows(lambda index: network.eval()(rows.take(index))["head"], raw, context)
    _check_saved(model, x, context)
    check_gradients(network, lambda: network.train()(rows.slice(0, rows.size))["head"], context)
    return True


def _model(inputs: Sequence[InputBlock], node: Node, x: Mapping[str, Any], suggest: Suggest) -> tuple[Model, Rows]:
    size = len(next(iter(x.values())))
    head = lookup("heads.regression")(dropout=0.0, name="head")
    graph = build_graph(list(inputs), head(node))
    y = {"head": np.random.default_rng(0).normal(size=(size, 2))}
    data = Encodings(LabelledRows(x, y, None, size), None, {"head": head.codec()}, torch.device("cpu"))
    search_spec = SearchSpec(graph, data, Training(), None, lambda values: 0.0, 0)
    settled, _ = resolved(search_spec, suggest)
    sources = data.sources(settled)
    torch.manual_seed(0)
    network = Network(settled, {source.name: source.codec.spec for source in sources}, data.targets)
    tasks_of(settled, data.targets)
    return Model(settled, sources, data.targets, network), data.rows(settled)[0]


def _check_shapes(network: Network, rows: Rows, context: str) -> None:
    outputs: dict[int, Tensor] = {}

    def record(module: nn.Module, _: Any, out: Tensor) -> None:
        outputs[id(module)] = out

    hooks = [step.module.register_forward_hook(record) for step in network.steps]
    compute_outputs(network, rows, rows.size)
    for hook in hooks:
        hook.remove()
    for step in network.steps:
        shape = tuple(outputs[id(step.module)].shape[1:])
        assert shape == step.out.shape, f"{context}: out() of {step.name} is {step.out}, got {shape}."


def _check_absent(model: Model, rows: Rows, raw: Tensor, context: str) -> None:
    masks = [mask for mask in rows.present.values() if mask is not None]
    if len(masks) < len(rows.present):
        return
    empty = torch.from_numpy(~np.logical_or.reduce(masks))
    prior = torch.as_tensor(model.targets["head"].prior)
    assert (raw[empty] == prior).all(), f"{context}: the prediction of a row without any input must be the prior."
    arrays = {name: array.clone() for name, array in rows.slice(0, rows.size).inputs.items()}
    dirty = Batch(rows.size, arrays, rows.present)
    for name, array in dirty.inputs.items():
        array[~torch.from_numpy(rows.present[name])] = float("nan") if array.is_floating_point() else 1
    with torch.no_grad():
        result = model.network(dirty)["head"]
    assert torch.equal(result, raw), f"{context}: the content of absent rows changes the result."


def _check_dense(network: Network, rows: Rows, raw: Tensor, context: str) -> None:
    all_rows = torch.ones(rows.size, dtype=torch.bool)
    present = {name: all_rows if mask is None else torch.from_numpy(mask) for name, mask in rows.present.items()}
    with torch.no_grad():
        result = StaticNetwork(network)(rows.inputs, present)["head"]
    assert torch.allclose(result, raw, 1e-4, 1e-4), (
        f"{context}: computed on all rows, results differ from those computed on present rows only."
    )


def _check_saved(model: Model, x: Mapping[str, Any], context: str) -> None:
    before = model.predict_raw(x)["head"]
    with tempfile.TemporaryDirectory() as folder:
        after = load(model.save(folder)).predict_raw(x)["head"]
    assert np.array_equal(before, after), f"{context}: a saved and loaded model has other predictions."
