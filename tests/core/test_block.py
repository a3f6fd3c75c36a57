"""Declarations of blocks: valid and invalid fields."""

import dataclasses

import numpy as np
import pytest

from medley.core.block import Block, as_nodes, to_snake_case
from medley.core.shape import Flatten, SpatialReduction
from medley.core.space import OneOf, searched
from medley.errors import ConfigError, GraphError
from medley.series.input import Input


class Part(Block):
    size: int | None = searched(OneOf(8, 16))
    flag: bool | None = searched(OneOf(False, True))
    word: str | None = searched(OneOf("add", "mean"))
    kind: object = searched(OneOf(Flatten(), "none"))
    plain: object = None

    def check(self):
        if self.plain == "wrong":
            yield "plain must not be wrong."


def test_declarations_are_frozen_and_fields_come_in_order():
    part = Part(8, True, "mean")
    assert (part.size, part.flag, part.word) == (8, True, "mean")
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.size = 16


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": "big"}, "Part: size must be a number, got 'big'"),
        ({"size": True}, "Part: size must be a number, got True"),
        ({"size": -1}, "Part: size must not be negative, got -1"),
        ({"flag": 1}, "Part: flag must be True or False, got 1"),
        ({"word": "men"}, "Part: word must be one of 'add', 'mean', got 'men'. Did you mean 'mean'?"),
        ({"plain": "wrong"}, "Part: plain must not be wrong."),
        ({"name": 3}, "Part: name must be a non-empty string, got 3"),
        ({"name": ""}, "Part: name must be a non-empty string, got ''"),
    ],
)
def test_an_invalid_field_is_an_error_that_names_it_and_its_value(fields, message):
    with pytest.raises(ConfigError) as caught:
        Part(**fields)
    assert message in str(caught.value)


def test_all_errors_are_reported_at_once():
    with pytest.raises(ConfigError, match=r"(?s)4 errors.*name.*size.*word.*plain"):
        Part(size="big", word="men", plain="wrong", name="")


def test_values_outside_the_search_range_are_allowed():
    assert Part(size=1000).size == 1000
    assert Part(kind=SpatialReduction()).kind.reduction_type is None


def test_the_repr_contains_only_fields_that_are_set():
    assert repr(Part(size=16, name="p")) == "Part(name='p', size=16)"


def test_blocks_are_compared_by_identity():
    assert Part() != Part()
    assert len({Part(), Part()}) == 2


def test_nodes_come_in_lists_of_lists():
    a, b = Input(), Input()
    node = Flatten()(a)
    assert as_nodes([a, [node, (b,)]]) == [a.node, node, b.node]
    with pytest.raises(GraphError, match="got 3"):
        as_nodes([a, 3])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("ImageInput", "image_input"), ("ResNetBlock", "res_net_block"), ("RNNBlock", "rnn_block"), ("A", "a")],
)
def test_unnamed_parts_are_called_after_their_class(name, wanted):
    assert to_snake_case(type(name, (), {})) == wanted


def test_an_array_instead_of_a_node_is_an_error_that_contains_its_shape():
    with pytest.raises(GraphError, match=r"got ndarray of shape \(40, 3\)\.$"):
        Flatten()(np.zeros((40, 3)))
