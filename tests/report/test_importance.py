"""Importance against scikit-learn, against a simulation with a known answer, and against evaluations by hand."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance

from medley.errors import ConfigError
from medley.heads import ClassificationHead, RegressionHead
from medley.image.input import ImageInput
from medley.linear.path import LinearPath
from medley.series.input import Input
from medley.tabular import DenseBlock, StructuredDataInput

SIZE = 600


@pytest.fixture(scope="module")
def linear_rows():
    """y = 3 a + b + 0 c + noise; d = a."""
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, SIZE))
    return {"a": a, "b": b, "c": c}, 3 * a + b + 0.1 * rng.normal(size=SIZE)


@pytest.fixture(scope="module")
def linear_model(make_model, linear_rows):
    """An untrained network that predicts like its linear path."""
    facts = StructuredDataInput(name="facts")
    node = DenseBlock(num_units=(4,), dropout=0.0, use_batchnorm=False)(facts)
    head = RegressionHead(dropout=0.0, name="y")([node, LinearPath(local_means=False)(facts)])
    x, y = linear_rows
    return make_model([facts], [head], {"facts": x}, {"y": y})


class Wrapped(RegressorMixin, BaseEstimator):
    """A model of medley as scikit-learn sees it."""

    def __init__(self, model=None):
        self.model = model

    def fit(self, x, y):
        return self

    def predict(self, x):
        return self.model.predict({"facts": {name: x[:, place] for place, name in enumerate("abc")}})


def test_permutation_importance_agrees_with_scikit_learn(linear_model, linear_rows):
    x, y = linear_rows
    result = linear_model.importance({"facts": x}, {"y": y}, repeats=20)
    matrix = np.stack([x[name] for name in "abc"], 1)
    wrapped = Wrapped(linear_model)
    wrapped.fitted_ = True
    expected = permutation_importance(
        wrapped, matrix, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=1
    )
    by_name = {m.name: m for m in result.ranking("column", metric="mean_squared_error")}
    for place, name in enumerate("abc"):
        error = 4 * np.hypot(by_name[name].std, expected.importances_std[place]) / np.sqrt(20) + 1e-6
        assert by_name[name].mean == pytest.approx(expected.importances_mean[place], abs=error)


def test_permuting_a_column_of_a_linear_model_costs_twice_its_weight_squared_times_its_variance(
    linear_model, linear_rows
):
    x, y = linear_rows
    result = linear_model.importance({"facts": x}, {"y": y}, repeats=20)
    ranked = result.ranking(metric="mean_squared_error")
    assert [m.name for m in ranked] == ["a", "b", "c"]
    assert ranked[0].mean == pytest.approx(2 * 9 * x["a"].var(), rel=0.1)
    assert ranked[1].mean == pytest.approx(2 * x["b"].var(), rel=0.1)
    assert abs(ranked[2].mean) < 0.05
    assert ranked[0].std > 0


def test_an_input_that_is_removed_is_absent_as_in_evaluate(model_of_two, rows_of_two):
    x, y = rows_of_two
    result = model_of_two.importance(x, y, repeats=1)
    before, after = model_of_two.evaluate(x, y), model_of_two.evaluate({**x, "wave": None}, y)
    for task in ("kind", "price"):
        (measured,) = [m for m in result.ranking("input", task, "loss") if m.name == "wave"]
        assert measured.mean == pytest.approx(after[f"{task}_loss"] - before[f"{task}_loss"], abs=1e-5)
        assert result.scores[task]["loss"] == pytest.approx(before[f"{task}_loss"], abs=1e-5)
    (accuracy,) = [m for m in result.ranking("input", "kind", "accuracy") if m.name == "wave"]
    assert accuracy.mean == pytest.approx(before["kind_accuracy"] - after["kind_accuracy"], abs=1e-6)
    columns = [m.name for m in result.measurements if (m.level, m.task, m.metric) == ("column", "price", "loss")]
    assert columns == ["wave", "size", "colour", "photo", "wave2"]
    # Two inputs of numbers are one modality; removing both leaves what the others know.
    (series,) = [m for m in result.ranking("modality", "price", "loss") if m.members == ("wave", "wave2")]
    after = model_of_two.evaluate({**x, "wave": None, "wave2": None}, y)
    assert series.mean == pytest.approx(after["price_loss"] - before["price_loss"], abs=1e-5)


def test_columns_that_determine_each_other_are_permuted_together(make_model):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, SIZE))
    x, y = {"a": a, "twin": a.copy(), "b": b}, 2 * a + 0.1 * b
    facts = StructuredDataInput(name="facts")
    node = DenseBlock(num_units=(4,), dropout=0.0, use_batchnorm=False)(facts)
    head = RegressionHead(dropout=0.0, name="y")([node, LinearPath(local_means=False)(facts)])
    model = make_model([facts], [head], {"facts": x}, {"y": y})
    result = model.importance({"facts": x}, {"y": y}, groups="associated", repeats=3)
    (group,) = result.ranking("group", metric="mean_squared_error")
    assert group.members == ("a", "twin")
    assert group.mean == pytest.approx(2 * 4 * a.var(), rel=0.1)
    single = {m.name: m.mean for m in result.ranking(metric="mean_squared_error")}
    assert single["a"] < group.mean / 2
    named = model.importance({"facts": x}, {"y": y}, groups={"both": ["a", "b"]}, repeats=1)
    assert [m.name for m in named.ranking("group")] == ["both"]
    with pytest.raises(ConfigError, match="'c', which the model does not read"):
        model.importance({"facts": x}, {"y": y}, groups={"both": ["a", "c"]})


def test_a_time_limit_leaves_columns_out_and_says_so(linear_model, linear_rows):
    x, y = linear_rows
    result = linear_model.importance({"facts": x}, {"y": y}, time_limit=0.0)
    assert result.left_out == ("facts", "a", "b", "c")
    assert result.frame.empty
    full = linear_model.importance({"facts": x}, {"y": y}, repeats=2)
    assert full.left_out == ()
    frame = full.frame
    assert set(frame.columns) == {"level", "name", "task", "metric", "importance", "std", "repeats"}
    assert frame[frame.level == "column"].repeats.unique().tolist() == [2]


def test_importance_is_shown_in_notebooks_and_plotted(model_of_two, rows_of_two):
    result = model_of_two.importance(*rows_of_two, repeats=2)
    html = result._repr_html_()
    assert "Importance" in html
    assert html.count("colour") >= 1
    axes = result.plot(task="price", top=3).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        entry.name for entry in reversed(result.ranking(task="price")[:3])
    ]


def test_max_rows_draws_rows(linear_model, linear_rows):
    x, y = linear_rows
    result = linear_model.importance({"facts": x}, {"y": y}, repeats=1, max_rows=50)
    assert result.rows == 50


@pytest.fixture(scope="module")
def rows_of_two():
    rng = np.random.default_rng(0)
    facts = {"size": rng.normal(size=40), "colour": np.array(["red", "green", None, "blue"] * 10, dtype=object)}
    wave, photo = rng.normal(size=(40, 3)).astype("float32"), rng.integers(0, 255, (40, 8, 8, 3), dtype=np.uint8)
    x = {"wave": wave, "facts": facts, "photo": photo, "wave2": wave * 2}
    return x, {"kind": ["cat", "dog", "cow", None] * 10, "price": np.where(np.arange(40) % 7, wave[:, 0], np.nan)}


@pytest.fixture(scope="module")
def model_of_two(make_model, rows_of_two):
    """Two tasks, four inputs, three modalities; untrained."""
    inputs = [
        Input(name="wave"),
        StructuredDataInput(name="facts"),
        ImageInput(name="photo"),
        Input(name="wave2"),
    ]
    x, y = rows_of_two
    heads = [ClassificationHead(dropout=0.0, name="kind"), RegressionHead(dropout=0.0, name="price")]
    return make_model(inputs, heads, x, y)
