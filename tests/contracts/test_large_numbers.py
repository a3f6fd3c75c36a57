"""Large numbers: beyond float32, or with squares beyond float64. Their encodings are finite, and nothing warns."""

import numpy as np
import pytest

import medley as md

RNG = np.random.default_rng(0)
ROWS = {
    "array": (md.Input(), RNG.normal(size=(9, 3))),
    "table": (md.StructuredDataInput(), RNG.normal(size=(9, 3))),
    "series": (md.TimeseriesInput(), RNG.normal(size=(9, 8, 2))),
    "sequences": (md.SequenceInput(), RNG.normal(size=(9, 8))),
    "image": (md.ImageInput(), RNG.random((9, 8, 8, 3))),
    "audio": (md.AudioInput(sampling_rate=4000), RNG.normal(size=(9, 4000))),
}


@pytest.mark.parametrize("number", [1e30, 1e300, -1e300, 1e308])
@pytest.mark.parametrize("kind", sorted(ROWS))
def test_large_numbers_give_finite_encodings(kind, number):
    block, rows = ROWS[kind]
    rows = rows.copy()
    rows[(1, 2, *[0] * (rows.ndim - 2))] = number
    values = list(rows) if kind in ("audio", "sequences") else rows
    codec = block.codec().fit(values)
    assert np.isfinite(codec.encode(values).array).all()
    features = block.linear_features()
    if features is not None:
        features.fit(values)
        assert all(np.isfinite(np.asarray(part.matrix)).all() for part in features.encode(values)[0])
