"""Fields of blocks in saved models have the types that they are declared with."""

import pytest

import medley as md
from medley.core.block import Block
from medley.core.config import to_json
from medley.core.registry import registered
from medley.core.saved_fields import block_from_json, check_saved_fields
from medley.errors import ArtifactError, ConfigError


def changed(block, **fields):
    content = to_json(block)
    return {**content, "fields": {**content.get("fields", {}), **fields}}


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (md.DenseBlock(num_layers=1, num_units=8, dropout=0.0, use_batchnorm=False), {"num_layers": "1"}),
        (md.DenseBlock(num_layers=1, num_units=8, dropout=0.0, use_batchnorm=False), {"num_units": 10**9}),
        (md.DenseBlock(num_layers=1, num_units=8, dropout=0.0, use_batchnorm=False), {"use_batchnorm": 3}),
        (md.DenseBlock(num_layers=1, num_units=8, dropout=0.0, use_batchnorm=False), {"lion": 3}),
        (md.DenseBlock(num_layers=1, num_units=8, dropout=0.0, use_batchnorm=False), {"num_layers": {"space": "Int"}}),
        (md.ImageInput(size=8), {"size": "8"}),
        (md.ImageInput(size=8), {"root": 3}),
        (md.ImageInput(size=8), {"on_bad_file": "ignore"}),
        (md.TimeseriesInput(), {"column_types": {"a": 3}}),
        (md.RegressionHead(dropout=0.0), {"loss": {"registered": "image.input"}}),
        (md.RegressionHead(dropout=0.0), {"dropout": float("nan")}),
    ],
)
def test_values_of_other_types_are_refused(block, fields):
    block_from_json(to_json(block), "part")
    with pytest.raises(ArtifactError, match="part"):
        block_from_json(changed(block, **fields), "part")


def test_a_name_that_is_not_registered_stays_an_error_of_its_own():
    with pytest.raises(ConfigError, match="Nothing is registered"):
        block_from_json({"block": "tabular.desne", "fields": {}}, "part")


def test_open_fields_are_refused():
    with pytest.raises(ArtifactError, match="num_layers must be int"):
        check_saved_fields(md.DenseBlock(num_layers=md.Int(1, 3)))


@pytest.mark.parametrize("block", [b for b in registered(Block).values() if b.__module__.startswith("medley.")])
def test_defaults_of_all_blocks_have_their_types(block):
    try:
        instance = block()
    except (ConfigError, TypeError):  # it needs arguments
        return
    check_saved_fields(instance)
