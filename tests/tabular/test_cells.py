import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from medley.tabular.cells import days_of, infer_reading, labels_of, numbers_of
from medley.tabular.rows import column_of

DAY = datetime.datetime(2020, 1, 1, 12)


@pytest.mark.parametrize(
    ("cells", "reading"),
    [
        ([0.1 * i for i in range(20)], "number"),
        ([1, 2, 1, 2, 1, 2] * 50, "number"),
        ([1, None, 2.5], "number"),
        ([Decimal("1.5"), None], "number"),
        ([True, 2, 3.5], "number"),
        (["1", "2.5", "-3e4", None], "number"),
        (["1", "", "NA", "?"], "number"),
        (["1", 2, 3.0], "number"),
        ([None, None], "number"),
        (["", None], "number"),
        ([float("nan")] * 3, "number"),
        (["007", "123"], "category"),
        (["0.5", "0"], "number"),
        (["1_000", "2"], "category"),
        (["none", "na"], "category"),
        (["a", "b", None], "category"),
        (["1", "x"], "category"),
        ([1, "x", None, 2.5], "category"),
        ([True, False, None], "category"),
        ([(1, 2), {"a": 1}, [3]], "category"),
        ([DAY, None], "time"),
        ([DAY.date(), DAY.date()], "time"),
        ([datetime.timedelta(hours=1)], "time"),
        (["2020-01-01", "2021-12-31", None], "time"),
        (["2020-01-01T10:00:00Z", "2021-12-31 23:59"], "time"),
        (["2020-01-01", "2021-99-31"], "category"),
        ([DAY, "yesterday"], "category"),
        ([pd.NaT, pd.NA, None], "number"),
        ([b"a", b"b"], "category"),
    ],
)
def test_kinds_of_columns_are_inferred(cells, reading):
    assert infer_reading(column_of(cells)) == reading


def test_arrays_of_strings_are_read_like_lists():
    assert infer_reading(np.array(["1", "nan", "3"])) == "number"
    assert infer_reading(np.array(["a", "nan"])) == "category"
    assert labels_of(np.array(["a", "nan", "", "b"])) == ["a", None, None, "b"]


def test_numbers_lose_what_is_not_finite():
    values, wrong = numbers_of(column_of([1.0, float("inf"), -np.inf, None, "nan", "7 ", 10**400, np.float32(2)]))
    assert wrong is None
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, np.nan, np.nan, 7, np.nan, 2])


def test_the_first_cell_that_is_no_number_is_found():
    assert numbers_of(column_of([1, None, "x", "y"]))[1] == 2
    assert numbers_of(np.array(["2020-01-01"], dtype="M8[D]"))[1] == 0
    assert days_of(np.array([np.nan, 2.0]))[1] == 1


def test_days_are_since_1970_in_utc():
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    cells = [
        datetime.date(1970, 1, 2),
        datetime.datetime(1970, 1, 1, 12),
        datetime.datetime(1970, 1, 1, 1, tzinfo=berlin),
        pd.Timestamp("1970-01-03"),
        np.datetime64("1970-01-11"),
        "1970-01-01T06:00:00+00:00",
        "na",
        pd.NaT,
        np.datetime64("NaT", "s"),
    ]
    values, wrong = days_of(column_of(cells))
    assert wrong is None
    np.testing.assert_array_equal(values, [1, 0.5, 0, 2, 10, 0.25, np.nan, np.nan, np.nan])
    stamps = np.array(["1970-01-02T00:00", "NaT"], dtype="M8[ns]")
    np.testing.assert_array_equal(days_of(stamps)[0], [1, np.nan])
    np.testing.assert_array_equal(days_of(np.array([36], dtype="m8[h]"))[0], [1.5])


def test_labels_keep_their_types():
    cells = [1, "1", True, 2.5, None, float("nan"), pd.NA, np.int64(3), np.str_("s"), Decimal("1.5"), b"b", "  "]
    labels = labels_of(column_of(cells))
    assert labels == [1, "1", True, 2.5, None, None, None, 3, "s", "1.5", "b", None]
    assert [type(label) for label in labels if label is not None] == [int, str, bool, float, int, str, str, str]
