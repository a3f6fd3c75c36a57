import json

import numpy as np
import pytest
import torch

from medley.core import config
from medley.core.block import DataSummary
from medley.core.resolve import resolve, take_default
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.heads import RegressionHead
from medley.tabular import (
    CategoricalToNumerical,
    DenseBlock,
    MeanOfMembers,
    NumericEmbedding,
    StructuredDataBlock,
    StructuredDataInput,
    TableCodec,
    TabMBlock,
)


def parts(block, spec, rows, suggest=take_default):
    """The resolved chain, input first."""
    source = StructuredDataInput()
    return parts_of(block(source), spec, rows, suggest)


def parts_of(node, spec=None, rows=2_000, suggest=take_default):
    (node,) = resolve([node], {}, lambda _: spec or numbers(2_000), suggest, DataSummary(rows))
    chain = []
    while node.inputs:
        chain.append(node.block)
        (node,) = node.inputs
    return chain[::-1]


def numbers(rows, columns=20):
    return TableCodec().fit(np.random.default_rng(0).normal(size=(rows, columns))).spec


def test_few_rows_get_a_tiny_network():
    encoder, dense = parts(StructuredDataBlock(), numbers(100), 100)
    assert isinstance(encoder, CategoricalToNumerical)
    assert isinstance(dense, DenseBlock)
    assert sum(p.numel() for p in dense.build(vector(20)).parameters()) < 1_000


def test_many_rows_get_embeddings():
    encoder, network = parts(StructuredDataBlock(), numbers(2_000), 1_500)
    assert isinstance(encoder, NumericEmbedding)
    assert encoder.embedding == "piecewise"
    assert isinstance(network, TabMBlock)
    assert 0 < network.dropout < 0.5


def test_a_table_alone_gets_an_ensemble_from_some_hundred_rows():
    assert isinstance(parts(StructuredDataBlock(), numbers(300), 200)[1], DenseBlock)
    assert isinstance(parts(StructuredDataBlock(), numbers(300), 300)[1], TabMBlock)
    source = StructuredDataInput()
    for suggest in (take_default, lambda name, space, default: getattr(space, "choices", (default,))[-1]):
        (node,) = resolve([StructuredDataBlock()(source)], {}, lambda _: numbers(2_000), suggest, DataSummary(2_000, 2))
        assert isinstance(node.block, DenseBlock)


def test_what_cannot_read_an_ensemble_reads_its_mean():
    chain = parts_of(DenseBlock(num_units=8)(StructuredDataBlock(network="tabm")(StructuredDataInput())))
    assert [type(module) for module in chain] == [NumericEmbedding, TabMBlock, MeanOfMembers, DenseBlock]
    assert isinstance(
        parts_of(RegressionHead()(StructuredDataBlock(network="tabm")(StructuredDataInput())))[-2], TabMBlock
    )


def test_only_parameters_with_an_effect_are_searched():
    asked = []

    def suggest(name, space, default):
        asked.append(name.rpartition(".")[2])
        return default

    parts(StructuredDataBlock(embedding="piecewise"), numbers(2_000), 2_000, suggest)
    assert "frequency_scale" not in asked
    parts(StructuredDataBlock(embedding="periodic"), numbers(2_000), 2_000, suggest)
    assert "frequency_scale" in asked
    assert "embedding" not in asked


def test_categories_alone_need_no_embedding_of_numbers():
    spec = TableCodec().fit([["a"], ["b"]] * 1_000).spec
    assert isinstance(parts(StructuredDataBlock(embedding="piecewise"), spec, 2_000)[0], CategoricalToNumerical)


def test_normalisation_comes_where_it_is_asked_for():
    names = [type(module).__name__ for module in parts(StructuredDataBlock(normalize=True), numbers(100), 100)]
    assert names == ["CategoricalToNumerical", "Normalization", "DenseBlock"]


def test_plain_vectors_go_straight_to_the_dense_layers():
    assert [type(module) for module in parts(StructuredDataBlock(), vector(5), 5_000)] == [TabMBlock]
    assert [type(module) for module in parts(StructuredDataBlock(), vector(5), 200)] == [DenseBlock]


def test_several_nodes_are_refused():
    nodes = [StructuredDataInput(), StructuredDataInput()]
    with pytest.raises(GraphError, match=r"one table.*Merge"):
        resolve([StructuredDataBlock()(nodes)], {}, lambda _: numbers(10), take_default, DataSummary(10))


@pytest.mark.parametrize("embedding", ["piecewise", "periodic", "none"])
def test_whatever_is_chosen_learns_a_bent_line(embedding):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(256, 3))
    target = torch.tensor(np.abs(rows[:, :1]), dtype=torch.float32)
    codec = TableCodec().fit(rows)
    x, spec = torch.from_numpy(codec.encode(rows).array), codec.spec
    modules = []
    for part in parts(StructuredDataBlock(embedding=embedding, network="dense"), spec, 2_000):
        modules.append(part.build(spec))
        spec = part.out(spec)
    net = torch.nn.Sequential(*modules, torch.nn.Linear(spec.width, 1))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        loss = (net(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert net.eval()(x).sub(target).square().mean() < 0.25 * target.var()


def test_raw_columns_are_adapted_for_blocks_that_know_none():
    spec = TableCodec().fit([[1.0, "a"], [None, "b"]]).spec
    assert [type(module) for module in parts(DenseBlock(), spec, 100)] == [CategoricalToNumerical, DenseBlock]
    assert [type(module) for module in parts(DenseBlock(), Spec((2,), "D"), 100)] == [DenseBlock]


def test_declarations_come_back_from_json():
    for block in (StructuredDataBlock(embedding="none", normalize=False), NumericEmbedding(width=8), DenseBlock()):
        again = config.from_json(json.loads(json.dumps(config.to_json(block))))
        assert repr(again) == repr(block)


def test_arguments_of_autokeras_1_are_taken():
    assert StructuredDataBlock(categorical_encoding=True, seed=3).categorical_encoding is True
    with pytest.raises(ConfigError, match="categories are encoded"):
        StructuredDataBlock(categorical_encoding=False)


def test_an_ensemble_behind_an_ensemble_keeps_the_members():
    block, members = TabMBlock(num_layers=1, num_units=8, members=16, dropout=0.0), Spec((4, 6), "ED")
    assert block.suggest_defaults([members], DataSummary(5_000))["members"].choices == (4,)
    assert block.out(members) == Spec((4, 8), "ED")
    for module in (block.build(members), block.build(members).eval()):
        assert module(torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))).shape == (3, 4, 8)
    source = StructuredDataInput()
    chain = parts_of(TabMBlock(num_layers=1)(StructuredDataBlock(network="tabm")(source)))
    assert [type(layer) for layer in chain[1:]] == [TabMBlock, TabMBlock]
