"""Designs of models: inputs for columns, heads for targets."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.auto.table.declared_targets import declared_target
from medley.auto.table.design import design_model
from medley.errors import ConfigError, DataError
from medley.tables.reading.read import read

ROWS = 60


def table(**columns):
    number = np.random.default_rng(0).normal(size=ROWS)
    return read(pd.DataFrame({"x": number, **columns}))


def heads(design):
    return {head.name: type(head) for head in design.heads}


def test_each_task_has_its_head():
    rows = table(
        two=["a", "b"] * 30,
        many=["a", "b", "c"] * 20,
        number=np.linspace(0, 1, ROWS),
        rating=[1, 2, 3, 4, 5, 5] * 10,
        tags=[["a"], ["b", "c"], []] * 20,
    )
    design = design_model(rows, ["two", "many", "number", "rating", "tags"])
    assert heads(design) == {
        "two": md.ClassificationHead,
        "many": md.ClassificationHead,
        "number": md.RegressionHead,
        "rating": md.OrderedHead,
        "tags": md.ClassificationHead,
    }
    assert [design.heads[0].multi_label, design.heads[4].multi_label] == [False, True]
    assert design.view.required == ["x"]


def test_all_plain_columns_feed_one_input_whose_name_is_free():
    design = design_model(table(table=["a", "b", "c"] * 20, y=np.arange(ROWS) / 7), "y")
    (feed,) = design.view.feeds
    assert (feed.name, feed.columns, feed.input) == ("table_", ("x", "table"), "tabular.input")
    assert design.inputs[0].name == "table_"


def test_columns_of_weights_are_not_inputs_but_times_are():
    rows = table(w=np.arange(ROWS) + 1.5, when=pd.date_range("2020-01-01", periods=ROWS), y=["a", "b"] * 30)
    design = design_model(rows, "y", roles={"sample_weight": "w", "time": "when"})
    assert design.view.required == ["x", "when"]


def test_columns_are_left_out_with_a_reason():
    design = design_model(table(same=["a"] * ROWS, key=[f"k{i:05}" for i in range(ROWS)], y=["a", "b"] * 30), "y")
    assert set(design.left_out) == {"same", "key"}
    assert design.left_out["same"].startswith("constant: ")


def test_a_custom_head_gets_the_name_of_its_column():
    design = design_model(table(y=[0, 1] * 30), {"y": md.ClassificationHead(dropout=0.25)})
    assert (design.heads[0].name, design.heads[0].dropout) == ("y", 0.25)
    named = design_model(table(y=[0, 1] * 30), {"y": md.ClassificationHead(name="label")})
    assert named.view.targets == {"label": "y"}


def test_a_target_that_is_named_twice_has_one_head():
    assert len(design_model(table(y=[0, 1] * 30), ["y", "y"]).heads) == 1


def test_invalid_names_are_reported_together():
    rows = table(y=["a"] * ROWS)
    with pytest.raises(ConfigError, match="5 errors") as error:
        design_model(rows, ["y", "z"], inputs=["y", "w"], roles={"group": "g"})
    for message in ("targets names 'z'", "inputs names 'y', which is a target", "inputs names 'w'", "group names 'g'"):
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("cells", "kind", "task", "labels"),
    [
        ([1, 2, 3, 2], "number", "number", ()),
        ([1, 2, 3, 2], "category", "multiclass", (1, 2, 3)),
        ([10, 2, 3, 2], "ordered", "ordered", (2, 3, 10)),
        ([1.5, 2.5, 1.5, 2.5], "category", "binary", (1.5, 2.5)),
        (["1", "2", "1", "2"], "number", "number", ()),
        (["yes", "no", "no", "yes"], "boolean", "binary", ("no", "yes")),
        (["a,b", "a", "b", "c"], "set", "multilabel", ()),
    ],
)
def test_the_kind_of_a_target_can_be_set(cells, kind, task, labels):
    task_guess = declared_target(read({"y": cells * 5}), "y", kind)
    assert (task_guess.kind, task_guess.labels) == (task, labels)


def test_impossible_target_kinds_are_errors():
    with pytest.raises(ConfigError, match="names the kind 'image' for the target 'y', which cannot be predicted"):
        declared_target(read({"y": ["a", "b"]}), "y", "image")
    with pytest.raises(DataError, match="fewer than two distinct values"):
        declared_target(read({"y": ["a", "a"]}), "y", "category")
    with pytest.raises(DataError, match="cannot be parsed as number"):
        declared_target(read({"y": ["a", "b"]}), "y", "number")


def test_numbers_that_are_set_to_categories_are_categories_in_the_network():
    rows = {"zipcode": [10115, 10117, 20095, 80331] * 25, "area": [float(i) for i in range(100)], "price": range(100)}
    design = design_model(read(rows), "price", column_kinds={"zipcode": "category"})
    codec = design.inputs[0].codec().fit(design.view.x(read(rows))["table"])
    assert {column.name: column.kind for column in codec.spec.columns} == {"zipcode": "categorical", "area": "numeric"}


@pytest.mark.parametrize(
    ("targets", "options", "message"),
    [
        (3.5, {}, "targets must be a column's name, a list of names, or a dict name -> head, got 3.5"),
        (None, {}, "got None"),
        (
            {"x": "number"},
            {},
            "maps 'x' to 'number', which is not a head such as RegressionHead.*column_kinds={'x': \"number\"}",
        ),
        ("x", {"column_kinds": "number"}, "column_kinds must be a dict from column to kind.*got 'number'"),
    ],
)
def test_invalid_arguments_are_errors(targets, options, message):
    with pytest.raises(ConfigError, match=message):
        design_model(table(), targets, **options)


def test_a_single_input_may_be_a_string():
    design = design_model(table(y=range(ROWS), z=np.linspace(0, 1, ROWS)), "y", inputs="x")
    assert design.view.required == ["x"]


def test_the_order_of_strings_can_be_set():
    sizes = read({"size": ["small", "medium", "large", None] * 5, "x": np.linspace(0, 1, 20) ** 2})
    design = design_model(sizes, "size", column_kinds={"size": "small<medium <large<huge"})
    assert design.heads[0].codec().fit(["small", "large", "medium"]).labels == ["small", "medium", "large"]
    assert "alphabetical order: large < medium < small" in declared_target(sizes, "size", "ordered").reason
    assert declared_target(read({"size": [3, 1, 2] * 5}), "size", "3 < 2 < 1").labels == (3, 2, 1)
    with pytest.raises(DataError, match=r"orders 'size' as small < large, but its cells also contain 'medium'"):
        design_model(sizes, "size", column_kinds={"size": "small < large"})


def test_recordings_and_sequences_have_separate_inputs():
    curves = [[float(step) for step in range(3 + row % 4)] for row in range(ROWS)]
    sounds = [f"{row}.WAV" for row in range(ROWS)]
    design = design_model(table(curve=curves, sound=sounds, y=range(ROWS)), "y")
    assert {feed.name: feed.input for feed in design.view.feeds} == {
        "table": "tabular.input",
        "sound": "audio.input",
        "curve": "series.sequence_input",
    }


def test_columns_without_names_are_called_by_their_number():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, 3)))
    design = design_model(read(frame), 2, inputs=[0])
    assert (design.view.required, list(design.tasks)) == (["0"], ["2"])
    with pytest.raises(ConfigError, match="all columns are targets"):
        design_model(read(frame), [0, 1, 2])
