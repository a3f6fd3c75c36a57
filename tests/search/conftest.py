"""Tables for searches."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def photo_frame():
    """80 rows with a photograph, bright by day, and a price that depends on a column and on the brightness."""
    rng, rows = np.random.default_rng(0), 80
    size, bright = rng.normal(size=rows), rng.integers(0, 2, rows)
    photos = [rng.integers(0, 90, (16, 16, 3), dtype=np.uint8) + np.uint8(150 * value) for value in bright]
    kind = np.where(bright == 1, "day", "night")
    return pd.DataFrame({"size": size, "photo": photos, "price": 10 + 5 * size + bright, "kind": kind})
