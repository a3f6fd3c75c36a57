"""How a model reads tables, and writes predictions as columns."""

import numpy as np
import pandas as pd
import pytest

from medley.errors import DataError
from medley.tables.columns.infer import infer
from medley.tables.reading.read import read
from medley.tables.view import InputFeed, TableView, is_table

FRAME = pd.DataFrame(
    {
        "when": pd.to_datetime(["2020-02-29 06:00", None, "1960-01-01 00:00"]),
        "code": ["007", "8", None],
        "tags": [["big cat", "x"], None, []],
        "y": [1.5, 2.5, None],
    }
)


def view(frame=FRAME):
    feeds = [
        InputFeed("facts", ("when", "code"), "tabular.input"),
        InputFeed("tags", ("tags",), "text.label_set_input"),
    ]
    kinds = {"code": "category", "when": "time", "tags": "set", "y": "number"}
    return TableView(infer(frame, kinds), feeds, {"y": "y"})


def test_times_become_days_and_cycles():
    facts = view().x(read(FRAME))["facts"]
    assert facts["when: days"][0] == pytest.approx(18321.25)
    assert np.isnan(facts["when: days"][1])
    for cycle in ("year", "week", "day"):
        sine, cosine = facts[f"when: {cycle}, sine"], facts[f"when: {cycle}, cosine"]
        assert np.allclose((sine**2 + cosine**2)[[0, 2]], 1)
        assert np.isnan(sine[1])
    assert facts["when: day, sine"][0] == pytest.approx(1)  # six o'clock is a quarter of the day


def test_sets_stay_lists_of_labels():
    assert view().x(read(FRAME))["tags"] == [["big cat", "x"], None, []]


def test_text_columns_stay_text_in_a_file_of_digits(tmp_path):
    FRAME[["when", "code", "tags"]].iloc[:1].assign(code="7").to_csv(tmp_path / "one.csv", index=False)
    assert view().x(view().read(tmp_path / "one.csv"))["facts"]["code"].tolist() == ["7"]


def test_targets_are_required_only_where_they_are_needed():
    unlabelled = FRAME.drop(columns="y")
    assert len(view().read(unlabelled)) == 3
    with pytest.raises(DataError, match="'y' is missing"):
        view().read(unlabelled, labelled=True)
    with pytest.raises(DataError, match=r"(?s)2 errors.*'code'.*'y'"):
        view().read(FRAME[["when", "tags"]], labelled=True)


def test_cells_that_cannot_be_parsed_are_listed():
    rows = FRAME.astype({"when": object}).assign(when=["2020-01-01", "soon", None])
    assert {name: positions.tolist() for name, positions in view().unparsed(read(rows)).items()} == {"when": [1]}


def test_a_view_is_restored_from_its_state():
    import json

    restored = TableView.restore(json.loads(json.dumps(view().state())))
    assert (restored.schema, restored.feeds, restored.targets) == (view().schema, view().feeds, view().targets)


def test_predictions_are_columns_and_classes_have_their_probability():
    view = TableView(infer(FRAME), [], {"kind": "kind", "y": "y"})
    probabilities = {"kind": np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), "y": np.arange(3.0)}
    labels = {"kind": ["a", "b"], "y": None}
    decoded = {"kind": np.array(["a", "a", "b"], object), "y": np.arange(3.0)}
    confidence = {"kind": np.array([0.9, 0.5, 0.8])}
    predictions = view.predictions(decoded, confidence, labels)
    assert {name: list(cells) for name, cells in predictions} == {
        "kind": ["a", "a", "b"],
        "kind_probability": [0.9, 0.5, 0.8],
        "y": [0.0, 1.0, 2.0],
    }
    assert [name for name, _ in view.probabilities(probabilities, labels)] == ["kind_a", "kind_b", "y"]
    assert [name for name, _ in view.probabilities(probabilities, labels, numbers=False)] == ["kind_a", "kind_b"]


def test_tables_are_distinguished_from_rows_of_inputs():
    for rows in ("new.csv", FRAME, {"age": [1]}, [{"age": 1}], [], read(FRAME)):
        assert is_table(rows, ["facts"])
    for rows in (np.zeros((3, 2)), [np.zeros(3)], {"facts": FRAME}, None):
        assert not is_table(rows, ["facts"])


def test_a_dict_of_columns_is_a_table_even_if_an_input_has_a_columns_name():
    assert is_table({"note": ["a"], "age": [1], "more": [2]}, ["facts", "note"], ["note", "age"])
    assert not is_table({"facts": [[1]], "note": ["a"]}, ["facts", "note"], ["note", "age"])
