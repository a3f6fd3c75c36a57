"""Declarations as JSON: they are restored, and objects that cannot be saved are errors."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.core.choice import Choice
from medley.core.config import from_json, to_json
from medley.core.registry import register
from medley.core.shape import Flatten, SpatialReduction
from medley.core.space import Float, Int, OneOf
from medley.core.torchblock import TorchBlock
from medley.errors import ArtifactError, ConfigError
from medley.heads import ClassificationHead
from medley.tabular import DenseBlock


@register("config_test.net")
def net():
    raise AssertionError


def trip(value):
    return from_json(json.loads(json.dumps(to_json(value))))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.text(max_size=3).filter(lambda k: k not in ("block", "space", "registered")), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(plain)
def test_plain_values_come_back(value):
    assert trip(value) == value


@given(st.integers(-9, 9), st.integers(0, 9), st.integers(1, 3))
def test_ranges_come_back(low, width, step):
    for space in (Int(low, low + width, step), Float(low, low + width, default=low + width), OneOf("a", low, 0.5)):
        assert trip(space) == space


def test_blocks_come_back_with_ranges_names_and_nested_blocks():
    block = DenseBlock(num_units=OneOf(8, 16, default=16), dropout=0.25, name="trunk")
    assert repr(trip(block)) == repr(block)
    choice = trip(Choice([Flatten(), SpatialReduction(reduction_type="global_max")]))
    assert [repr(block) for block in choice.options.choices] == [
        "Flatten()",
        "SpatialReduction(reduction_type='global_max')",
    ]
    assert choice.options.default is choice.options.choices[0]
    assert choice.options.nearest(choice.options.choices[1]) is choice.options.choices[1]


def test_a_default_block_is_identified_by_its_position():
    first, second = Flatten(), SpatialReduction()
    options = trip(Choice(OneOf(first, second, default=second))).options
    assert options.default is options.choices[1]


def test_numbers_of_numpy_become_plain():
    assert (
        json.dumps(to_json({"a": np.float32(0.5), "b": [np.int64(3), np.bool_(True)]})) == '{"a": 0.5, "b": [3, true]}'
    )


def test_registered_objects_are_restored_by_name():
    assert trip(TorchBlock(net)).module is net


def test_an_unregistered_object_is_an_error_with_a_remedy():
    with pytest.raises(ArtifactError, match=r"it has no registered name.*@medley.extend.register"):
        to_json(TorchBlock(lambda: None))
    with pytest.raises(ArtifactError, match="has no registered name"):
        to_json(ClassificationHead(loss=lambda raw, target: raw))

    class Local(DenseBlock):
        pass

    with pytest.raises(ArtifactError, match=r'Local has no registered name.*class Local\(..., register="mine.part"\)'):
        to_json(Local())


def test_an_unknown_name_is_an_error():
    with pytest.raises(ConfigError, match=r"Nothing is registered under 'theirs.part'"):
        from_json({"block": "theirs.part"})
    with pytest.raises(ArtifactError, match="Unknown search space 'Gauss'"):
        from_json({"space": "Gauss"})
