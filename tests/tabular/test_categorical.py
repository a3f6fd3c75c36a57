import numpy as np
import pytest
import torch
from torch import nn

from medley.core.probe import probe
from medley.core.spec import Column, Spec, vector
from medley.errors import GraphError
from medley.tabular import CategoricalToNumerical, TableCodec


def table(*columns):
    return Spec((len(columns),), "C", columns=columns)


def test_numbers_alone_pass_without_weights():
    spec = table(Column("a", "numeric"), Column("b", "numeric"))
    module = CategoricalToNumerical().build(spec)
    x = torch.randn(5, 2)
    assert torch.equal(module(x), x)
    assert not list(module.parameters())
    assert not module.state_dict()


def test_missing_numbers_become_their_mean_and_are_flagged_where_training_rows_lack_some():
    spec = table(Column("a", "numeric", missing=True), Column("b", "numeric"))
    module = CategoricalToNumerical().build(spec)
    x = torch.tensor([[1.0, 2.0], [torch.nan, torch.nan], [3.0, torch.inf]])
    assert module(x).tolist() == [[1, 2, 0], [0, 0, 1], [3, 0, 0]]


def test_few_categories_are_one_hot_and_many_embedded():
    spec = table(Column("few", "categorical", 3, missing=True), Column("many", "categorical", 100))
    module = CategoricalToNumerical().build(spec)
    out = module(torch.tensor([[0.0, 0.0], [1.0, 5.0], [2.0, 99.0]]))
    assert out[:, :3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert out.shape == (3, CategoricalToNumerical().out(spec).width)
    (weights,) = module.parameters()
    assert weights.shape == (100, 21)
    assert (out[0, 3:] == 0).all()  # a stranger that training never met says nothing
    out.sum().backward()
    assert weights.grad is not None
    assert weights.grad.abs().sum(1).nonzero().flatten().tolist() == [0, 5, 99]


@pytest.mark.parametrize(
    "spec",
    [
        table(Column("a", "numeric")),
        table(Column("a", "categorical", 1)),
        table(Column("a", "numeric", missing=True), Column("b", "categorical", 9), Column("c", "categorical", 2)),
        vector(4),
    ],
)
def test_the_shape_is_known_beforehand(spec):
    block = CategoricalToNumerical()
    if block.out(spec).width:
        assert probe(lambda: block.build(spec), [spec], "it") == block.out(spec)


def test_nothing_but_numbers_leaves_whatever_came_in():
    rows = [[1.0, "a", None], [None, None, True], [float("inf"), "b", False], [2.0, "", True]]
    codec = TableCodec().fit(rows)
    x = torch.from_numpy(codec.encode([*rows, [None, "z", None]]).array)
    module = CategoricalToNumerical().build(codec.spec)
    assert module(x).isfinite().all()
    assert module(torch.full_like(x, torch.nan)).isfinite().all()
    assert module(torch.full_like(x, 1e9)).isfinite().all()


def test_gradients_stay_finite_beside_missing_cells():
    spec = table(Column("a", "numeric", missing=True), Column("b", "categorical", 20))
    net = nn.Sequential(CategoricalToNumerical().build(spec), nn.LazyLinear(1))
    net(torch.tensor(np.array([[np.nan, 3], [1, 0]], np.float32))).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_a_map_is_no_table():
    with pytest.raises(GraphError, match="tables and vectors"):
        CategoricalToNumerical().out(Spec((3, 4, 4), "CHW"))
