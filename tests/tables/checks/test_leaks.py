"""Target leakage is found, honest columns are not reported, and duplicate rows are found."""

import numpy as np
import pandas as pd
import pytest

from medley.tables.checks.leaks import duplicate_groups, leaks
from medley.tables.columns.infer import infer
from medley.tables.columns.targets import infer_target
from medley.tables.reading.read import read

ROWS = 600


def found_leaks(frame, *targets):
    tasks = {name: infer_target(frame[name], name) for name in targets}
    return {(leak.column, leak.target): leak.relation for leak in leaks(read(frame), infer(frame), tasks)}


def table():
    rng = np.random.default_rng(0)
    label = rng.choice(["a", "b", "c"], ROWS, p=[0.8, 0.15, 0.05])
    price = np.exp(rng.normal(12, 1, ROWS))
    return pd.DataFrame(
        {
            "noise": rng.normal(size=ROWS),
            "signal": (label == "a") + rng.normal(size=ROWS),
            "key": rng.permutation([f"k{i // 2}" for i in range(ROWS)]),
            "group": rng.integers(0, 9, ROWS),
            "label": label,
            "price": price,
        }
    )


def test_columns_without_leakage_are_not_reported():
    assert found_leaks(table(), "label", "price") == {}


@pytest.mark.parametrize(
    ("leak", "target", "relation"),
    [
        (lambda t: t["label"], "label", "equal"),
        (lambda t: t["label"].where(np.arange(ROWS) % 9 > 0), "label", "equal"),
        (lambda t: t["label"].map({"a": 7, "b": 3, "c": 5}), "label", "one-to-one"),
        (lambda t: t["label"] + "-" + (t["group"] % 2).astype(str), "label", "near-perfect"),
        (lambda t: t["label"].map({"a": 0.0, "b": 10.0, "c": 20.0}) + t["noise"], "label", "near-perfect"),
        (lambda t: t["price"], "price", "equal"),
        (lambda t: (t["price"] * 1.1).round(2), "price", "near-perfect"),
        (lambda t: -np.log(t["price"]), "price", "near-perfect"),
    ],
)
def test_leaks_are_found_with_their_relation(leak, target, relation):
    frame = table().assign(leak=leak)
    assert found_leaks(frame, target) == {("leak", target): relation}


def test_missing_cells_may_determine_the_label():
    frame = table()
    label = frame["label"].where(frame["label"] == "a", "b")
    frame = frame.assign(label=label, died=np.where(label == "b", np.abs(frame["noise"]), np.nan))
    assert found_leaks(frame, "label") == {("died", "label"): "near-perfect"}


def test_rows_without_a_label_do_not_hide_a_leak():
    frame = table()
    frame = frame.assign(leak=frame["label"], label=frame["label"].where(np.arange(ROWS) % 3 > 0))
    assert found_leaks(frame, "label") == {("leak", "label"): "equal"}


def test_few_rows_are_no_evidence():
    frame = pd.DataFrame({"a": ["x", "y", "x"], "label": ["p", "q", "p"]})
    assert found_leaks(frame, "label") == {}


def test_leaks_of_real_tables(shared_data):
    adult = read(shared_data / "adult" / "adult.csv.gz").frame
    assert found_leaks(adult, "income", "hours-per-week", "occupation") == {}
    assert found_leaks(adult, "education") == {("educational-num", "education"): "one-to-one"}
    clothing = read(shared_data / "womens_clothing" / "reviews.csv.gz").frame
    clothing_leaks = found_leaks(clothing, "Recommended IND", "Rating", "Department Name")
    assert clothing_leaks == {("Class Name", "Department Name"): "near-perfect"}
    housing = read(shared_data / "california_housing" / "housing.csv.gz").frame
    assert found_leaks(housing, "median_house_value", "ocean_proximity") == {}


def test_a_leak_is_printed_as_a_sentence():
    frame = table().assign(leak=lambda t: t["label"])
    leak = leaks(read(frame), infer(frame), {"label": infer_target(frame["label"])})[0]
    assert str(leak) == "Column 'leak' determines the target 'label': it is equal to it."
    assert leak.strength == 1


def test_duplicate_rows_share_a_group():
    frame = pd.DataFrame(
        {
            "number": [1.0, 1.0, np.nan, np.nan, 1.0],
            "word": ["a", "a", None, None, "a"],
            "list": [["x"], ["x"], ["y"], ["y"], ["x", "x"]],
            "array": [np.zeros(2), np.zeros(2), np.ones(2), np.ones(2), np.zeros(2)],
            "set": [{1, 2}, {2, 1}, {3}, {3}, {1, 2}],
        }
    )
    assert duplicate_groups(frame).tolist() == [0, 0, 1, 1, 2]
    assert duplicate_groups(frame[["number", "word"]]).tolist() == [0, 0, 1, 1, 0]
    assert duplicate_groups(frame.loc[:, []]).tolist() == [0] * 5


def test_groups_of_many_columns_do_not_collide():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 2, (3000, 40)), columns=[f"c{i}" for i in range(40)])
    frame = pd.concat([frame, frame.iloc[::-1]], ignore_index=True)
    groups = duplicate_groups(frame)
    assert (groups[:3000] == groups[:2999:-1]).all()
    assert len(np.unique(groups)) == len(frame.drop_duplicates())


def multi_output_table():
    rng = np.random.default_rng(0)
    tags = [sorted(rng.choice(list("abcdef"), rng.integers(1, 4), replace=False)) for _ in range(200)]
    position = rng.normal(size=(200, 2)).round(4)
    other = [sorted(rng.choice(list("abcdef"), 2, replace=False)) for _ in range(200)]
    columns = {"other": other, "size": rng.normal(size=200), "first": rng.choice(list("abcdef"), 200)}
    return pd.DataFrame({**columns, "tags": tags, "place": list(map(list, position))}), tags, position


@pytest.mark.parametrize(
    ("leak", "target", "relation"),
    [
        (lambda tags, place: [value[::-1] for value in tags], "tags", "equal"),
        (lambda tags, place: ["|".join(value) for value in tags], "tags", "equal"),
        (lambda tags, place: [value[0] for value in tags], "tags", "part"),
        (lambda tags, place: [[*value, "x", "y"] for value in tags], "tags", "part"),
        (lambda tags, place: [value[:1] for value in tags], "tags", "part"),
        (lambda tags, place: list(map(list, place)), "place", "equal"),
        (lambda tags, place: place[:, 1], "place", "part"),
        (lambda tags, place: [str(value) for value in place[:, 0]], "place", "part"),
    ],
)
def test_columns_that_hold_a_multi_output_target_or_part_of_it_are_found(leak, target, relation):
    frame, tags, place = multi_output_table()
    assert found_leaks(frame.assign(leak=leak(tags, place)), "tags", "place") == {("leak", target): relation}


def test_a_label_that_every_row_has_is_no_leak():
    frame, tags, _ = multi_output_table()
    frame["tags"] = [["all", *labels] for labels in tags]
    assert found_leaks(frame.assign(kind=np.where(np.arange(200) % 50, "all", "none")), "tags") == {}


def test_numbers_whose_squares_are_not_finite_are_compared_without_a_warning():
    frame = table()
    assert found_leaks(frame.assign(price=frame["price"] * 1e295, leak=frame["price"] * 2), "price") == {
        ("leak", "price"): "near-perfect"
    }
