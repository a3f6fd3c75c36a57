"""Sequences of any length in cells, and series in wide form."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import medley as md
from medley.errors import DataError
from medley.series.sequences import SequenceCodec, SequenceInput, read_sequences
from medley.tables.columns.infer import infer

RNG = np.random.default_rng(0)


def wide(rows=60, steps=range(24), prefix="temp_h", digits=2):
    walk = RNG.normal(size=(rows, len(steps))).cumsum(1).round(2)
    return pd.DataFrame({f"{prefix}{step:0{digits}d}": walk[:, column] for column, step in enumerate(steps)})


@given(st.lists(st.one_of(st.none(), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)), min_size=1, max_size=20))
def test_sequences_of_any_length_end_at_the_last_step(rows):
    if all(row is None for row in rows):
        return
    codec = SequenceCodec(max_steps=8).fit(rows)
    encoded = codec.encode(rows)
    restored = SequenceCodec().restore(codec.state()).encode(rows)
    np.testing.assert_array_equal(encoded.array, restored.array)
    assert encoded.present.tolist() == [row is not None for row in rows]
    for row, array in zip(rows, encoded.array, strict=True):
        if row is not None:
            assert (array[: max(len(array) - len(row), 0)] == 0).all()
            mean, deviation = codec.state()["mean"][0], codec.state()["deviation"][0]
            expected = (np.array(row[-len(array) :]) - mean) / deviation
            np.testing.assert_allclose(array[-len(expected) :, 0], expected, rtol=1e-4, atol=1e-4)


def test_channels_and_gaps():
    rows = [[[1.0, 10.0], [None, 20.0], [3.0, 30.0]], None, [[np.nan, np.nan]], [[2.0, np.nan]]]
    rows[0] = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 30.0]])
    encoded = SequenceCodec().fit(rows).encode(rows)
    assert encoded.array.shape == (4, 3, 2)
    assert encoded.present.tolist() == [True, False, False, True]
    assert encoded.array[0, 1, 0] == encoded.array[0, 0, 0]  # the last known one
    assert encoded.array[3, 2, 1] == 0.0  # the mean


@pytest.mark.parametrize(
    ("rows", "message"), [([[1.0], "word"], "row 1 is 'word'"), ([[[1, 2]], [[1]]], "got 1 in row 1")]
)
def test_rows_that_are_not_sequences_are_reported_by_row(rows, message):
    with pytest.raises(DataError, match=message):
        read_sequences(rows)


def test_series_in_wide_form_are_recognised_with_a_reason_and_can_be_overridden():
    frame = pd.concat([wide(), wide(prefix="x_", steps=range(1, 13), digits=1)], axis=1)
    frame["station"] = RNG.choice(["a", "b"], len(frame))
    schema = infer(frame)
    assert {schema[name].kind for name in frame.columns[:-1]} == {"series"}
    assert "24 columns temp_h00 ... temp_h23 are the steps of a series" in schema["temp_h05"].reason
    assert schema["station"].kind == "category"
    lone = infer(frame, {"temp_h05": "number"})
    assert {lone[name].kind for name in frame.columns[:24]} == {"number"}  # a gap: no consecutive steps any more


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(RNG.normal(size=(60, 20)), columns=[f"v{number}" for number in range(20)]),
        wide(steps=range(5)),
        wide(steps=[0, 1, 2, 3, 4, 5, 6, 9, 10]),
        wide().astype(str).add("a"),
    ],
)
def test_few_columns_gaps_and_other_kinds_are_not_series(frame):
    assert "series" not in {guess.kind for guess in infer(frame).values()}


def test_families_with_the_same_steps_are_the_channels_of_one_input():
    frame = pd.concat([wide(), wide(prefix="wind_h"), wide(prefix="x_", steps=range(8), digits=1)], axis=1)
    schema = infer(frame)
    from medley.core.input import TableOptions

    inputs = SequenceInput.from_columns(list(schema.values()), TableOptions())
    assert [(columns.input.name, len(columns.columns)) for columns in inputs] == [("series", 48), ("x", 8)]
    cells = {name: frame[name].to_numpy() for name in inputs[0].columns}
    rows = SequenceInput.rows_from_columns(cells, schema)
    assert rows.shape == (60, 24, 2)
    np.testing.assert_array_equal(rows[:, 3, 1], frame["wind_h03"])


def test_series_of_both_forms_together_with_a_table(tmp_path):
    frame = wide(120)
    frame["rise"] = frame["temp_h23"] - frame["temp_h00"] + RNG.normal(0, 0.1, 120)
    frame["steps"] = [list(RNG.normal(size=RNG.integers(3, 9)).round(2)) for _ in range(120)]
    frame["size"] = RNG.normal(size=120).round(2)
    frame["kind"] = ["up" if steps[-1] + steps[-2] > 0 else "down" for steps in frame["steps"]]
    frame.loc[3, "steps"] = None
    frame.loc[4, ["temp_h01", "temp_h02"]] = np.nan
    model = md.fit(frame, ["rise", "kind"], max_trials=1, epochs=20, directory=tmp_path, verbose=0, seed=0)
    assert {feed.input for feed in model.table.feeds} == {"tabular.input", "series.sequence_input"}
    scores = model.evaluate(frame)
    assert scores["kind_accuracy"] > 0.8
    restored = md.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(restored.predict(frame), model.predict(frame))
    assert len(model.predict(frame.drop(columns=["rise", "kind"]).head(2))) == 2
