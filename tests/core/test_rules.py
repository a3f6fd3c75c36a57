"""Values of files: each rule reads what it should and names what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.core.rules import (
    Array,
    Choice,
    Either,
    Fields,
    Flag,
    Items,
    Json,
    Maybe,
    Named,
    Real,
    StateRules,
    Text,
    Whole,
)
from medley.errors import ArtifactError

RULES = [
    Flag(),
    Whole(0, 10),
    Whole(1, size="K"),
    Real(),
    Real(0.0, 1.0),
    Real(is_finite=False),
    Text(),
    Choice("a", 1, True),
    Maybe(Whole()),
    Either(Text(), Flag()),
    Items(Whole(), "K", low=1),
    Items(Either(Text(), Real()), is_unique=True),
    Named(Items(Text())),
    Fields({"a": Whole(), "b": Text()}, frozenset({"b"})),
    Json(3),
    Array(np.float32, ("K", None), low=0.0),
    Array(np.int64, (2,)),
    Array(bool, ("K",)),
]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
ARRAYS = st.sampled_from([np.zeros(2), np.full((2, 1), np.nan), np.array([1, -1]), np.array(["a"]), np.zeros((0, 3))])
VALUES = st.recursive(
    PLAIN | ARRAYS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.sampled_from(RULES), VALUES)
def test_any_value_is_read_or_refused_with_its_name(rule, value):
    try:
        assert list(StateRules(size=rule).read({"size": value})) == ["size"]
    except ArtifactError as error:
        message = str(error)
        assert message.startswith("size")


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Whole(), True),
        (Whole(), 1.0),
        (Flag(), 1),
        (Real(), float("nan")),
        (Real(), 10**400),
        (Text(), "\ud800"),
        (Choice(1), True),
        (Choice(1), 1.0),
        (Items(Text(), is_unique=True), ["a", "a"]),
        (Array(np.float32, ("K",)), np.array([np.inf])),
        (Array(np.int64, ("K",)), np.array([0.5])),
        (Array(np.float16, ("K",)), np.array([1e9])),
        (Json(2), [[[[1]]]]),
    ],
)
def test_values_of_other_types_are_refused(rule, value):
    with pytest.raises(ArtifactError):
        StateRules(value=rule).read({"value": value})


def test_sizes_of_one_name_agree_and_all_errors_are_reported():
    rules = StateRules(names=Items(Text(), "C"), means=Array(np.float32, ("C",)), left=Whole(), maybe=Maybe(Whole()))
    assert rules.read({"names": ["a"], "means": np.zeros(1), "left": 1})["maybe"] is None
    with pytest.raises(ArtifactError, match="2 errors") as error:
        rules.read({"names": ["a"], "means": np.zeros(3)})
    assert "the size C is 3 here and 1 there" in str(error.value)
    assert "left is missing" in str(error.value)
