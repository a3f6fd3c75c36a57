import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.errors import DataError
from medley.tabular.columns import CategoricalColumn, NumericColumn, column_from, encode_columns
from medley.tabular.rows import column_of

ANY_FLOAT = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


def learnt(cells):
    return NumericColumn.learn("x", column_of(cells), "number")


def test_ordinary_numbers_are_exactly_standardised():
    values = np.random.default_rng(0).normal(50, 3, 1000)
    column = NumericColumn.learn("x", values, "number")
    encoded, missing = column.encode(values)
    np.testing.assert_allclose(encoded, (values - values.mean()) / values.std(), rtol=1e-5, atol=1e-6)
    assert not missing.any()
    assert encoded.dtype == np.float32


def test_one_absurd_value_neither_drowns_the_others_nor_explodes():
    values = np.append(np.random.default_rng(0).normal(0, 1, 99), 1e12)
    encoded, _ = NumericColumn.learn("x", values, "number").encode(values)
    assert encoded[:99].std() > 0.5
    assert encoded[99] == encoded.max()
    assert encoded[99] < 50


def test_far_values_keep_their_order():
    column = NumericColumn.learn("x", np.random.default_rng(0).normal(size=100), "number")
    encoded, _ = column.encode(np.array([-1e9, -50, -4, 0, 4, 50, 1e3, 1e9]))
    assert (np.diff(encoded) > 0).all()


def test_rare_events_keep_their_scale():
    values = np.zeros(1000)
    values[:20] = np.arange(1, 21)
    encoded, _ = NumericColumn.learn("x", values, "number").encode(values)
    assert len(np.unique(encoded)) == 21
    assert encoded.max() < 10


@pytest.mark.parametrize("cells", [[0.1] * 7, [5], [3, None, 3.0], [1e300, 1e300]])
def test_constants_become_zeros(cells):
    column = learnt(cells)
    encoded, missing = column.encode(column_of([*cells, 17.0, None]))
    assert column.column.bins == ()
    np.testing.assert_array_equal(encoded[~missing], 0)
    assert np.isnan(encoded[-1])


def test_a_column_never_seen_stays_missing():
    column = learnt([None, float("nan"), float("inf")])
    encoded, missing = column.encode(np.array([1.0, np.nan]))
    assert np.isnan(encoded).all()
    assert missing.tolist() == [False, True]
    assert column.column.missing


def test_bins_are_quantiles_or_the_few_values_there_are():
    many = learnt(np.random.default_rng(0).normal(size=1000)).column.bins
    assert len(many) == 64
    few = learnt([1, 2, 3, 4] * 10).column.bins
    np.testing.assert_allclose(few, (np.arange(1, 5) - 2.5) / np.sqrt(1.25), rtol=1e-6)
    assert learnt([1.0, 2.0]).column.bins == ()
    assert learnt([0, 1] * 50).column.bins == ()


@given(st.lists(ANY_FLOAT, min_size=1, max_size=60))
def test_any_numbers_give_finite_codes_and_increasing_bins(cells):
    column = NumericColumn.learn("x", column_of(cells), "number")
    encoded, missing = column.encode(column_of(cells))
    assert np.isfinite(encoded[~missing]).all()
    assert np.isnan(encoded[missing]).all()
    assert np.abs(encoded[~missing]).max(initial=0) < 50
    assert len(column.bins) == 0 or len(column.bins) > 2
    assert (np.diff(np.array(column.bins, np.float32)) > 0).all()
    assert column_from(json.loads(json.dumps(column.state(), allow_nan=False))) == column


def test_dates_are_numbers_of_days():
    days = np.array(["2020-01-01", "2020-01-11", "NaT"], dtype="M8[D]")
    column = NumericColumn.learn("day", days, "time")
    assert column.scale == 5
    encoded, _ = column.encode(column_of(["2020-01-06", None]))
    np.testing.assert_array_equal(encoded, [0, np.nan])
    with pytest.raises(DataError, match=r"'day' holds dates, but row 1 holds 17"):
        column.encode(column_of([None, 17]))


def test_a_word_among_numbers_is_reported_with_row_and_way_out():
    column = learnt([1, 2, 3])
    with pytest.raises(DataError, match=r"'x' holds numbers, but row 1 holds 'many'.*\"categorical\""):
        column.encode(column_of([1, "many"]))


