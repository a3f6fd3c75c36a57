"""Search spaces: their members, and the member nearest to a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.core.space import Float, Int, OneOf, space_of
from medley.errors import ConfigError

whole = st.integers(-50, 50)


@st.composite
def ints(draw):
    low = draw(whole)
    return Int(low, low + draw(st.integers(0, 40)), step=draw(st.integers(1, 7)))


@given(space=ints(), value=st.integers(-1000, 1000) | st.floats(-100, 100))
def test_the_nearest_whole_number_is_a_member_and_none_is_nearer(space, value):
    nearest = space.nearest(value)
    assert nearest in space
    members = range(space.low, space.high + 1, space.step)
    assert abs(nearest - value) == min(abs(member - value) for member in members)


@given(low=st.floats(-5, 5), width=st.floats(0, 5), value=st.floats(-100, 100))
def test_the_nearest_number_is_a_member(low, width, value):
    space = Float(low, low + width)
    assert space.nearest(value) in space
    assert space.nearest(space.nearest(value)) == space.nearest(value)


@given(choices=st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True), value=st.integers(-10, 200))
def test_the_nearest_choice_is_a_choice(choices, value):
    nearest = OneOf(*choices).nearest(value)
    assert nearest in choices
    assert abs(nearest - value) == min(abs(choice - value) for choice in choices)


def test_nearest_of_other_values_is_the_default():
    assert OneOf("a", "b", default="b").nearest("c") == "b"
    assert OneOf(16, 32).nearest("large") == 16
    assert OneOf(False, True, default=True).nearest(0.5) is True


def test_booleans_are_not_numbers():
    assert True not in OneOf(0, 1)
    assert 1 not in OneOf(False, True)
    assert OneOf(False, True).nearest(True) is True
    assert OneOf(0, 1).nearest(1) == 1
    assert type(OneOf(0, 1).nearest(1)) is int


def test_blocks_are_choices_by_identity():
    member, stranger = object(), object()
    assert member in OneOf(member)
    assert stranger not in OneOf(member)


def test_the_first_choice_is_the_default():
    assert (Int(2, 5).default, Float(0.5, 1).default, OneOf("x", "y").default) == (2, 0.5, "x")
    assert (Int(2, 5, default=4).default, OneOf("x", "y", default="y").default) == (4, "y")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Int(5, 2), r"Int: low must not exceed high, got low=5, high=2"),
        (lambda: Float(0.0, 1.0, log=True), r"Float: a logarithmic range starts above 0, got low=0.0"),
        (lambda: Int(1, 4, step=0), r"Int: step must be at least 1, got 0"),
        (lambda: Int(1, 9, step=4, default=3), r"Int: the default 3 lies outside the range"),
        (lambda: Float(0.0, 1.0, default=2.0), r"Float: the default 2.0 lies outside the range"),
        (lambda: OneOf(), "at least one choice"),
        (lambda: OneOf(1, None), "cannot contain None"),
        (lambda: OneOf(1, 2, default=3), "the default 3 is not one of"),
    ],
)
def test_invalid_ranges_are_rejected(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_equal_ranges_are_equal_and_usable_as_keys():
    assert {OneOf(1, 2): "x"}[OneOf(1, 2)] == "x"
    assert OneOf(1, 2) != OneOf(1, 2, default=2)
    assert OneOf(1, 2) != Int(1, 2)


def test_a_field_without_a_range_has_none():
    from medley.core.normalization import Normalization
    from medley.core.shape import SpatialReduction

    assert space_of(Normalization, "axis") is None
    assert space_of(Normalization, "no_such_field") is None
    assert space_of(SpatialReduction, "reduction_type").default == "global_avg"
