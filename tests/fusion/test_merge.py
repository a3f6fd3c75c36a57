import json

import pytest
import torch

from medley.core import config
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.resolve import resolve, take_default
from medley.core.spec import Column, Spec, vector
from medley.errors import ConfigError
from medley.fusion import Add, AttentionFusion, Concatenate, GatedFusion, JoinMaps, LowRankFusion, Merge
from medley.tabular import StructuredDataInput

KINDS = {
    "concatenate": Concatenate,
    "add": Add,
    "gated": GatedFusion,
    "attention": AttentionFusion,
    "low_rank": LowRankFusion,
}
MAP = Spec((3, 4, 4), "CHW")
TABLE = Spec((2,), "C", columns=(Column("a", "numeric"), Column("b", "categorical", 3)))


class Shaped(Layer):
    """Stands for any encoder: its output has a given shape."""

    shape: Spec = MAP

    def build(self, *specs):
        return torch.nn.Identity()

    def out(self, *specs):
        return self.shape


def merged(merge, *specs, rows=100):
    """The resolved last node of a merge of parts of these shapes."""
    source = StructuredDataInput()
    nodes = [source.node if spec is TABLE else Shaped(spec)(source) for spec in specs]
    (last,) = resolve([merge(nodes)], {}, lambda _: TABLE, take_default, DataSummary(rows))
    return last


def names(node):
    return [type(source.block).__name__ for source in node.inputs]


@pytest.mark.parametrize("how", KINDS)
def test_vectors_go_straight_into_the_fusion(how):
    last = merged(Merge(how), vector(3), vector(5))
    assert type(last.block) is KINDS[how]
    assert names(last) == ["Shaped", "Shaped"]


@pytest.mark.parametrize("how", KINDS)
def test_maps_sequences_tables_and_others_become_vectors_first(how):
    specs = [MAP, Spec((5, 2), "TD"), TABLE, vector(4), Spec((2, 9), "CT")]
    last = merged(Merge(how), *specs)
    assert type(last.block) is KINDS[how]
    assert names(last) == ["SpatialReduction", "TemporalReduction", "CategoricalToNumerical", "Shaped", "Flatten"]
    assert last.inputs[0].block.reduction_type == "global_avg"
    assert last.block.out(vector(3), vector(2), vector(3), vector(4), vector(18)).is_vector


@pytest.mark.parametrize(("how", "stays_map"), [("add", True), ("concatenate", True), ("gated", False)])
def test_maps_of_the_same_shape_stay_maps_where_possible(how, stays_map):
    last = merged(Merge(how), MAP, MAP)
    assert isinstance(last.block, JoinMaps) == stays_map
    if stays_map:
        assert last.block.how == how


def test_maps_of_different_shapes_become_vectors():
    assert names(merged(Merge("concatenate"), MAP, Spec((3, 8, 8), "CHW"))) == ["SpatialReduction"] * 2
    assert names(merged(Merge("add"), MAP, Spec((5, 4, 4), "CHW"))) == ["SpatialReduction"] * 2


def test_a_single_node_is_returned_unchanged():
    assert type(merged(Merge("gated"), MAP).block) is Shaped
    assert type(merged(Merge(), TABLE).block) is StructuredDataInput


def test_trial_0_concatenates_without_weights():
    last = merged(Merge(), vector(3), vector(5))
    assert type(last.block) is Concatenate
    module = last.block.build(vector(3), vector(5))
    assert not list(module.parameters())
    x, y = torch.randn(2, 3), torch.randn(2, 5)
    assert torch.equal(module([x, y], None), torch.cat([x, y], 1))


def test_errors_are_reported_with_a_hint():
    with pytest.raises(ConfigError, match=r"merge_type must be one of .*got 'gate'\. Did you mean 'gated'"):
        Merge(merge_type="gate")


def test_blocks_are_restored_from_json():
    for block in (Merge(), Merge("low_rank")):
        assert repr(config.from_json(json.loads(json.dumps(config.to_json(block))))) == repr(block)
