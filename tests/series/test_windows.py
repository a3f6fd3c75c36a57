"""WindowCodec and TimeseriesInput: windows of a time series."""

import json

import numpy as np
import pandas as pd
import pytest

from medley.errors import ConfigError, DataError
from medley.series.timeseries import TimeseriesInput
from medley.series.windows import WindowCodec


def unscaled_windows(codec, values):
    """Windows of one numeric column in the caller's unit."""
    column = codec._fitted()[0]
    return codec.encode(values).array[..., 0] * column.scale + column.mean


def test_a_window_ends_at_its_row_and_the_first_row_is_repeated():
    series = np.array([[1.0], [2.0], [3.0], [5.0]])
    codec = WindowCodec(lookback=3).fit(series)
    expected = [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 5]]
    np.testing.assert_allclose(unscaled_windows(codec, series), expected, rtol=1e-5)


def test_numbers_are_standardised_with_the_training_rows():
    codec = WindowCodec(lookback=1).fit(np.array([[0.0, 7.0], [10.0, 7.0]]))
    assert codec.encode([[5.0, 7.0], [20.0, 8.0]]).array[:, 0].tolist() == [[0.0, 0.0], [3.0, 1.0]]


def test_missing_numbers_are_forward_filled_and_missing_rows_absent():
    codec = WindowCodec(lookback=2).fit([[1.0, 1.0], [3.0, 2.0]])
    encoded = codec.encode([[1.0, 1.0], [None, 2.0], None])
    assert encoded.present.tolist() == [True, True, False]
    np.testing.assert_allclose(unscaled_windows(codec, [[1.0, 1.0], [None, 2.0], [3.0, 1.0]]), [[1, 1], [1, 1], [1, 3]])
    assert not encoded.array[2].any()


def test_categories_are_one_hot_encoded_and_unseen_ones_are_zeros():
    frame = pd.DataFrame({"value": [1.0, 2.0, 3.0, 4.0], "day": ["mo", "tu", "mo", None]})
    codec = WindowCodec(lookback=1).fit(frame)
    assert str(codec.spec) == "(T=1 D=3)"
    other = pd.DataFrame({"day": ["tu", "we", "mo"], "extra": [0, 0, 0], "value": [1, 1, 1]})
    assert codec.encode(other).array[:, 0, 1:].tolist() == [[0, 1], [0, 0], [1, 0]]


def test_declared_types_have_precedence():
    codec = WindowCodec(1, ["a", "b"], {"b": "categorical"}).fit(np.array([[1, 5], [2, 6], [3, 5]]))
    assert str(codec.spec) == "(T=1 D=3)"


@pytest.mark.parametrize("rows", [1, 3, 40, 1000])
def test_the_default_length_is_learned(rows):
    assert WindowCodec().fit(np.zeros((rows, 2))).spec.shape[0] == max(1, min(16, rows // 4))


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        [[1.0, 2.0], [3.0, 4.0]],
        [(1, "2"), (3, "4")],
        {"0": [1, 3], "1": [2, 4]},
        pd.DataFrame({0: [1, 3], 1: [2, 4]}),
        np.array([["1", "2"], ["3", "4"]]),
    ],
)
def test_every_format_gives_the_same_windows(values):
    codec = WindowCodec(lookback=2).fit(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert codec.encode(values).array.tolist() == [[[-1, -1], [-1, -1]], [[-1, -1], [1, 1]]]
    assert str(WindowCodec(lookback=2).fit(values).spec) == "(T=2 D=2)"


def test_times_are_encoded_as_numbers():
    frame = pd.DataFrame({"when": pd.to_datetime(["2024-01-01", None, "2024-01-03"])})
    codec = WindowCodec(lookback=1).fit(frame)
    assert codec.encode(frame).array[:, 0, 0].tolist() == [-1.0, 0.0, 1.0]


def test_given_windows_are_standardised_and_may_be_absent():
    windows = [np.array([[0.0], [2.0]]), None, np.array([[2.0], [0.0]])]
    codec = WindowCodec().fit(windows)
    encoded = codec.encode(windows)
    assert encoded.array[..., 0].tolist() == [[-1, 1], [0, 0], [1, -1]]
    assert encoded.present.tolist() == [True, False, True]
    assert str(WindowCodec().fit(np.zeros((4, 5, 3))).spec) == "(T=5 D=3)"


@pytest.mark.parametrize(
    "values",
    [
        pd.DataFrame({"value": [1.0, None, 3.0], "day": ["mo", "tu", None]}),
        np.random.default_rng(0).normal(size=(6, 4, 2)),
    ],
)
def test_json_round_trip_of_the_state(values):
    codec = WindowCodec(lookback=2).fit(values)
    restored = WindowCodec().restore(json.loads(json.dumps(codec.state())))
    assert restored.spec == codec.spec
    assert np.array_equal(restored.encode(values).array, codec.encode(values).array)
    assert restored.state() == codec.state()


def test_errors_in_columns_are_reported():
    codec = WindowCodec(2, ["a", "b"]).fit(np.ones((5, 2)))
    with pytest.raises(DataError, match="2 errors"):
        codec.encode(pd.DataFrame({"x": [1.0]}))
    with pytest.raises(DataError, match=r"2 columns.*rows have 3"):
        codec.encode(np.ones((5, 3)))
    with pytest.raises(DataError, match=r"column 'a' was numeric.*'word'"):
        codec.encode([["word", 1.0]])
    with pytest.raises(DataError, match="at least one row"):
        WindowCodec().fit(np.zeros((0, 2)))
    with pytest.raises(DataError, match="row 1 has 3"):
        WindowCodec().fit([[1, 2], [1, 2, 3]])
    with pytest.raises(DataError, match="mismatched"):
        WindowCodec(column_types={"c": "numerical"}).fit(pd.DataFrame({"a": [1.0]}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeseriesInput(0), "lookback must be a whole number of at least 1"),
        (lambda: TimeseriesInput(column_types={"a": "catgorical"}), 'should be either "categorical".*Did you mean'),
        (lambda: TimeseriesInput(3, ["a"], {"b": "numerical"}), "column_names and column_types are mismatched"),
    ],
)
def test_errors_are_reported_on_construction(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
