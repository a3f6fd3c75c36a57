"""What stands for a missing value is inferred from the other values of a column; the caller overrides it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley.errors import DataError
from medley.tables.columns.cells import read_columns
from medley.tables.columns.infer import infer
from medley.tables.columns.profile import profile_of
from medley.tables.columns.targets import infer_target_from_profile
from medley.tables.reading.read import read

WORDS = ["#NULL!", "unknown", "n.d.", "missing", "?", "-", "#REF!", "N/A", "NA", "not measured", "sold"]
ROWS = 60


def with_marker(values, marker, fraction):
    places = np.random.default_rng(0).random(len(values)) < fraction
    places[:2] = True
    return [marker if place else value for place, value in zip(places, values, strict=True)], places


@pytest.mark.parametrize("marker", WORDS)
@pytest.mark.parametrize("fraction", [0.12, 0.3])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{value:.2f}" for value in np.random.default_rng(1).normal(size=ROWS)], "number"),
        ([f"{value} kg" for value in np.random.default_rng(1).integers(0, 900, ROWS)], "number"),
        ([str(day.date()) for day in pd.date_range("2024-01-01", periods=ROWS)], "time"),
    ],
)
def test_a_repeated_word_among_numbers_or_times_is_a_missing_value(marker, fraction, values, kind):
    cells, places = with_marker(values, marker, fraction)
    table = read({"x": cells})
    guess = infer(table)["x"]
    assert guess.kind == kind
    assert f"{marker!r} (" in guess.reason
    parsed = read_columns(table, infer(table))["x"]
    assert (pd.isna(parsed.values) == places).all()
    assert not len(parsed.unparsed)


def test_a_target_with_a_marker_is_a_number():
    cells, _ = with_marker([f"{value:.2f}" for value in np.random.default_rng(1).normal(size=ROWS)], "#NULL!", 0.3)
    task = infer_target_from_profile(profile_of(read({"y": cells}), "y"))
    assert (task.kind, round(task.missing, 2)) == ("number", round(cells.count("#NULL!") / ROWS, 2))


def test_grades_with_a_marker_are_classes_without_it():
    task = infer_target_from_profile(profile_of(read({"rating": ["1", "2", "3", "?"] * 20}), "rating"))
    assert (task.kind, task.labels, task.missing) == ("ordered", ("1", "2", "3"), 0.25)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (["NA", "EU", "AS"], []),
        (["NA", "EMEA", "APAC", "LATAM"], []),
        (["NA", "red", "blue"], ["NA"]),
        (["M", "F", "NA"], ["NA"]),
        (["None", "Brick", "Stone"], []),
        (["none", "mild", "severe"], []),
        (["null", "Brick", "Stone"], ["null"]),
        (["red", "blue", "?", "n/a"], ["?", "n/a"]),
        (["red", "blue", "unknown"], []),
        (["+", "-"], []),
    ],
)
def test_codes_that_look_like_the_others_are_values(values, missing):
    guess = infer({"x": values * 10})["x"]
    assert guess.kind == "category"
    cells = read_columns(read({"x": values * 10}), infer({"x": values * 10}))["x"].values
    assert [value for value in values if value not in cells] == missing
    assert all(f"{marker!r} (" in guess.reason for marker in missing)


def test_placeholders_leave_booleans():
    for marker in ("NA", "?", "none"):
        assert infer({"x": ["YES", "NO", marker] * 10})["x"].kind == "boolean"


def test_the_caller_sets_missing_values():
    table = {"a": ["1.5", "2", "7", "x"] * 9, "b": [1.5, -99, 3, 4] * 9, "c": ["NA", "red", "blue", "x"] * 9}
    guessed = infer(table)
    assert (guessed["a"].kind, guessed["b"].missing) == ("category", 0)
    added = infer(table, missing_values=["X", -99])
    assert (added["a"].kind, added["b"].missing, added["c"].missing) == ("number", 0.25, 0.5)
    exact = infer(table, missing_values={"c": []})
    assert exact["c"].missing == 0
    assert "NA" in read_columns(read(table), exact)["c"].values
    with pytest.raises(DataError) as error:
        infer(table, missing_values={"d": [], "a": 3j})
    assert "missing_values names 'd', which is not a column" in str(error.value)
    assert "missing_values must be strings or numbers" in str(error.value)


def test_a_kind_that_the_caller_sets_decides_what_is_missing():
    cells, _ = with_marker([str(value) for value in range(0, 120, 2)], "unknown", 0.3)
    assert "unknown" not in read_columns(read({"x": cells}), infer({"x": cells}))["x"].values
    as_category = infer({"x": cells}, {"x": "category"})
    assert "unknown" in read_columns(read({"x": cells}), as_category)["x"].values


COLUMNS = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.integers(0, 40)), min_size=12, max_size=12),
    st.lists(
        st.sampled_from(["NA", "None", "null", "EU", "AS", "Red", "blue", "x y", "n/a", "?", "-", None]),
        min_size=12,
        max_size=12,
    ),
    st.lists(st.sampled_from(["1.5", "2", "3.25", "NA", "unknown", "#REF!", "7", None]), min_size=12, max_size=12),
    st.lists(st.sampled_from(["yes", "no", "NA", None]), min_size=12, max_size=12),
    st.lists(st.dates().map(str), min_size=12, max_size=12),
)


@settings(deadline=None)
@given(COLUMNS)
def test_a_file_and_a_frame_are_read_alike(tmp_path_factory, cells):
    frame = pd.DataFrame({"row": np.linspace(0.5, 1, 12), "x": cells})
    path = tmp_path_factory.getbasetemp() / "alike.csv"
    frame.to_csv(path, index=False)
    results = []
    for table in (read(frame), read(path)):
        schema = infer(table)
        values = (
            table.frame["x"].tolist() if not schema["x"].is_used else read_columns(table, schema)["x"].values.tolist()
        )
        results.append((schema["x"].kind, [None if pd.isna(value) else str(value) for value in values]))
    if infer(frame)["x"].is_used:
        assert results[0] == results[1]
    else:
        assert results[0][0] == results[1][0]
