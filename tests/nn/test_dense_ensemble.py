"""Ensembles of dense networks: members share nothing, some of them can be computed alone, and any cell is read."""

import pytest
import torch

from medley.nn.dense_ensemble import DenseEnsemble, TableLayout, TableMembers
from medley.nn.members import MemberWise, member_wise, separate_members

LAYOUT = TableLayout(
    numbers=[0, 1],
    embedded_numbers=[0],
    flagged=[1],
    discrete={1: (-1.0, 0.0, 2.0)},
    one_hot=[(2, 1), (2, 2)],
    embedded={3: 5},
)
TABLE = torch.tensor([[0.5, -1.0, 1.0, 4.0], [float("nan"), float("nan"), 0.0, 0.0], [9e9, 1.9, 2.0, 77.0]])


def ensemble(**settings):
    torch.manual_seed(0)
    options = {"num_layers": 2, "members": 5, "dropout": 0.0, "tables": {0: LAYOUT}} | settings
    return DenseEnsemble([4, 3], 8, **options)


def test_members_learn_from_their_own_outputs_alone():
    network = ensemble()
    network(TABLE, torch.ones(3, 3))[:, 2].sum().backward()
    for name, parameter in network.named_parameters():
        touched = [bool(parameter.grad[member].any()) for member in range(5)]
        assert touched == [False, False, True, False, False], name


def test_chosen_members_give_what_they_give_among_all():
    network, x = ensemble(members=10).eval(), (TABLE, torch.ones(3, 3))
    whole = network(*x)
    with separate_members(network, slice(2, None, 5)):
        torch.testing.assert_close(network(*x), whole[:, [2, 7]])
    torch.testing.assert_close(network(*x), whole)


def test_nothing_that_comes_in_makes_what_goes_out_infinite():
    assert torch.isfinite(ensemble()(TABLE, torch.zeros(3, 3))).all()


def test_a_missing_cell_and_an_unknown_category_differ_from_known_ones():
    columns = TableMembers(2, LAYOUT)
    assert columns(TABLE).shape == (2, 3, columns.width)
    codes = columns._codes(TABLE, torch.nan_to_num(TABLE))
    starts = columns.starts.tolist()
    assert (codes - torch.tensor(starts)).tolist() == [[1, 4], [0, 0], [3, 4]]


def test_half_of_the_members_do_not_read_what_is_hidden():
    network = ensemble(members=10, hidden=[1]).eval()
    zeros, two = network(TABLE, torch.zeros(3, 3)), network(TABLE, torch.ones(3, 3))
    torch.testing.assert_close(zeros[:, 5:], two[:, 5:])
    assert not torch.allclose(zeros[:, :5], two[:, :5])


@pytest.mark.parametrize("settings", [{}, {"members": 10, "hidden": [1]}])
def test_all_parameters_are_the_members(settings):
    network = ensemble(**settings)
    assert isinstance(network, MemberWise)
    assert member_wise(network) == {name for name, _ in network.named_parameters()}
    assert all(len(parameter) == network.members for parameter in network.parameters())


def test_plain_members_read_numbers_without_embeddings_and_categories_with_theirs():
    network = ensemble(members=10, plain=range(5, 10)).eval()
    first = network(TABLE, torch.zeros(3, 3))
    with torch.no_grad():
        table = network.tables["0"]
        table.frequency.add_(1.0)
        table.table[:, : 1 + len(LAYOUT.discrete[1])].add_(1.0)
    second = network(TABLE, torch.zeros(3, 3))
    torch.testing.assert_close(first[:, 5:], second[:, 5:])
    assert not torch.allclose(first[:, :5], second[:, :5])
    with torch.no_grad():
        table.table[:, 1 + len(LAYOUT.discrete[1]) :].add_(1.0)
    assert not torch.allclose(network(TABLE, torch.zeros(3, 3))[:, 5:], second[:, 5:])


def test_plain_members_start_at_the_scale_of_a_network_without_embeddings():
    torch.manual_seed(0)
    table = torch.randn(2_000, 6)
    layout = TableLayout(numbers=range(6), embedded_numbers=range(6))
    options = {"num_layers": 1, "members": 10, "dropout": 0.0, "tables": {0: layout}}
    plain = DenseEnsemble([6], 64, plain=range(5, 10), **options)(table)[:, 5:]
    simple = DenseEnsemble([6], 64, periodic=0, **options)(table)
    assert plain.detach().std() / simple.detach().std() == pytest.approx(1.0, abs=0.15)