def test_codes_follow_frequency_and_ties_the_value():
    column = CategoricalColumn.learn("c", column_of(["b", "a", "c", "c", None]))
    assert column.categories == ("c", "a", "b")
    encoded, missing = column.encode(column_of(["a", "b", "c", "new", None]))
    assert encoded.tolist() == [2, 3, 1, 0, 0]
    assert missing.tolist() == [False, False, False, False, True]
    assert column.column.cardinality == 4


def test_types_of_categories_survive_a_file():
    column = CategoricalColumn.learn("c", column_of([1, 1, "1", True and "yes", 2.5, False]))
    again = column_from(json.loads(json.dumps(column.state())))
    assert again == column
    assert isinstance(again, CategoricalColumn)
    assert [type(label) for label in again.categories] == [type(label) for label in column.categories]
    # 1 and 1.0 are one category: a whole-number column with a gap comes back as floats.
    assert again.encode(column_of([1.0, None]))[0][0] == again.encode(np.array([1]))[0][0] == 1


def test_singletons_of_a_long_list_share_the_code_of_strangers():
    names = [f"name {i}" for i in range(150)]
    column = CategoricalColumn.learn("c", column_of([*names, "name 3", "name 7"]))
    assert column.categories == ("name 3", "name 7")
    assert CategoricalColumn.learn("c", column_of(names[:100])).column.cardinality == 101


def test_cardinality_is_capped_by_frequency():
    cells = np.repeat(np.arange(10_050), np.where(np.arange(10_050) < 50, 2, 3))
    column = CategoricalColumn.learn("c", cells)
    assert column.column.cardinality == 10_001
    assert column.encode(np.arange(50))[0].sum() == 0


def test_bins_go_where_the_values_are_and_not_all_to_the_zeros():
    tail = np.exp(np.random.default_rng(0).normal(size=800))
    bins = NumericColumn.learn("gain", np.concatenate([np.zeros(9_200), tail]), "number").bins
    assert len(bins) > 50
    assert len(bins) <= 64
    even = NumericColumn.learn("even", np.linspace(0, 1, 1_000), "number").bins
    np.testing.assert_allclose(np.diff(even), np.diff(even)[0], rtol=0.1)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_the_range_is_that_of_the_training_rows(scale):
    values = np.random.default_rng(0).lognormal(3, 2, 500).round(2) * scale  # its tail is encoded logarithmically
    column = NumericColumn.learn("price", np.append(values, np.nan), "number")
    assert column.range == pytest.approx((values.min(), values.max()), rel=1e-4, abs=1e-4 * values.std())
    assert NumericColumn.learn("price", np.array([7.0, 7.0]), "number").range == (7.0, 7.0)
    assert NumericColumn.learn("count", np.repeat([0.0, 3.0, 5.0], 20), "number").range == (0.0, 5.0)


@given(st.lists(ANY_FLOAT, min_size=1, max_size=5))
def test_columns_of_few_rows_are_encoded_together_as_one_by_one(cells):
    rng = np.random.default_rng(0)
    columns = [
        NumericColumn.learn("spread", rng.normal(5, 1e-3, 50), "number"),
        NumericColumn.learn("constant", np.full(9, 7.0), "number"),
        NumericColumn.learn("empty", np.full(9, np.nan), "number"),
        CategoricalColumn("label", ("a", 1, 2.5, True)),
        NumericColumn.learn("day", column_of(["2020-01-06", "2021-01-06"]), "time"),
    ]
    numbers = np.array([np.nan if cell is None else cell for cell in cells])
    labels = np.array(
        [["a", " ", 1, None, "nan", 2.5, b"a", float("inf"), "b"][place] for place in range(len(cells))], object
    )
    days = column_of(["2020-05-01"] * len(cells))
    by_column = [numbers, numbers, numbers, labels, days]
    array, missing = encode_columns(columns, by_column)
    for place, (column, cells_of_column) in enumerate(zip(columns, by_column, strict=True)):
        repeated = np.resize(cells_of_column, 100 * len(cells_of_column))  # many rows are encoded column by column
        for expected, absent in (column.encode(cells_of_column), column.encode(repeated)):
            np.testing.assert_array_equal(array[:, place], expected[: len(cells)])
            np.testing.assert_array_equal(missing[:, place], absent[: len(cells)])
