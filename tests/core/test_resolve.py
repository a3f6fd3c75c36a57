"""Resolution of fields that are unset, set, or search spaces."""

import pytest
from torch import nn

from medley.core.block import DataSummary, Node
from medley.core.choice import Choice, Identity
from medley.core.input import InputBlock
from medley.core.layer import Composite, Layer
from medley.core.resolve import resolve, settle, take_default
from medley.core.space import Int, OneOf, searched
from medley.core.spec import Spec, vector
from medley.errors import ConfigError, GraphError


class Numbers(InputBlock):
    def codec(self):
        raise AssertionError("resolution asks its source for specs, never a codec")

    def default_block(self):
        return Width()


class Width(Layer):
    units: int | None = searched(OneOf(16, 32))

    def build(self, *specs):
        return nn.Linear(specs[0].width, self.units)


class Deep(Composite):
    depth: int | None = searched(Int(1, 3, default=2))

    def expand(self, nodes, specs, facts):
        last = nodes[0]
        for _ in range(self.depth):
            last = Width()(last)
        return last


class Small(Layer):
    units: int | None = searched(OneOf(16, 32, 1024, default=1024))

    def suggest_defaults(self, specs, facts):
        return {"units": OneOf(4, 8, default=8)} if facts.rows < 100 else {"units": 30}

    def build(self, *specs):
        return nn.Linear(specs[0].width, self.units)


def resolved(output, suggest=take_default, rows=1000, **names):
    ids = {id(block): name for name, block in names.items()}
    return resolve([output], ids, lambda node: vector(5), suggest, DataSummary(rows))[0]


def suggestions(output, rows=1000, **names):
    requests = {}

    def suggest(name, space, default):
        requests[name] = (space, default)
        return default

    resolved(output, suggest, rows, **names)
    return requests


def test_unset_fields_are_asked_for_and_set_ones_are_not():
    x = Numbers()
    assert suggestions(Width(units=7)(x), x=x) == {}
    assert suggestions(Width()(x), x=x) == {"width.units": (OneOf(16, 32), 16)}


def test_a_range_of_the_caller_replaces_that_of_the_field():
    x, part = Numbers(), Width(units=Int(3, 9, default=4))
    assert suggestions(part(x), x=x, part=part) == {"part.units": (Int(3, 9, default=4), 4)}


def test_suggested_defaults_never_replace_values_of_the_caller():
    x = Numbers()
    few, many = suggestions(Small()(x), rows=50, x=x), suggestions(Small()(x), rows=500, x=x)
    assert few["small.units"] == (OneOf(4, 8, default=8), 8)
    assert many["small.units"][1] == 32  # 30 is not a choice: the nearest is taken
    restricted = suggestions(Small(units=Int(100, 200))(x), rows=50, x=x)
    assert restricted["small.units"][0] == Int(100, 200)


def test_composites_vanish_and_their_parts_are_named_after_them():
    x, deep = Numbers(), Deep(depth=2)
    last = resolved(deep(x), x=x, deep=deep)
    assert [last.block.name, last.inputs[0].block.name] == ["deep.width_2", "deep.width"]
    assert last.inputs[0].inputs[0].block.name == "x"


def test_a_block_called_twice_is_one_block():
    x, part, deep = Numbers(), Width(), Deep(depth=1)
    twice = resolved(part(Identity()(x)), x=x, part=part)
    assert twice.block.units == 16
    outputs = resolve(
        [deep(x), deep(Identity()(x))],
        {id(x): "x", id(deep): "deep"},
        lambda n: vector(5),
        take_default,
        DataSummary(9),
    )
    assert outputs[0].block is outputs[1].block


def test_a_choice_may_hold_whole_blocks():
    x = Numbers()
    choice = Choice(OneOf(Width(units=3), Deep(depth=1)))
    _, default = suggestions(choice(x), x=x)["choice.options"]
    assert default.units == 3
    pick = lambda name, space, default: space.choices[1] if name.endswith("options") else default  # noqa: E731
    assert resolved(choice(x), pick, x=x).block.name == "choice.deep.width"


def test_parts_that_cannot_be_connected_are_an_error_that_names_the_part():
    class Wrong(Layer):
        def build(self, *specs):
            return nn.Linear(7, 2)

    x, wrong = Numbers(), Wrong()
    with pytest.raises(GraphError, match=r"wrong_part: Wrong cannot read \(D=5\)"):
        resolved(wrong(x), x=x, wrong_part=wrong)


def test_all_errors_of_a_declaration_are_reported_at_once():
    class Two(Layer):
        size: int | None = searched(OneOf(1, 2))
        word: str | None = searched(OneOf("add", "concatenate"))

        def build(self, *specs):
            return nn.Identity()

    with pytest.raises(ConfigError, match=r"(?s)2 errors.*size must be a number.*Did you mean 'concatenate'"):
        Two(size="big", word="concat")


def test_settle_sets_every_unset_field():
    done = settle(Width(units=OneOf(5)), "w", take_default)
    assert done.units == 5


def test_calling_a_block_on_other_objects_is_an_error():
    with pytest.raises(GraphError, match="Call it on a node first"):
        Width()(Width())
    with pytest.raises(GraphError, match="called without arguments"):
        Width()()


def test_an_input_has_one_node():
    x = Numbers()
    assert isinstance(x.node, Node)
    assert x.node is x.node


def test_specs_are_printed_with_axes():
    assert str(Spec((3, 8, 8), "CHW", "uint8")) == "(C=3 H=8 W=8 uint8)"
    with pytest.raises(ValueError, match="2 axes"):
        Spec((3,), "TD")
