"""Rows by column: cells of other rows give what predictions of such rows give."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.core.batch import Rows
from medley.model.forward import compute_outputs
from medley.report.associations import associated_columns, cramers_v
from medley.report.model_rows import ModelColumn, prediction_rows


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    words = np.array(["red", "blue", "dress", "shirt", "silk"])
    return pd.DataFrame(
        {
            "size": rng.normal(size=60),
            "when": pd.date_range("2024-01-01", periods=60, freq="D"),
            "colour": rng.choice(["red", "blue"], 60),
            "note": [" ".join(rng.permutation(words)[:3]) + f" {n}" for n in range(60)],
            "price": rng.normal(size=60),
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    return md.fit(frame, "price", max_trials=1, epochs=1, verbose=0, seed=0)


def raw(model, rows, **changes):
    return compute_outputs(rows.network, Rows(rows.encode(**changes)), 64)["price"].numpy()


def test_cells_of_other_rows(model, frame):
    rows = prediction_rows(model, frame, None)
    assert [column.name for column in rows.columns] == ["size", "when", "colour", "note"]
    index = np.random.default_rng(1).permutation(60)
    for name in ("size", "when", "note"):
        moved = frame.assign(**{name: frame[name].to_numpy()[index]})
        np.testing.assert_allclose(
            raw(model, rows, positions={name: index}), model.predict_raw(moved)["price"], atol=1e-5
        )
    both = frame.assign(size=frame["size"].to_numpy()[index], note=frame["note"].to_numpy()[index])
    np.testing.assert_allclose(
        raw(model, rows, positions=dict.fromkeys(("size", "note"), index)), model.predict_raw(both)["price"], atol=1e-5
    )


def test_a_missing_row_is_one_whose_cells_are_missing(model, frame):
    rows = prediction_rows(model, frame.iloc[:2], None).with_missing_row()
    empty = pd.DataFrame({name: [*frame[name].iloc[:2], None] for name in frame})
    np.testing.assert_allclose(raw(model, rows), model.predict_raw(empty)["price"], atol=1e-5)


def test_columns_that_determine_each_other_are_associated():
    rng = np.random.default_rng(0)
    size = rng.normal(size=500)
    columns = {
        "size": size,
        "weight": 2 * size + 0.01 * rng.normal(size=500),
        "city": rng.choice(["a", "b", "c"], 500).astype(object),
        "other": rng.normal(size=500),
    }
    columns["zip"] = np.array([{"a": "1", "b": "2", "c": "3"}[city] for city in columns["city"]], dtype=object)
    made = [ModelColumn(name, "facts", name, "number", cells) for name, cells in columns.items()]
    assert associated_columns(made) == [("size", "weight"), ("city", "zip")]
    assert cramers_v(rng.integers(0, 4, 2000), rng.integers(0, 5, 2000)) < 0.1  # independent
