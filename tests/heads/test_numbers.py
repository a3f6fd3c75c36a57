"""Numbers are standardised; predictions have the unit, shape and type of the targets."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medley.errors import DataError, NotFittedError
from medley.heads.numbers import NumberCodec


def round_trip(values, **options):
    codec = NumberCodec(**options).fit(values)
    encoded = codec.encode(values)
    return codec, encoded, codec.decode(encoded.array[:, : len(codec.mean)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 4], np.array([1.0, 2, 4])),
        (np.array([1, 2, 4], np.int32), np.array([1.0, 2, 4])),
        (np.array([1, 2.5, 4], np.float32), np.array([1, 2.5, 4], np.float32)),
        (np.array([[1.0], [3]]), np.array([[1.0], [3]])),
        ([[1, 10], [3, 40]], np.array([[1.0, 10], [3, 40]])),
        (pd.Series([1.5, 2.5]), np.array([1.5, 2.5])),
        (pd.DataFrame({"a": [1, 2], "b": [3.0, 9]}), np.array([[1.0, 3], [2, 9]])),
        (pd.Series([1, 2], dtype="Int64"), np.array([1.0, 2])),
        ([Decimal("1.5"), Decimal("2.5")], np.array([1.5, 2.5])),
        (torch.tensor([1.0, 3.0]), np.array([1, 3], np.float32)),
        ([True, False], np.array([1.0, 0.0])),
    ],
)
def test_unit_shape_and_type_are_restored(values, expected):
    codec, encoded, decoded = round_trip(values)
    assert encoded.array.dtype == np.float32
    assert encoded.array.shape == (len(expected), *codec.spec.shape)
    assert decoded.shape == expected.shape
    assert decoded.dtype == expected.dtype
    np.testing.assert_allclose(decoded, expected, rtol=1e-6)
    np.testing.assert_allclose(codec.values(encoded.array), expected, rtol=1e-6)
    np.testing.assert_array_equal(codec.probabilities(encoded.array[:, : len(codec.mean)]), decoded)


def test_targets_are_standardised_column_by_column():
    codec = NumberCodec().fit(np.array([[0.0, 1000.0], [2.0, 3000.0]]))
    np.testing.assert_allclose(codec.encode([[2.0, 1000.0]]).array, [[1, -1, 1, 1]])
    np.testing.assert_allclose(codec.deviation, [1, 1000])


def test_missing_numbers_of_one_column_are_unobserved_rows():
    for values in ([1.0, None, 3.0], np.array([1, np.nan, 3]), pd.Series([1, None, 3], dtype="Int64")):
        codec, encoded, decoded = round_trip(values)
        assert encoded.present.tolist() == [True, False, True]
        assert decoded[[0, 2]].tolist() == [1.0, 3.0]
        assert encoded.array[1] == 0
        assert codec.mean.tolist() == [2.0]


def test_a_row_with_missing_numbers_keeps_the_others():
    values = np.array([[1.0, np.nan], [3.0, 5.0], [np.nan, np.nan]])
    codec, encoded, _ = round_trip(values)
    assert encoded.present.tolist() == [True, True, False]
    np.testing.assert_array_equal(codec.values(encoded.array), values)
    np.testing.assert_array_equal(encoded.array, [[-1, 0, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0]])


def test_a_constant_target_is_not_divided_by_zero():
    codec, encoded, decoded = round_trip([0.1] * 10)
    assert np.isfinite(encoded.array).all()
    np.testing.assert_allclose(decoded, 0.1)
    np.testing.assert_allclose(codec.decode(codec.prior[None]), 0.1)


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.one_of(st.floats(-1e6, 1e6, allow_subnormal=False), st.just(np.nan)),
    )
)
def test_any_numbers_are_restored(values):
    if np.isnan(values).all(axis=0).any():
        with pytest.raises(DataError, match="no number in column"):
            NumberCodec().fit(values)
        return
    codec, encoded, _ = round_trip(values)
    assert np.isfinite(encoded.array).all()
    back = codec.values(encoded.array)
    np.testing.assert_allclose(
        back[encoded.present], values[encoded.present], atol=1e-5 * (1e-6 + np.nanmax(abs(values)))
    )


def test_the_codec_is_restored_from_its_state():
    for values in ([1, 2, None], np.array([[1, np.nan], [3, 4]], np.float32)):
        codec, encoded, decoded = round_trip(values, loss="mean_absolute_error")
        state = codec.state()
        arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
        plain = json.loads(json.dumps({key: value for key, value in state.items() if key not in arrays}))
        restored = NumberCodec(loss="mean_absolute_error").restore({**plain, **arrays})
        np.testing.assert_array_equal(restored.decode(encoded.array[:, : len(codec.mean)]), decoded)
        np.testing.assert_array_equal(restored.encode(values).array, encoded.array)
        np.testing.assert_array_equal(restored.prior, codec.prior)
        assert restored.spec == codec.spec


def test_the_prior_is_the_median_for_absolute_errors():
    values = [0.0, 0.0, 0.0, 100.0]
    np.testing.assert_allclose(NumberCodec().fit(values).prior, [0.0], atol=1e-9)
    codec = NumberCodec(loss="mean_absolute_error").fit(values)
    np.testing.assert_allclose(codec.decode(codec.prior[None]), [0.0], atol=1e-5)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0, np.inf], {}, "finite .*got inf in row 1, column 0"),
        ([1.0, -1e300], {}, r"between -3e38 and 3e38, got -1e\+300 in row 1"),
        (np.array([1.0, 2 + 1j]), {}, r"must be numbers, got \(1\+0j\) in row 0"),
        ([1.0, 2 + 1j], {}, r"must be numbers, got"),
        (np.array(["0", "1"]), {}, "must be numbers, got '0' in row 0"),
        (["1", "2"], {}, "must be numbers, got '1' in row 0, column 0"),
        ([1, "two"], {}, "must be numbers, got 'two' in row 1"),
        ([1, {}], {}, r"got \{\} \(dict\) in row 1"),
        ([None, None], {}, "no number in column 0: all 2 rows"),
        ([], {}, "no number in column 0"),
        ([[1, 2], [3]], {}, "equal lengths"),
        (np.zeros((2, 2, 2)), {}, r"got \(2, 2, 2\)"),
        (np.zeros((2, 2)), {"output_dim": 3}, r"shape \(B, 3\), but got \(B, 2\)"),
        (np.array(["2020-01-01"], "datetime64[D]"), {}, "must be numbers"),
    ],
)
def test_invalid_numeric_targets_are_errors(values, options, message):
    with pytest.raises(DataError, match=message):
        NumberCodec(**options).fit(values)


def test_another_number_of_columns_is_an_error():
    with pytest.raises(DataError, match=r"\(B, 1\), but got \(B, 2\)"):
        NumberCodec().fit([1.0, 2.0]).encode(np.zeros((3, 2)))
    with pytest.raises(NotFittedError, match="call fit"):
        NumberCodec().encode([1.0])
