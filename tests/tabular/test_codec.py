import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.errors import ConfigError, DataError, NotFittedError
from medley.tabular.codec import TableCodec

CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["a", "b", "1", "nan", "", "2020-01-01", pd.NA, pd.NaT]),
)
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=12)
)
FRAME = pd.DataFrame(
    {"age": [20.0, 40.0, None, 60.0], "sex": ["f", "m", "f", None], "smoker": [True, False, True, True]}
)


def objects(rows):
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    for place, row in enumerate(rows):
        array[place] = row
    return array


def test_infinity_is_missing_among_dates_as_among_numbers():
    table = objects([[None, "2020-01-01"], [np.inf, np.inf], [1.0, "2020-01-03"]])
    encoded = TableCodec().fit(table).encode(table)
    assert encoded.present.tolist() == [True, False, True]
    assert np.isfinite(encoded.array[:, 1]).all()


@given(TABLE, st.randoms(use_true_random=False))
def test_any_table_encodes_row_by_row_and_comes_back_from_a_file(rows, random):
    table = objects(rows)
    codec = TableCodec().fit(table)
    encoded = codec.encode(table)
    assert encoded.array.shape == (len(rows), *codec.spec.shape)
    assert encoded.array.dtype == np.float32
    assert encoded.present.dtype == bool
    assert (encoded.array[~encoded.present] == 0).all()
    for place, column in enumerate(codec.spec.columns):
        cells = encoded.array[encoded.present, place]
        if column.kind == "categorical":
            assert ((cells >= 0) & (cells < column.cardinality)).all()
        else:
            assert not np.isinf(cells).any()
            assert column.missing == np.isnan(cells).any() or not encoded.present.any()

    order = random.sample(range(len(rows)), len(rows))
    shuffled = codec.encode(table[order])
    np.testing.assert_array_equal(shuffled.array, encoded.array[order])
    np.testing.assert_array_equal(shuffled.present, encoded.present[order])

    state = json.loads(json.dumps(codec.state(), allow_nan=False))
    again = TableCodec().restore(state)
    assert again.spec == codec.spec
    np.testing.assert_array_equal(again.encode(table).array, encoded.array)


def test_numbers_are_standardised_and_categories_coded():
    codec = TableCodec().fit(FRAME)
    assert [column.kind for column in codec.spec.columns] == ["numeric", "categorical", "categorical"]
    assert [column.missing for column in codec.spec.columns] == [True, True, False]
    root = np.sqrt(1.5)
    expected = [[-root, 1, 1], [0, 2, 2], [np.nan, 1, 1], [root, 0, 1]]
    np.testing.assert_allclose(codec.encode(FRAME).array, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [
        FRAME[["smoker", "sex", "age"]],
        FRAME.assign(more="x"),
        FRAME.to_dict("list"),
        FRAME.to_dict("records"),
        pl.from_pandas(FRAME),
        FRAME.to_numpy(),
        FRAME.astype({"sex": "category", "smoker": object}),
    ],
    ids=["order", "extra", "dict", "records", "polars", "array", "types"],
)
def test_columns_are_found_by_name_where_there_are_names(rows):
    codec = TableCodec().fit(FRAME)
    np.testing.assert_array_equal(codec.encode(rows).array, codec.encode(FRAME).array)


def test_a_lost_column_is_named_with_its_neighbours():
    codec = TableCodec().fit(FRAME)
    with pytest.raises(
        DataError, match=r"lacks the column 'smoker' \(near: 'smokers'\); it has 'age', 'sex', 'smokers'"
    ):
        codec.encode(FRAME.rename(columns={"smoker": "smokers"}))


def test_another_number_of_columns_is_an_error():
    codec = TableCodec().fit(np.zeros((5, 3)))
    with pytest.raises(DataError, match=r"3 columns it was fitted with \('0', '1', '2'\), got 4"):
        codec.encode(np.zeros((2, 4)))
    with pytest.raises(DataError, match="One row is a table too"):
        codec.encode(np.zeros(3))


def test_whole_number_labels_are_names_of_frames_and_dicts():
    frame = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: ["a", "b", "b"]})
    codec = TableCodec().fit(frame)
    expected = codec.encode(frame).array
    np.testing.assert_array_equal(codec.encode(frame[[1, 0]]).array, expected)
    np.testing.assert_array_equal(codec.encode({1: ["a", "b", "b"], 0: [1, 2, 3]}).array, expected)


