import json

import pytest
import torch
from torch import nn

from medley.core import config
from medley.core.block import DataSummary
from medley.core.probe import probe
from medley.core.resolve import settle, take_default
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.tabular import CategoricalToNumerical, DenseBlock, NumericEmbedding

PLAIN = DenseBlock(num_layers=1, num_units=25, use_batchnorm=False, dropout=0)


def test_all_set_it_is_what_was_written_down_and_nothing_else():
    first, second = PLAIN.build(vector(16)).children()
    assert isinstance(first, nn.Linear)
    assert (first.in_features, first.out_features, first.bias is not None) == (16, 25, True)
    assert type(second) is nn.ReLU


def test_layers_come_in_order():
    module = DenseBlock(num_layers=2, num_units=8, use_batchnorm=True, dropout=0.5).build(vector(3))
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout]
    assert [type(layer) for layer in module.children()] == kinds * 2


def test_widths_may_differ_by_layer():
    block = DenseBlock(num_units=(128, 64, 10), use_batchnorm=False, dropout=0)
    assert block.num_layers == 3
    sizes = [module.out_features for module in block.build(vector(784)) if isinstance(module, nn.Linear)]
    assert sizes == [128, 64, 10]
    assert block.out(vector(784)) == vector(10)
    again = config.from_json(json.loads(json.dumps(config.to_json(block))))
    assert again.num_units == (128, 64, 10)
    settled = settle(block, "it", take_default)
    assert settled.num_units == (128, 64, 10)
    assert DenseBlock(num_units=[5, 5]).num_layers == 2


@pytest.mark.parametrize("spec", [vector(6), Spec((3, 4, 4), "CHW"), Spec((5, 2), "TD")])
def test_anything_is_flattened_first(spec):
    assert PLAIN.out(spec) == vector(25)
    assert probe(lambda: PLAIN.build(spec), [spec], "it") == vector(25)
    x = torch.randn(4, *spec.shape)
    linear = next(module for module in PLAIN.build(spec).modules() if isinstance(module, nn.Linear))
    assert linear.in_features == x.flatten(1).shape[1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_units": (1, 2), "num_layers": 3}, "one width per layer"),
        ({"num_units": (1, 0)}, "num_units must be a whole number of at least 1"),
        ({"num_units": 0}, "num_units must be a whole number of at least 1"),
        ({"num_units": "8"}, "number"),
        ({"num_layers": 0}, "num_layers"),
        ({"num_layers": 1.5}, "num_layers"),
        ({"dropout": 1}, "below 1"),
        ({"use_batchnorm": "yes"}, "True or False"),
    ],
)
def test_wrong_sizes_are_errors(fields, words):
    with pytest.raises(ConfigError, match=words):
        DenseBlock(**fields)


@pytest.mark.parametrize("size", ["big", -3, 2.5, 0, True, (4, -1), ()])
def test_an_error_is_reported_once(size):
    with pytest.raises(ConfigError) as error:
        DenseBlock(num_units=size)
    assert "errors" not in str(error.value)


def test_trial_0_is_small_for_small_data_and_for_large_maps():
    def settled(spec, rows):
        block = DenseBlock()
        done = settle(block, "it", take_default, block.suggest_defaults([spec], DataSummary(rows)))
        return sum(p.numel() for p in done.build(spec).parameters())

    assert settled(vector(20), 100) < 1_000
    assert settled(vector(20), 100) < settled(vector(20), 10_000) < settled(vector(20), 100_000)
    assert settled(Spec((64, 32, 32), "CHW"), 100_000) < 3_000_000


def test_several_nodes_are_refused():
    for block in (PLAIN, CategoricalToNumerical(), NumericEmbedding(embedding="piecewise", width=4)):
        with pytest.raises(GraphError, match=r"one node, got 2; join them with Merge\(\)"):
            block.out(vector(3), vector(3))


def test_the_ranges_are_those_users_know():
    spaces = {f: DenseBlock.__dataclass_fields__[f].metadata["space"].choices for f in ("num_units", "num_layers")}
    assert spaces == {"num_units": (16, 32, 64, 128, 256, 512, 1024), "num_layers": (1, 2, 3)}
