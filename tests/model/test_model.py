"""What a user does with a model: any form of rows in, labels in their own type and unit out."""

import numpy as np
import pandas as pd
import pytest

from medley.errors import DataError, MedleyWarning
from medley.heads import RegressionHead
from medley.series.input import Input
from medley.tabular import DenseBlock


def test_a_list_gives_a_list_and_a_dict_a_dict(model, rows):
    listed = model.predict([rows["wave"], rows["facts"]])
    named = model.predict(rows)
    assert isinstance(listed, list)
    assert list(named) == ["kind", "price"]
    for left, right in zip(listed, named.values(), strict=True):
        assert left.tolist() == right.tolist()


def test_labels_come_back_in_their_type_and_numbers_in_their_unit(model, rows):
    kind, price = model.predict([rows["wave"], rows["facts"]])
    assert set(kind) <= {"cat", "dog", "cow"}
    assert kind.dtype.kind == "U"
    assert price.shape == (24,)
    assert 0 < price.mean() < 60


def test_probabilities_have_a_column_per_label(model, rows):
    kind, price = model.predict_proba([rows["wave"], rows["facts"]])
    assert kind.shape == (24, 3)
    np.testing.assert_allclose(kind.sum(1), 1, rtol=1e-5)
    assert model.labels("kind") == model.labels() == ["cat", "cow", "dog"]
    best = [model.labels()[i] for i in kind.argmax(1)]
    assert best == model.predict(rows)["kind"].tolist()
    assert model.labels("price") is None
    assert price.tolist() == model.predict(rows)["price"].tolist()


def test_other_forms_of_the_same_rows_give_the_same(model, rows):
    frame = pd.DataFrame(rows["facts"])
    expected = model.predict(rows)["price"]
    for wave in (rows["wave"].tolist(), rows["wave"].astype("float64"), list(rows["wave"])):
        np.testing.assert_array_equal(model.predict({"wave": wave, "facts": frame})["price"], expected)


@pytest.mark.parametrize("name", ["wave", "facts"])
def test_a_wholly_absent_input_is_as_one_absent_in_every_row(model, rows, name):
    whole = model.predict({**rows, name: None})
    each = model.predict({**rows, name: [None] * 24})
    np.testing.assert_array_equal(whole["price"], each["price"])
    assert not np.array_equal(whole["price"], model.predict(rows)["price"])


def test_a_row_without_any_input_gets_the_best_constant(model, labels):
    predictions = model.predict({"wave": [None, None], "facts": [None, None]})
    np.testing.assert_allclose(predictions["price"], np.nanmean(labels["price"]), rtol=1e-6)
    chances = model.predict_proba({"wave": [None, None], "facts": [None, None]})["kind"]
    np.testing.assert_allclose(chances, np.full((2, 3), 1 / 3), rtol=1e-5)  # six of each in training


def test_one_row_is_predicted_as_among_others(model, rows):
    whole = model.predict(rows)["price"]
    for place in (0, 5, 23):
        alone = model.predict({name: values[place : place + 1] for name, values in rows.items()})["price"]
        np.testing.assert_allclose(alone, whole[place : place + 1], rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([np.zeros((4, 3))], "Expected x to have 2 arrays, but got 1"),
        ({"wave": np.zeros((4, 3))}, "x has nothing for 'facts'"),
        ({"wave": np.zeros((4, 3)), "facts": [], "fact": []}, "Did you mean 'facts'"),
        ({"wave": np.zeros((4, 3)), "facts": [[1, "red"]] * 3}, "wave: 4, facts: 3"),
        ({"wave": None, "facts": None}, "number of rows is unknown"),
        ({"wave": np.zeros((4, 5)), "facts": [[1, "red"]] * 4}, "wave: "),
    ],
)
def test_rows_that_do_not_fit_are_reported(model, x, words):
    with pytest.raises(DataError, match=words):
        model.predict(x)


def test_evaluation_names_and_weights_its_losses(model, rows, labels):
    scores = model.evaluate(rows, labels)
    assert list(scores) == ["loss", "kind_loss", "price_loss", "kind_accuracy", "price_mae"]
    assert scores["loss"] == pytest.approx(scores["kind_loss"] + 0.5 * scores["price_loss"])
    price = model.predict(rows)["price"]
    assert scores["price_mae"] == pytest.approx(np.nanmean(np.abs(price - labels["price"])), rel=1e-5)
    kind = np.array(model.predict(rows)["kind"])
    seen = np.array([label is not None for label in labels["kind"]])
    assert scores["kind_accuracy"] == pytest.approx(np.mean(kind[seen] == np.array(labels["kind"])[seen]), rel=1e-5)


def test_evaluation_takes_lists_and_leaves_unlabelled_rows_out(model, rows, labels):
    scores = model.evaluate(rows, labels)
    listed = model.evaluate([rows["wave"], rows["facts"]], [labels["kind"], labels["price"]], batch_size=5)
    assert listed == pytest.approx(scores, rel=1e-5)
    few = {name: [v if i < 7 else None for i, v in enumerate(list(values))] for name, values in labels.items()}
    first = {name: values[:7] for name, values in rows.items()}
    expected = model.evaluate(first, {name: values[:7] for name, values in labels.items()})
    assert model.evaluate(rows, few) == pytest.approx(expected, rel=1e-5)


