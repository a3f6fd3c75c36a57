"""Reductions and flattening."""

import pytest
import torch

from medley.core.shape import Flatten, SpatialReduction, TemporalReduction
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError

MAP = Spec((2, 3, 4), "CHW")
STEPS = Spec((5, 3), "TD")


@pytest.mark.parametrize(("method", "wanted"), [("global_avg", 1.0), ("global_max", 3.0)])
def test_maps_are_pooled_over_space_per_channel(method, wanted):
    x = torch.zeros(1, 2, 3, 4)
    x[0, 1, 0, :4] = 3.0
    out = SpatialReduction(method).build(MAP)(x)
    assert out.tolist() == [[0.0, wanted]]


@pytest.mark.parametrize(("method", "wanted"), [("global_avg", [2.0, 0.0, -1.0]), ("global_max", [4.0, 0.0, 0.0])])
def test_sequences_are_pooled_over_time_per_feature(method, wanted):
    x = torch.zeros(1, 5, 3)
    x[0, :, 0] = torch.arange(5.0)
    x[0, 4, 2] = -5.0
    for block in (TemporalReduction(method), SpatialReduction(method)):
        assert block.build(STEPS)(x).tolist() == [wanted]


@pytest.mark.parametrize("block", [Flatten(), SpatialReduction("flatten"), TemporalReduction("flatten")])
@pytest.mark.parametrize("spec", [MAP, STEPS, vector(4)])
def test_flattening_keeps_all_numbers_in_order(block, spec):
    x = torch.randn(2, *spec.shape)
    assert torch.equal(block.build(spec)(x), x.reshape(2, -1))
    assert block.out(spec) == vector(spec.size)


def test_vectors_pass():
    x = torch.randn(2, 4)
    assert torch.equal(SpatialReduction("global_avg").build(vector(4))(x), x)


def test_pooling_requires_an_axis_of_space_or_time():
    with pytest.raises(GraphError, match=r"\(Z=2 Y=2\) has no axis of space or time; use Flatten"):
        SpatialReduction("global_avg").out(Spec((2, 2), "ZY"))
    with pytest.raises(ConfigError, match="Did you mean 'global_max'"):
        SpatialReduction("globalmax")
