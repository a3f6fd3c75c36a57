"""What NumPy masks is missing, whatever form the rows have."""

import numpy as np
import pandas as pd
import pytest

from medley.core.masked_arrays import unmasked
from medley.data.rows import arrange
from medley.heads.numbers import NumberCodec
from medley.tables.reading.read import read
from medley.tabular.codec import TableCodec


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.ma.array([1.5, 1e20], mask=[0, 1]), [1.5, None]),
        (np.ma.array([1, 999], mask=[0, 1]), [1, None]),
        (np.ma.array([True, False], mask=[0, 1]), [True, None]),
        (np.ma.array(["a", "b"], mask=[1, 0]), [None, "b"]),
        (np.ma.array([1.5, 2.5]), [1.5, 2.5]),
        ([1.5, np.ma.masked], [1.5, None]),
        ([1.5, "x"], [1.5, "x"]),
        (np.ma.array(np.ones((2, 2, 2), np.uint8), mask=np.repeat([False, True], 4).reshape(2, 2, 2)), ["image", None]),
    ],
)
def test_masked_cells_are_missing(values, expected):
    cells = unmasked(values)
    cells = ["image" if getattr(cell, "ndim", 0) else cell for cell in cells]
    assert [
        None if cell is None or (isinstance(cell, float) and np.isnan(cell)) else cell for cell in cells
    ] == expected


def test_rows_labels_and_tables_honour_masks():
    y = np.ma.array([1.0, 1e20, 2.0], mask=[0, 1, 0])
    encoded = NumberCodec().fit(arrange(y, ["y"], "y")["y"]).encode(arrange(y, ["y"], "y")["y"])
    assert encoded.present.tolist() == [True, False, True]
    x = np.ma.array([[1.0, 999.0], [2.0, 3.0]], mask=[[0, 1], [0, 0]])
    for rows in (x, {"a": x[:, 0], "b": x[:, 1]}):
        array = TableCodec().fit(arrange([rows], ["x"], "x", 2)["x"]).encode(arrange([rows], ["x"], "x", 2)["x"]).array
        assert np.isnan(array).tolist() == [[False, True], [False, False]]
    frame = read({"a": x[:, 1], "b": [1, 2]}).frame
    assert pd.isna(frame["a"]).tolist() == [True, False]
