import pytest
import torch

from medley.core.block import DataSummary
from medley.core.resolve import settle, take_default
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.tabular import MeanOfMembers, TabMBlock

SMALL = TabMBlock(num_layers=2, num_units=16, members=4, dropout=0.0)


def settled(rows, spec):
    return settle(TabMBlock(), "it", take_default, TabMBlock().suggest_defaults([spec], DataSummary(rows)))


def test_members_share_nearly_all_weights_and_differ():
    module = SMALL.build(vector(6)).eval()
    weights = sum(p.numel() for p in module.parameters())
    first = sum(
        p.numel() for p in TabMBlock(num_layers=2, num_units=16, members=1, dropout=0.0).build(vector(6)).parameters()
    )
    assert weights < 2.5 * first
    output = module(torch.randn(5, 6))
    assert output.shape == (5, *SMALL.out(vector(6)).shape)
    assert output.std(dim=1).min(dim=1).values.shape == (5,)
    assert (output[:, 0] != output[:, 1]).any()


def test_anything_is_flattened_first():
    assert SMALL.build(Spec((3, 2), "TD"))(torch.zeros(2, 3, 2)).shape == (2, 4, 16)


def test_more_rows_get_more_units_and_no_size_takes_several_times_the_default():
    assert (
        settled(1_000, vector(5)).num_units < settled(20_000, vector(5)).num_units < settled(10**6, vector(5)).num_units
    )
    spaces = TabMBlock().suggest_defaults([vector(5)], DataSummary(20_000))
    assert max(spaces["num_units"].choices) <= 2 * spaces["num_units"].default


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"members": 0}, "members must be a whole number of at least 1, got 0"),
        ({"members": 2.5}, "members must be a whole number of at least 1"),
        ({"num_units": "big"}, "num_units must be a whole number of at least 1"),
        ({"num_layers": 0}, "num_layers must be"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_wrong_sizes_are_reported_once(fields, words):
    with pytest.raises(ConfigError, match=words) as error:
        TabMBlock(**fields)
    assert "errors" not in str(error.value)


def test_the_mean_of_members_reads_members_alone():
    x = torch.randn(3, 4, 6)
    torch.testing.assert_close(MeanOfMembers().build(Spec((4, 6), "ED"))(x), x.mean(1))
    assert MeanOfMembers().out(vector(6)) == vector(6)
    with pytest.raises(GraphError, match="members of one ensemble"):
        MeanOfMembers().out(Spec((4, 6), "TD"))
    with pytest.raises(GraphError, match="one node, got 2"):
        SMALL.out(vector(2), vector(3))
