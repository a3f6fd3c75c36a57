"""Columns become inputs, targets become heads."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.auto.table.plan import plan_table
from medley.auto.table.targets import target_as
from medley.errors import ConfigError, DataError
from medley.tables.reading.read import read

ROWS = 60


def table(**columns):
    number = np.random.default_rng(0).normal(size=ROWS)
    return read(pd.DataFrame({"x": number, **columns}))


def heads(plan):
    return {head.name: type(head) for head in plan.heads}


def test_each_task_has_its_head():
    rows = table(
        two=["a", "b"] * 30,
        many=["a", "b", "c"] * 20,
        number=np.linspace(0, 1, ROWS),
        rating=[1, 2, 3, 4, 5, 5] * 10,
        tags=[["a"], ["b", "c"], []] * 20,
    )
    plan = plan_table(rows, ["two", "many", "number", "rating", "tags"])
    assert heads(plan) == {
        "two": md.ClassificationHead,
        "many": md.ClassificationHead,
        "number": md.RegressionHead,
        "rating": md.OrderedHead,
        "tags": md.ClassificationHead,
    }
    assert [plan.heads[0].multi_label, plan.heads[4].multi_label] == [False, True]
    assert plan.view.required == ["x"]


def test_all_plain_columns_feed_one_input_whose_name_is_free():
    plan = plan_table(table(table=["a", "b", "c"] * 20, y=np.arange(ROWS) / 7), "y")
    (feed,) = plan.view.feeds
    assert (feed.name, feed.columns, feed.input) == ("table_", ("x", "table"), "tabular.input")
    assert plan.inputs[0].name == "table_"


def test_columns_that_say_something_about_rows_are_not_learnt_from_but_times_are():
    rows = table(w=np.arange(ROWS) + 1.5, when=pd.date_range("2020-01-01", periods=ROWS), y=["a", "b"] * 30)
    plan = plan_table(rows, "y", roles={"sample_weight": "w", "time": "when"})
    assert plan.view.required == ["x", "when"]


def test_what_is_left_out_says_why():
    plan = plan_table(table(same=["a"] * ROWS, key=[f"k{i:05}" for i in range(ROWS)], y=["a", "b"] * 30), "y")
    assert set(plan.left_out) == {"same", "key"}
    assert plan.left_out["same"].startswith("constant: ")


def test_a_head_of_the_callers_takes_the_name_of_its_column():
    plan = plan_table(table(y=[0, 1] * 30), {"y": md.ClassificationHead(dropout=0.25)})
    assert (plan.heads[0].name, plan.heads[0].dropout) == ("y", 0.25)
    named = plan_table(table(y=[0, 1] * 30), {"y": md.ClassificationHead(name="label")})
    assert named.view.targets == {"label": "y"}


def test_a_target_named_twice_is_one():
    assert len(plan_table(table(y=[0, 1] * 30), ["y", "y"]).heads) == 1


def test_names_that_are_wrong_are_told_together_with_targets_that_are():
    rows = table(y=["a"] * ROWS)
    with pytest.raises(ConfigError, match="5 errors") as error:
        plan_table(rows, ["y", "z"], inputs=["y", "w"], roles={"group": "g"})
    for told in ("targets names 'z'", "inputs names 'y', which is a target", "inputs names 'w'", "group names 'g'"):
        assert told in str(error.value)


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
def test_a_target_is_what_the_caller_says(cells, kind, task, labels):
    found = target_as(read({"y": cells * 5}), "y", kind)
    assert (found.kind, found.labels) == (task, labels)


def test_targets_of_a_kind_that_cannot_be_are_told():
    with pytest.raises(ConfigError, match="names the kind 'image' for the target 'y', which cannot be predicted"):
        target_as(read({"y": ["a", "b"]}), "y", "image")
    with pytest.raises(DataError, match="less than two values"):
        target_as(read({"y": ["a", "a"]}), "y", "category")
    with pytest.raises(DataError, match="cannot be parsed as number"):
        target_as(read({"y": ["a", "b"]}), "y", "number")


def test_numbers_that_are_categories_are_categories_for_the_network_too():
    rows = {"zipcode": [10115, 10117, 20095, 80331] * 25, "area": [float(i) for i in range(100)], "price": range(100)}
    plan = plan_table(read(rows), "price", column_kinds={"zipcode": "category"})
    codec = plan.inputs[0].codec().fit(plan.view.x(read(rows))["table"])
    assert {column.name: column.kind for column in codec.spec.columns} == {"zipcode": "categorical", "area": "numeric"}


@pytest.mark.parametrize(
    ("targets", "more", "told"),
    [
        (3.5, {}, "targets must be a column's name, a list of names, or a dict name -> head, got 3.5"),
        (None, {}, "got None"),
        ({"x": "number"}, {}, "'x' no head such as RegressionHead.*but 'number'.*column_kinds={'x': \"number\"}"),
        ("x", {"column_kinds": "number"}, "column_kinds must be a dict from column to kind.*got 'number'"),
    ],
)
def test_arguments_of_another_form_are_told(targets, more, told):
    with pytest.raises(ConfigError, match=told):
        plan_table(table(), targets, **more)


def test_one_input_may_be_named_as_one_word():
    plan = plan_table(table(y=range(ROWS), z=np.linspace(0, 1, ROWS)), "y", inputs="x")
    assert plan.view.required == ["x"]


def test_ordered_words_take_the_order_that_the_caller_says():
    sizes = read({"size": ["small", "medium", "large", None] * 5, "x": np.linspace(0, 1, 20) ** 2})
    plan = plan_table(sizes, "size", column_kinds={"size": "small<medium <large<huge"})
    assert plan.heads[0].codec().fit(["small", "large", "medium"]).labels == ["small", "medium", "large"]
    assert "alphabetical order: large < medium < small" in target_as(sizes, "size", "ordered").reason
    assert target_as(read({"size": [3, 1, 2] * 5}), "size", "3 < 2 < 1").labels == (3, 2, 1)
    with pytest.raises(DataError, match=r"small < large of 'size' lacks 'medium'"):
        plan_table(sizes, "size", column_kinds={"size": "small < large"})


def test_recordings_and_sequences_have_inputs_of_their_own():
    curves = [[float(one) for one in range(3 + row % 4)] for row in range(ROWS)]
    sounds = [f"{row}.WAV" for row in range(ROWS)]
    plan = plan_table(table(curve=curves, sound=sounds, y=range(ROWS)), "y")
    assert {feed.name: feed.input for feed in plan.view.feeds} == {
        "table": "tabular.input",
        "sound": "audio.input",
        "curve": "series.sequence_input",
    }


def test_columns_that_nobody_named_are_targets_by_their_number():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, 3)))
    plan = plan_table(read(frame), 2, inputs=[0])
    assert (plan.view.required, list(plan.tasks)) == (["0"], ["2"])
    with pytest.raises(ConfigError, match="all are targets"):
        plan_table(read(frame), [0, 1, 2])
