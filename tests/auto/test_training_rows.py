"""Arguments of `fit` are checked; rows are matched to names and split."""

import numpy as np
import pandas as pd
import pytest

from medley.auto.fit_arguments import check_fit, check_writable
from medley.auto.training_rows import label_strata, match_rows, split_at_random
from medley.errors import ConfigError, DataError
from medley.graph.graph import build_graph
from medley.heads import ClassificationHead, RegressionHead
from medley.series.input import Input

GOOD = {
    "epochs": None,
    "batch_size": None,
    "validation_split": 0.2,
    "validation_data": None,
    "callbacks": None,
    "verbose": 1,
}


def graph(inputs=("a", "b"), heads=None):
    heads = heads or [ClassificationHead(name="kind"), RegressionHead(name="price")]
    return build_graph([Input(name=name) for name in inputs], heads)


def rows(size=10):
    return {"a": np.arange(size * 2.0).reshape(size, 2), "b": np.arange(size * 3.0).reshape(size, 3)}


def labels(size=10):
    return {"kind": ["x", "y"] * (size // 2), "price": np.arange(float(size))}


def test_usual_arguments_pass():
    check_fit(**GOOD)
    check_fit(**{**GOOD, "validation_split": 0.0, "validation_data": (1, 2), "verbose": "auto", "callbacks": [print]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, got 2.5"),
        ({"validation_split": 0}, "Either validation_data or a non-zero validation_split should be provided"),
        ({"validation_split": None}, "Either validation_data or a non-zero"),
        ({"validation_split": 1.0}, r"validation_split must lie between 0 and 1, got 1\.0"),
        ({"validation_split": -0.1}, "must lie between 0 and 1"),
        ({"validation_split": [0.2]}, "must lie between 0 and 1"),
        ({"validation_split": True}, "must lie between 0 and 1"),
        ({"validation_split": "0.2"}, "must lie between 0 and 1, got '0.2'"),
        ({"validation_split": float("nan")}, "must lie between 0 and 1"),
        ({"validation_data": 3}, r"must be \(x, y\) or \(x, y, sample_weight\), got int"),
        ({"validation_data": (1, 2, 3, 4)}, "got tuple of 4"),
        ({"callbacks": ["stop"]}, "callbacks must be a list of objects .*of functions of a record, got .'stop'."),
        ({"callbacks": print}, "callbacks must be a list of objects .*of functions of a record, got <built-in"),
        ({"verbose": 3}, "verbose must be 0, 1 or 2, got 3"),
    ],
)
def test_an_invalid_argument_is_reported_with_its_value(arguments, message):
    with pytest.raises(ConfigError, match=message):
        check_fit(**{**GOOD, **arguments})


def test_all_errors_are_reported_together():
    with pytest.raises(ConfigError, match=r"(?s)4 errors.*epochs.*batch_size.*validation_split.*verbose"):
        check_fit(**{**GOOD, "epochs": -1, "batch_size": True, "validation_split": 2, "verbose": 9})


@pytest.mark.parametrize("form", ["dict", "list", "tuple"])
def test_rows_are_matched_by_name_or_in_order(form):
    x, y = rows(), labels()
    if form != "dict":
        kind = {"list": list, "tuple": tuple}[form]
        part = match_rows(graph(), kind(x.values()), kind(y.values()), None)
    else:
        part = match_rows(graph(), dict(reversed(x.items())), dict(reversed(y.items())), None)
    assert part.size == 10
    assert part.x["a"] is x["a"]
    assert part.y["price"] is y["price"]
    assert list(part.x) == ["a", "b"]


def test_a_single_input_and_head_need_no_list():
    single = graph(["a"], [RegressionHead(name="price")])
    for x in (rows()["a"], [rows()["a"]], {"a": rows()["a"]}, rows()["a"].tolist()):
        for y in (labels()["price"], [labels()["price"]], list(labels()["price"])):
            part = match_rows(single, x, y, None)
            assert part.size == 10
            assert np.asarray(part.x["a"]).shape == (10, 2)
            assert np.asarray(part.y["price"]).shape == (10,)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([rows()["a"]], labels(), "Expected x to have 2 arrays, but got 1"),
        (list(rows().values()) * 2, labels(), "Expected x to have 2 arrays, but got 4"),
        (rows(), [labels()["kind"]], "Expected y to have 2 arrays, but got 1"),
        (rows(), None, "y is missing"),
        (None, labels(), "x is missing"),
        (rows(), {**labels(), "price": None}, "y is None for price"),
        ({"a": None, "b": None}, labels(), "Every input is None"),
        ({**rows(), "c": 1}, labels(), "'c', which is not one of the names"),
        (rows(8), labels(), "a: 8, b: 8, kind: 10, price: 10"),
        (rows(0), {"kind": [], "price": []}, "at least one row"),
    ],
)
def test_rows_that_do_not_match_are_errors(x, y, message):
    with pytest.raises(DataError, match=message):
        match_rows(graph(), x, y, None)


