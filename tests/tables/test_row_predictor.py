"""Single rows as dicts get the answers that `predict` gives to the same rows in a frame."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medley as md
from medley.errors import ConfigError, DataError, UnreadableCellWarning

ROWS = 60


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    age, kind = rng.normal(8, 3, ROWS).round(1), rng.choice(["cat", "dog", "cow"], ROWS)
    frame = pd.DataFrame(
        {
            "age": age,
            "kind": kind,
            "born": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), unit="D"),
            "weight": [f"{value:.1f} kg" for value in rng.uniform(1, 90, ROWS)],
            "note": rng.choice(["a friendly old animal", "barks at night a lot", "sleeps all day long"], ROWS),
            "vaccinated": rng.choice([True, False], ROWS),
            "breed": np.where(age + rng.normal(0, 2, ROWS) > 8, "old", "young"),
            "price": 100 * age + rng.normal(0, 200, ROWS),
        }
    )
    return md.fit(frame, ["breed", "price"], max_trials=1, epochs=1, verbose=0)


missing = st.none()
row = st.fixed_dictionaries(
    {
        "age": missing | st.floats(-50, 50) | st.integers(-5, 40) | st.sampled_from(["7.5", "unknown", ""]),
        "kind": missing | st.sampled_from(["cat", "dog", "Cat ", "horse", "", "?"]) | st.integers(0, 3) | st.booleans(),
        "born": missing | st.dates(datetime.date(1990, 1, 1), datetime.date(2030, 1, 1)).map(str),
        "weight": missing | st.floats(0, 90).map(lambda value: f"{value:.1f} kg") | st.just("12"),
        "note": missing | st.text(max_size=20) | st.just("sleeps a lot"),
        "vaccinated": missing | st.booleans() | st.sampled_from(["yes", "no"]),
    },
    optional={"unused": st.integers()},
)


@settings(max_examples=40)
@given(rows=st.lists(row, min_size=1, max_size=4))
def test_rows_get_the_answers_of_the_frame(model, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnreadableCellWarning)
        expected = model.predict(pd.DataFrame(rows), proba=True)
        answers = model.predictor(proba=True)(rows)
    pd.testing.assert_frame_equal(pd.DataFrame(answers), expected, check_dtype=False, rtol=1e-5)


def test_one_row_gets_one_answer_in_pythons_types(model):
    cells = {"age": 3, "kind": "dog", "born": "2021-05-01", "weight": "12.5 kg", "note": None, "vaccinated": True}
    answer = model.predictor()(cells)
    assert list(answer) == ["breed", "breed_probability", "price"]
    assert [type(value) for value in answer.values()] == [str, float, float]
    assert model.predictor()([]) == []


def test_rows_that_lack_columns_or_cannot_be_read_are_errors(model):
    with pytest.raises(DataError, match="'note' is missing"):
        model.predictor()({"age": 3, "kind": "dog", "born": None, "weight": None, "vaccinated": None})
    cells = {"age": "heavy", "kind": "dog", "born": None, "weight": None, "note": None, "vaccinated": None}
    with pytest.raises(DataError, match="row 0, column 'age': 'heavy' is not a number"):
        model.predictor(on_unreadable="raise")(cells)
    with pytest.raises(DataError, match="Rows must be dicts"):
        model.predictor()([3])
    with pytest.raises(ConfigError, match="on_unreadable"):
        model.predictor(on_unreadable="ignore")


def test_a_model_without_a_table_has_no_predictor():
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    auto = md.AutoModel(md.Input(name="wave"), md.RegressionHead(), max_trials=1, directory=None)
    auto.fit(x, x[:, 0], epochs=1, verbose=0)
    with pytest.raises(ConfigError, match=r"pass its inputs \(wave\)"):
        auto.export_model().predictor()
    predictions, probabilities = auto.export_model().predict(x, proba=True)
    np.testing.assert_array_equal(predictions, auto.predict(x))
    np.testing.assert_array_equal(probabilities, auto.predict_proba(x))


def test_probabilities_come_with_the_predictions_from_one_run_of_the_network(model, monkeypatch):
    frame = pd.DataFrame([{"age": 3.0, "kind": "dog", "born": None, "weight": None, "note": None, "vaccinated": True}])
    both = [model.predict(frame), model.predict_proba(frame).drop(columns="price")]
    runs = []
    compute = type(model)._compute_raw
    monkeypatch.setattr(type(model), "_compute_raw", lambda *args: runs.append(1) or compute(*args))
    pd.testing.assert_frame_equal(model.predict(frame, proba=True), pd.concat(both, axis=1))
    assert len(runs) == 1