def test_evaluation_with_an_input_wholly_absent(model, rows, labels):
    assert np.isfinite(list(model.evaluate({**rows, "wave": None}, labels).values())).all()


def test_evaluation_weighs_rows(model, rows, labels):
    only = np.zeros(24)
    only[[4, 9]] = 1
    scores = model.evaluate(rows, labels, sample_weight=only)
    price = model.predict(rows)["price"]
    assert scores["price_mae"] == pytest.approx(np.abs(price - labels["price"])[[4, 9]].mean(), rel=1e-5)
    with pytest.raises(DataError, match="24 rows, but 3 weights"):
        model.evaluate(rows, labels, sample_weight=[1, 2, 3])


def test_labels_that_training_never_saw_are_reported(model, rows, labels):
    with pytest.warns(
        MedleyWarning, match=r"kind: 1 class has no training rows \('lion'\): its 24 rows count as misses"
    ):
        scores = model.evaluate(rows, {**labels, "kind": ["lion"] * 24})
    assert scores["kind_accuracy"] == 0
    assert np.isnan(scores["kind_loss"])
    assert scores["price_loss"] == pytest.approx(model.evaluate(rows, labels)["price_loss"])
    with pytest.raises(DataError, match=r"kind: The label 3 is a number, but the training labels are text: 'cat', "):
        model.evaluate(rows, {**labels, "kind": [3] * 24})


def test_one_unknown_class_is_a_miss_and_leaves_the_loss_of_the_others(model, rows, labels):
    without_it = model.evaluate(rows, labels)
    kinds = [*labels["kind"][:-1], "lion"]
    with pytest.warns(MedleyWarning, match="'lion'.*: its row counts as a miss"):
        scores = model.evaluate(rows, {**labels, "kind": kinds})
    without = model.evaluate(rows, {**labels, "kind": [*labels["kind"][:-1], None]})
    observed = sum(kind is not None for kind in kinds)
    assert scores["kind_loss"] == pytest.approx(without["kind_loss"])
    assert scores["kind_accuracy"] == pytest.approx(without["kind_accuracy"] * (observed - 1) / observed)
    assert scores.keys() == without_it.keys()


def test_some_heads_are_measured_without_labels_of_the_others(model, rows, labels):
    scores = model.evaluate(rows, {"price": labels["price"]})
    assert not any(name.startswith("kind") for name in scores)
    assert scores["price_loss"] == pytest.approx(model.evaluate(rows, labels)["price_loss"])


def test_each_head_may_have_weights_of_its_own(model, rows, labels):
    only = np.zeros(24)
    only[[4, 9]] = 1
    scores = model.evaluate(rows, labels, sample_weight={"price": only})
    plain, weighted = model.evaluate(rows, labels), model.evaluate(rows, labels, sample_weight=only)
    assert scores["kind_loss"] == plain["kind_loss"]
    assert scores["price_mae"] == weighted["price_mae"]
    with pytest.raises(DataError, match=r"sample_weight names 'prise', which is not a target\. Did you mean 'price'"):
        model.evaluate(rows, labels, sample_weight={"prise": only})


def test_one_input_and_one_head_go_without_lists(make_model):
    x, y = np.random.default_rng(0).normal(size=(10, 4)), np.arange(10.0)
    flow = Input(name="x")
    model = make_model(
        flow, RegressionHead(name="y", dropout=0.0)(DenseBlock(num_units=(4,))(flow)), {"x": x}, {"y": y}
    )
    expected = model.predict(x)
    assert expected.shape == (10,)
    for form in (x.tolist(), [x], {"x": x}):
        np.testing.assert_allclose(model.predict(form), expected)
    assert list(model.evaluate(x, y)) == ["loss", "mean_squared_error"]


def test_the_summary_lists_parts_shapes_and_parameters(model):
    text = model.summary()
    count = sum(p.numel() for p in model.network.parameters())
    assert f"{count:,} parameters" in text
    for word in ("wave", "facts", "wide", "DenseBlock(", "(D=8)", "kind", "price"):
        assert word in text


def test_moving_to_a_device_returns_the_model(model):
    assert model.to("cpu") is model


def test_a_task_without_labels_is_reported_and_not_taken_for_perfect(model, rows, labels):
    with pytest.warns(MedleyWarning, match="No row has a label of price"):
        scores = model.evaluate(rows, {**labels, "price": [None] * 24})
    assert np.isnan(scores["price_loss"])
    assert scores["loss"] == scores["kind_loss"]
    with pytest.raises(DataError, match="nothing to measure"):
        model.evaluate(rows, {"kind": [None] * 24, "price": [None] * 24})


def test_no_rows_give_none_in_the_type_of_rows(model, rows):
    none = {name: values[:0] for name, values in rows.items()}
    for way in (model.predict, model.predict_proba):
        for name, some in way(rows).items():
            empty = way(none)[name]
            assert (empty.shape, empty.dtype) == ((0, *some.shape[1:]), some.dtype)
    with pytest.raises(DataError, match="at least one row"):
        model.evaluate(none, {"kind": [], "price": []})