def test_an_input_without_rows_has_none_in_both_parts():
    part = match_rows(graph(), {**rows(), "a": None}, labels(), None)
    train, val = split_at_random(graph(), part, 0.2, 0)
    assert part.x["a"] is train.x["a"] is val.x["a"] is None
    assert (train.size, val.size) == (8, 2)


def test_weights_are_checked_and_split_with_their_rows():
    weight = np.arange(1.0, 11)
    part = match_rows(graph(), rows(), labels(), weight)
    for split_part in split_at_random(graph(), part, 0.3, 0):
        assert split_part.weight.tolist() == [price + 1 for price in split_part.y["price"]]
    with pytest.raises(DataError, match="10 rows, but 2 weights"):
        match_rows(graph(), rows(), labels(), [1.0, 2.0])


def test_inputs_and_labels_of_any_format_are_split_alike():
    x = {"a": pd.DataFrame(rows()["a"], index=list("qwertyuiop")), "b": list(rows()["b"])}
    y = {"kind": pd.Series(labels()["kind"], index=range(90, 100)), "price": tuple(labels()["price"])}
    for split_part in split_at_random(graph(), match_rows(graph(), x, y, None), 0.3, 0):
        positions = [int(price) for price in split_part.y["price"]]
        assert split_part.x["a"].iloc[:, 0].tolist() == [2.0 * position for position in positions]
        assert [row[0] for row in split_part.x["b"]] == [3.0 * position for position in positions]
        assert list(split_part.y["kind"]) == ["xy"[position % 2] for position in positions]


def test_sorted_rows_are_shuffled_and_every_class_is_in_both_parts():
    size = 100
    y = {"kind": ["x"] * 60 + ["y"] * 30 + ["z"] * 10, "price": np.repeat([1.0, 5.0], 50)}
    part = match_rows(graph(), rows(size), y, None)
    train, val = split_at_random(graph(), part, 0.2, 0)
    assert sorted(val.y["kind"]) == ["x"] * 12 + ["y"] * 6 + ["z"] * 2
    assert sorted(train.x["a"][:, 0].tolist() + val.x["a"][:, 0].tolist()) == part.x["a"][:, 0].tolist()
    repeated, other = split_at_random(graph(), part, 0.2, 0), split_at_random(graph(), part, 0.2, 1)
    assert repeated[1].x["a"].tolist() == val.x["a"].tolist() != other[1].x["a"].tolist()


def test_strata_are_class_indices_quantiles_or_cells_of_label_sets():
    heads = {
        "kind": ClassificationHead(),
        "price": RegressionHead(),
        "tags": ClassificationHead(multi_label=True),
    }
    y = {
        "kind": [*"xyxy", None] * 8,
        "price": [float(i) if i else float("nan") for i in range(40)],
        "tags": [["a"], ["b"], [], ["a", "b"]] * 10,
    }
    kind, price, tags = label_strata(heads, y)
    assert kind.tolist()[:5] == [0, 1, 0, 1, -1]
    assert price[0] == -1
    assert price[1:].tolist() == sorted(price[1:].tolist())
    assert set(price[1:].tolist()) == {0, 1, 2}
    assert tags[:4].tolist() == [[1, 0], [0, 1], [0, 0], [1, 1]]
    assert len(label_strata(heads, y, numbers=False)) == 2


def test_weights_come_for_all_heads_or_by_head():
    heads = {"kind": ["x", "y"] * 5, "price": np.arange(10.0)}
    weights = {"price": np.arange(10)}
    part = match_rows(graph(), rows(), heads, weights)
    train, held = split_at_random(graph(), part, 0.2, 0)
    assert sorted([*train.weight["price"], *held.weight["price"]]) == list(range(10))
    assert "kind" not in train.weight
    assert match_rows(graph(), rows(), heads, [None, np.ones(10)]).weight["price"].tolist() == [1] * 10
    assert match_rows(graph(), rows(), heads, np.ones(10)).weight.tolist() == [1] * 10
    with pytest.raises(
        DataError, match=r"(?s)2 errors.*names 'prize', which is not a target.*kind: sample_weight must"
    ):
        match_rows(graph(), rows(), heads, {"prize": np.ones(10), "kind": np.ones(9)})


def test_errors_in_labels_name_the_head():
    with pytest.raises(DataError, match="kind: Expect the target data to have at least 2 classes"):
        split_at_random(graph(), match_rows(graph(), rows(), {**labels(), "kind": ["x"] * 10}, None), 0.2, 0)


def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_training(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "project")
    assert list(tmp_path.iterdir()) == []

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("medley.model.saving.TemporaryFile", refuse)
    with pytest.raises(ConfigError, match=r"stored in .*project: Permission denied\. Choose another folder"):
        check_writable(tmp_path / "project")
