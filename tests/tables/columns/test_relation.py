"""Whole numbers are numbers, codes or identifiers by what they hold; names only tip the balance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley.tables.columns.infer import infer
from medley.tables.columns.relation import TargetRelation
from medley.tables.columns.targets import infer_target
from medley.tables.reading.read import read

CODES = ["store", "item", "user", "device", "model", "product", "region", "customer", "class"]
QUANTITIES = ["sales", "quantity", "followers", "temperature", "year", "speed", "stock", "visits", "capacity"]
RNG = np.random.default_rng(0)


def kind_of(name, cells, **targets):
    frame = pd.DataFrame({name: cells, **targets})
    return infer(read(frame), targets={target: infer_target(frame[target], target) for target in targets})[name].kind


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("high", [12, 5000])
def test_a_quantity_of_a_thing_is_a_number(code, quantity, high):
    cells = RNG.integers(0, high, 200)
    assert kind_of(f"{code}_{quantity}", cells) == "number"
    assert kind_of(f"{code}_{quantity}", cells, y=2.5 * cells + RNG.normal(size=200)) == "number"


@pytest.mark.parametrize("name", [*CODES, "zipcode", "store_nbr", "Store Number", "clothing_id"])
def test_recurring_codes_are_categories(name):
    cells = RNG.integers(1, 30, 300)
    assert kind_of(name, cells) == "category"
    assert kind_of(name, cells, y=RNG.normal(size=30)[cells] + 0.1 * RNG.normal(size=300)) == "category"


@settings(deadline=None, max_examples=50)
@given(
    name=st.sampled_from(["x", "row", "index_level", *CODES, *QUANTITIES]),
    rows=st.integers(25, 200),
    is_shuffled=st.booleans(),
    is_class=st.booleans(),
    seed=st.integers(0, 99),
)
def test_an_ordered_number_that_predicts_a_target_is_never_left_out(name, rows, is_shuffled, is_class, seed):
    rng = np.random.default_rng(seed)
    cells = rng.permutation(rows) if is_shuffled else np.arange(rows)
    target = np.where(cells < rows / 2, "low", "high") if is_class else 2.0 * cells + 1 + rng.normal(size=rows)
    assert kind_of(name, cells, y=target) == "number"


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("x", np.arange(60), "identifier"),
        ("row", RNG.permutation(60), "identifier"),
        ("speed", RNG.permutation(60), "number"),
        ("heat_index", RNG.permutation(60) + 20, "number"),
        ("PassengerId", RNG.permutation(10**6)[:60], "identifier"),
    ],
)
def test_numbers_that_count_or_name_rows_and_predict_nothing_are_left_out(name, cells, kind):
    assert kind_of(name, cells, y=RNG.normal(size=60)) == kind


def test_an_identifier_by_name_is_left_out_and_its_reason_says_what_it_predicts():
    rows = {"house_id": np.arange(80), "y": np.arange(80) * 2.0}
    guess = infer(read(rows), targets={"y": infer_target(pd.Series(rows["y"]), "y")})["house_id"]
    assert guess.kind == "identifier"
    assert guess.reason.endswith("yet its order predicts a target")


@settings(deadline=None, max_examples=30)
@given(st.integers(40, 400), st.integers(0, 10_000))
def test_noise_predicts_nothing(rows, seed):
    rng = np.random.default_rng(seed)
    relation = TargetRelation([rng.normal(size=rows)])
    assert not relation.prefers_order(rng.permutation(rows).astype(float))


def test_targets_of_any_form_are_related():
    numbers = np.arange(60.0)
    labels = np.array(["a", "b", None], object).repeat(20)
    sets = [["a"]] * 30 + [["b", "c"]] * 29 + [None]
    for target in (numbers, np.stack([numbers, -numbers], axis=1), labels, sets, (numbers - 30) ** 2):
        assert TargetRelation([target]).is_predicted_by(numbers)
    assert not TargetRelation([]).is_predicted_by(numbers)
    assert not TargetRelation([np.full(60, np.nan)]).is_predicted_by(numbers)


COMPANIES = [
    f"{RNG.choice(['North', 'East', 'New', 'Old'])}{place} {kind}" for place in range(60) for kind in ("Bank", "Oil")
]
PEOPLE = [f"{RNG.choice(['Anna', 'Ben', 'Carl', 'Dora'])} Q{place}" for place in range(120)]


@pytest.mark.parametrize("target", [np.tile([1.0, 5.0], 60), np.tile(["finance", "energy"], 60)])
def test_names_are_texts_where_their_words_predict_a_target(target):
    assert kind_of("name", COMPANIES, y=target) == "text"
    assert kind_of("name", PEOPLE, y=target) == "identifier"


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (COMPANIES, "text"),
        ([f"a{place}@example.org" for place in range(90)], "identifier"),
        ([f"{place:08x}-{place * 977 % 65_536:04x}" for place in range(90)], "identifier"),
        ([*COMPANIES[:80], *COMPANIES[:30]], "text"),  # some recur
        (COMPANIES[:20] * 5, "category"),
    ],
)
def test_without_a_target_names_are_texts_where_their_words_recur(cells, kind):
    assert kind_of("name", cells) == kind
