"""What whole networks keep to: inputs, preprocessings and composites are tried as parts of one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medley.core.batch import Batch, Rows
from medley.core.block import Node
from medley.core.input import Input
from medley.core.registry import lookup
from medley.core.resolve import Suggest
from medley.graph.dense import DenseNetwork
from medley.graph.graph import draw
from medley.graph.network import Network
from medley.model.artifact import load
from medley.model.forward import compute_outputs
from medley.model.model import Model
from medley.model.tasks import tasks_of
from medley.search.encodings import Encodings
from medley.search.part import Part
from medley.search.trial import SearchSpec, resolved
from medley.testing.modules import check_gradients, check_rows
from medley.testing.suggestions import MOST
from medley.train.plan import Training


def check_network(inputs: Sequence[Input], node: Node, x: Mapping[str, Sequence[Any]], suggest: Suggest) -> bool:
    """A graph of these inputs up to this node, with a head of two numbers on it, resolved, built, saved and loaded.

    Args:
        inputs: each with a name.
        node: depends on all of them.
        x: input name -> rows, None where absent.
        suggest: fills open fields.

    Returns:
        False where the network has too many parameters to be tried.

    Raises:
        AssertionError: it breaks a promise; says which.
        MedleyError: the parts cannot be joined, or an input cannot read its rows.
    """
    told = f"{node.block!r} on {' and '.join(map(repr, inputs))}"
    model, rows = _model(inputs, node, x, suggest)
    network = model.network
    if sum(p.numel() for p in network.parameters()) > MOST:
        return False
    network.adapt(rows.slice(0, rows.size))
    _check_shapes(network, rows, told)
    raw = compute_outputs(network, rows, rows.size)["head"]
    assert raw.isfinite().all(), f"{told}: a row gives {raw[~raw.isfinite()][0]}."
    _check_absent(model, rows, raw, told)
    _check_dense(network, rows, raw, told)
    with torch.no_grad():
        check_rows(lambda index: network.eval()(rows.take(index))["head"], raw, told)
    _check_saved(model, x, told)
    check_gradients(network, lambda: network.train()(rows.slice(0, rows.size))["head"], told)
    return True


def _model(inputs: Sequence[Input], node: Node, x: Mapping[str, Any], suggest: Suggest) -> tuple[Model, Rows]:
    size = len(next(iter(x.values())))
    head = lookup("heads.regression")(dropout=0.0, name="head")
    graph = draw(list(inputs), head(node))
    y = {"head": np.random.default_rng(0).normal(size=(size, 2))}
    data = Encodings(Part(x, y, None, size), None, {"head": head.codec()}, torch.device("cpu"))
    search_spec = SearchSpec(graph, data, Training(), None, lambda values: 0.0, 0)
    settled, _ = resolved(search_spec, suggest)
    sources = data.sources(settled)
    torch.manual_seed(0)
    network = Network(settled, {one.name: one.codec.spec for one in sources}, data.targets)
    tasks_of(settled, data.targets)
    return Model(settled, sources, data.targets, network), data.rows(settled)[0]


def _check_shapes(network: Network, rows: Rows, told: str) -> None:
    found: dict[int, Tensor] = {}

    def note(module: nn.Module, _: Any, out: Tensor) -> None:
        found[id(module)] = out

    hooks = [step.module.register_forward_hook(note) for step in network.steps]
    compute_outputs(network, rows, rows.size)
    for hook in hooks:
        hook.remove()
    for step in network.steps:
        shape = tuple(found[id(step.module)].shape[1:])
        assert shape == step.out.shape, f"{told}: out() of {step.name} says {step.out}, got {shape}."


def _check_absent(model: Model, rows: Rows, raw: Tensor, told: str) -> None:
    masks = [mask for mask in rows.present.values() if mask is not None]
    if len(masks) < len(rows.present):
        return
    nowhere = torch.from_numpy(~np.logical_or.reduce(masks))
    prior = torch.as_tensor(model.targets["head"].prior)
    assert (raw[nowhere] == prior).all(), f"{told}: a row that lacks every input must give the prior."
    dirty = Batch(rows.size, {name: one.clone() for name, one in rows.slice(0, rows.size).inputs.items()}, rows.present)
    for name, one in dirty.inputs.items():
        one[~torch.from_numpy(rows.present[name])] = float("nan") if one.is_floating_point() else 1
    with torch.no_grad():
        found = model.network(dirty)["head"]
    assert torch.equal(found, raw), f"{told}: what stands in absent rows changes the result."


def _check_dense(network: Network, rows: Rows, raw: Tensor, told: str) -> None:
    everywhere = torch.ones(rows.size, dtype=torch.bool)
    present = {name: everywhere if one is None else torch.from_numpy(one) for name, one in rows.present.items()}
    with torch.no_grad():
        found = DenseNetwork(network)(rows.inputs, present)["head"]
    assert torch.allclose(found, raw, 1e-4, 1e-4), (
        f"{told}: run on all rows, it gives other numbers than on those there."
    )


def _check_saved(model: Model, x: Mapping[str, Any], told: str) -> None:
    before = model.predict_raw(x)["head"]
    with tempfile.TemporaryDirectory() as folder:
        after = load(model.save(folder)).predict_raw(x)["head"]
    assert np.array_equal(before, after), f"{told}: a saved and loaded model predicts otherwise."
