"""Layers that run other layers: inner layers are searched, named, shared and saved."""

import pytest
from torch import nn

from medley.core.block import Block, DataSummary
from medley.core.choice import Identity
from medley.core.config import from_json, to_json
from medley.core.input import InputBlock
from medley.core.layer import Composite, Fusion, Layer, Wrapper
from medley.core.resolve import resolve, take_default
from medley.core.space import OneOf, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError


class Numbers(InputBlock):
    def codec(self):
        raise AssertionError("resolution asks its source for specs, never a codec")

    def default_block(self):
        return Each()


class Width(Layer, register="test_wrapper.width"):
    units: int | None = searched(OneOf(16, 32))

    def build(self, *specs):
        return nn.Linear(specs[0].width, self.units)

    def out(self, *specs):
        return vector(self.units)


class Two(Composite):
    def expand(self, nodes, specs, facts):
        assert str(specs[0]) == "(D=5)", "what is inside must see the inner spec"
        return Width()(Width()(nodes[0]))


class Each(Wrapper, register="test_wrapper.each"):
    def inner(self, *specs):
        return vector(specs[0].shape[1])

    def build(self, *specs):
        assert isinstance(self.encoder, tuple)
        return nn.Sequential(*[layer.build(self.inner(*specs)) for layer in self.encoder])

    def out(self, *specs):
        return self.encoder[-1].out() if self.encoder else self.inner(*specs)


class Sum(Fusion):
    def build(self, *specs):
        return nn.Identity()

    def out(self, *specs):
        return specs[0]


class Both(Composite):
    def expand(self, nodes, specs, facts):
        return Sum()([Width()(nodes[0]), Width()(nodes[0])])


def resolved(output, suggest=take_default, **names):
    ids = {id(block): name for name, block in names.items()}
    return resolve([output], ids, lambda node: Spec((3, 5), "TD"), suggest, DataSummary(100))[0]


def test_inner_layers_are_searched_under_the_name_of_the_wrapper():
    parameters = []

    def suggest(name, space, default):
        parameters.append(name)
        return 32

    x, each = Numbers(), Each(Two())
    node = resolved(each(x), suggest, x=x, each=each)
    assert parameters == ["each.two.width.units", "each.two.width_2.units"]
    assert [layer.units for layer in node.block.encoder] == [32, 32]
    assert [layer.name for layer in node.block.encoder] == ["each.two.width", "each.two.width_2"]


def test_called_twice_it_is_one_block():
    x, each = Numbers(), Each(Width())
    second_input = Numbers()
    node = resolved(Sum()([each(x), each(second_input)]), x=x, second_input=second_input, each=each)
    first, second = (parent.block for parent in node.inputs)
    assert first is second


def test_resolved_it_survives_a_file_and_is_resolved_again_to_the_same():
    x = Numbers(name="x")
    node = resolved(Each(Two(), name="each")(x), x=x)
    block = from_json(to_json(node.block))
    assert repr(block) == repr(node.block)
    assert repr(resolved(block(x), x=x).block) == repr(block)


def test_nothing_inside_is_a_chain_too():
    x = Numbers()
    assert resolved(Each(Identity())(x), x=x).block.encoder == ()


def test_an_encoder_that_is_not_a_chain_of_layers_is_an_error():
    x = Numbers()
    each: Block = Each(Both())
    with pytest.raises(GraphError, match=r"each: its encoder must resolve to a chain of layers, but each\.both\.sum"):
        resolved(each(x), x=x, each=each)