def test_names_may_be_given_to_arrays_and_to_frames_without_any():
    table = np.array([[1, "a"], [2, "b"], [4, "b"]], dtype=object)
    codec = TableCodec(["size", "kind"], {"kind": "categorical"}).fit(table)
    expected = codec.encode(table).array
    assert [column.name for column in codec.spec.columns] == ["size", "kind"]
    np.testing.assert_array_equal(codec.encode(pd.DataFrame(table)).array, expected)
    np.testing.assert_array_equal(codec.encode({"kind": ["a", "b", "b"], "size": [1, 2, 4]}).array, expected)
    unnamed = TableCodec(["size", "kind"]).fit(pd.DataFrame(table))
    np.testing.assert_array_equal(unnamed.encode({"kind": ["a", "b", "b"], "size": [1, 2, 4]}).array, expected)
    restored = TableCodec().restore(codec.state())
    np.testing.assert_array_equal(restored.encode(pd.DataFrame(table)).array, expected)


def test_names_choose_among_the_columns_of_a_frame():
    codec = TableCodec(["sex", "age"]).fit(FRAME)
    assert [column.name for column in codec.spec.columns] == ["sex", "age"]
    assert TableCodec(["1"]).fit(pd.DataFrame([[1, 2], [3, 4]])).spec.shape == (1,)


def test_declared_types_override_inferred_ones():
    codec = TableCodec(column_types={"age": "categorical", "smoker": "numerical"}).fit(FRAME)
    assert [column.kind for column in codec.spec.columns] == ["categorical", "categorical", "numeric"]
    assert codec.spec.columns[0].cardinality == 4
    frame = pd.DataFrame({"zip": ["007", "123"], "grade": pd.Categorical([1, 2])})
    kinds = [column.kind for column in TableCodec().fit(frame).spec.columns]
    assert kinds == ["categorical", "categorical"]
    declared = TableCodec(column_types={"zip": "numeric", "grade": "numerical"}).fit(frame)
    assert [column.kind for column in declared.spec.columns] == ["numeric", "numeric"]


def test_errors_about_names_and_types_use_known_words():
    with pytest.raises(ConfigError, match="column_names must be specified"):
        TableCodec(column_types={"a": "numerical"}).fit(np.zeros((3, 1)))
    with pytest.raises(ConfigError, match=r"column_names and column_types are mismatched\..*'weight'"):
        TableCodec(column_types={"weight": "numerical"}).fit(FRAME)
    with pytest.raises(ConfigError, match="Expect column_names to have length 2 but got 1"):
        TableCodec(["a"]).fit(np.zeros((3, 2)))
    with pytest.raises(DataError, match="lacks the column 'weight'"):
        TableCodec(["age", "weight"]).fit(FRAME)
    with pytest.raises(DataError, match="'sex' holds numbers, but row 0 holds 'f'"):
        TableCodec(column_types={"sex": "numerical"}).fit(FRAME)


def test_a_row_without_any_cell_is_absent_and_changes_nothing():
    rows = [[1.0, "a"], [None, None], [3.0, "b"], None]
    codec = TableCodec().fit(rows)
    encoded = codec.encode(rows)
    assert encoded.present.tolist() == [True, False, True, False]
    assert not any(column.missing for column in codec.spec.columns)
    np.testing.assert_array_equal(encoded.array, [[-1, 1], [0, 0], [1, 2], [0, 0]])
    nothing = codec.encode([None, None])
    assert nothing.array.shape == (2, 2)
    assert not nothing.present.any()


def test_a_stranger_is_present():
    codec = TableCodec().fit([["a"], ["b"]])
    encoded = codec.encode([["z"], [None]])
    assert encoded.present.tolist() == [True, False]
    assert encoded.array.tolist() == [[0], [0]]


def test_no_rows_are_encoded_but_not_learnt_from():
    codec = TableCodec().fit(FRAME)
    assert codec.encode(FRAME.iloc[:0]).array.shape == (0, 3)
    assert codec.encode([]).array.shape == (0, 3)
    for empty in (np.zeros((0, 3)), np.zeros((3, 0)), [], [None, None], {}):
        with pytest.raises(DataError, match="needs rows and columns"):
            TableCodec().fit(empty)
    with pytest.raises(NotFittedError):
        TableCodec().encode(FRAME)


def test_one_column_of_numbers_is_a_table():
    codec = TableCodec().fit(np.arange(10))
    assert codec.spec.shape == (1,)
    assert codec.encode([4.5]).array.tolist() == [[0.0]]


def test_a_column_without_a_training_value_may_hold_words_later():
    codec = TableCodec().fit({"city": [None, None, None], "age": [1.0, 2.0, 3.0]})
    array = codec.encode({"city": ["Oslo", None], "age": [2.0, 2.0]}).array
    assert np.isnan(array[:, 0]).all()
    assert array[:, 1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("table", [np.array([[1 + 1j], [2j]]), {"x": [1 + 1j, None]}])
def test_complex_numbers_are_an_error(table):
    with pytest.raises(DataError, match="holds complex numbers"):
        TableCodec().fit(table)
