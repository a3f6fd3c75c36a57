"""Blocks for sequences and numeric arrays: output shapes, defaults, error messages."""

import pytest
import torch
from torch import nn

from medley.core.block import DataSummary
from medley.core.config import from_json, to_json
from medley.core.resolve import resolve, settle, take_default
from medley.core.space import OneOf
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError
from medley.series.block import TimeseriesBlock
from medley.series.general import GeneralBlock
from medley.series.input import Input
from medley.series.rnn import RNNBlock
from medley.series.timeseries import TimeseriesInput
from medley.series.transformer import TransformerBlock

FEW_ROWS = DataSummary(rows=100)
SPEC = Spec((7, 4), "TD")
BLOCKS = {
    "rnn": RNNBlock(),
    "gru one way": RNNBlock(layer_type="gru", bidirectional=False, num_layers=3),
    "rnn steps": RNNBlock(return_sequences=True, units=6),
    "transformer": TransformerBlock(),
    "transformer steps": TransformerBlock(return_sequences=True, width=30),
}


def with_defaults(block, spec=SPEC):
    return settle(block, "part", take_default, block.suggest_defaults([spec], FEW_ROWS))


@pytest.mark.parametrize("name", sorted(BLOCKS))
@pytest.mark.parametrize("rows", [1, 3])
def test_out_equals_the_shape_of_the_output(name, rows):
    block = with_defaults(BLOCKS[name])
    module = block.build(SPEC)
    assert tuple(module(torch.randn(rows, *SPEC.shape)).shape) == (rows, *block.out(SPEC).shape)
    assert block.out(SPEC).axes == ("TD" if block.return_sequences else "D")


def test_the_default_width_is_that_of_a_step():
    assert RNNBlock(bidirectional=False).out(SPEC) == vector(4)
    assert RNNBlock(bidirectional=True).out(SPEC) == vector(8)
    assert RNNBlock(bidirectional=False, units=8).out(SPEC) == vector(8)


def test_the_network_has_the_declared_settings():
    block = RNNBlock(layer_type="lstm", num_layers=1, bidirectional=False, units=8)
    module = block.build(Spec((2, 4), "TD"))
    assert isinstance(module.rnn, nn.LSTM)
    assert sum(parameter.numel() for parameter in module.parameters()) == 4 * 8 * (4 + 8) + 2 * 4 * 8
    x = torch.randn(5, 2, 4)
    torch.testing.assert_close(module(x), module.rnn(x)[0][:, -1])


@pytest.mark.parametrize("block", [RNNBlock(), TransformerBlock()])
@pytest.mark.parametrize("specs", [[vector(5)], [Spec((3, 8, 8), "CHW")], [SPEC, SPEC]])
def test_the_error_for_other_inputs_is_that_of_autokeras(block, specs):
    message = r"Expect the input tensor of \w+ to have dimensions of \[batch_size, time_steps, vec_len\], but got"
    with pytest.raises(GraphError, match=message):
        with_defaults(block).out(*specs)
    with pytest.raises(GraphError, match=message):
        with_defaults(block).build(*specs)


def block_names(node):
    return [*(name for source in node.inputs for name in block_names(source)), type(node.block).__name__]


def resolved(block, spec=SPEC, suggest=take_default):
    source = Input()
    return resolve([block(source)], {id(source): "x"}, lambda node: spec, suggest, FEW_ROWS)[0]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (TimeseriesBlock("rnn"), ["Input", "RNNBlock"]),
        (TimeseriesBlock("dense"), ["Input", "Flatten", "DenseBlock"]),
        (TimeseriesBlock("transformer"), ["Input", "TransformerBlock"]),
        (GeneralBlock(), ["Input", "Flatten", "DenseBlock"]),
    ],
)
def test_expansion_of_default_blocks(block, expected):
    assert block_names(resolved(block)) == expected


def test_the_default_width_of_a_series_is_searched():
    suggested = {}

    def suggest(name, space, default):
        suggested[name] = (space, default)
        return default

    resolved(TimeseriesBlock("rnn"), suggest=suggest)
    assert suggested["timeseries_block.rnn_block.units"] == (OneOf(16, 32, 64, 128, default=32), 32)


def test_inputs_have_default_blocks():
    assert isinstance(Input().default_block(), GeneralBlock)
    assert isinstance(TimeseriesInput().default_block(), TimeseriesBlock)
    with pytest.raises(GraphError, match="TimeseriesBlock"):
        resolved(TimeseriesBlock(), spec=vector(3))


@pytest.mark.parametrize(
    "block",
    [
        Input(),
        TimeseriesInput(5, ["a"], {"a": "numerical"}),
        GeneralBlock(),
        TimeseriesBlock("dense"),
        *BLOCKS.values(),
    ],
    ids=lambda block: type(block).__name__,
)
def test_json_round_trip_of_declarations(block):
    restored = from_json(to_json(block))
    assert type(restored) is type(block)
    assert to_json(restored) == to_json(block)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RNNBlock(units=0), "units must be a whole number of at least 1, got 0"),
        (lambda: RNNBlock("gru"), "return_sequences must be True or False, got 'gru'"),
        (lambda: RNNBlock(layer_type="lsmt"), "Did you mean 'lstm'"),
        (lambda: TransformerBlock(num_heads=1.5, dropout=1), r"2 errors[\s\S]*num_heads[\s\S]*dropout"),
    ],
)
def test_errors_are_reported_on_construction(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
