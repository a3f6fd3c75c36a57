"""Few cells are made distinct without pandas, and many with it: both agree."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from medley.tables.columns import profile

CELLS = (
    st.none()
    | st.text("ab ", max_size=2)
    | st.integers(-2, 2)
    | st.booleans()
    | st.sampled_from([0.0, -0.0, 1.0, 2.5, float("nan"), float("inf")])
)


@given(
    cells=st.lists(CELLS, max_size=8)
    | st.lists(st.floats(), max_size=8)
    | st.lists(st.text("ab", max_size=2) | st.none(), max_size=8),
    is_object=st.booleans(),
)
def test_few_cells_are_distinct_as_pandas_has_it(cells, is_object):
    series = pd.Series(cells, dtype=object if is_object or not cells else None)
    few = profile._few_distinct(series)
    codes, uniques = pd.factorize(series)
    assert few is not None
    assert few[0].tolist() == codes.tolist()
    assert [repr(value) for value in few[1].tolist()] == [repr(value) for value in uniques.tolist()]
    if series.dtype.kind in "biuf":
        assert few[1].dtype == np.asarray(uniques).dtype
