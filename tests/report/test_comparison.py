"""Comparisons: values as in evaluate, and paired intervals against a computation by hand."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import ConfigError, DataError
from medley.heads import ClassificationHead, RegressionHead
from medley.linear.path import LinearPath
from medley.tabular import DenseBlock, StructuredDataInput

SIZE = 300


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, SIZE))
    return {"a": a, "b": b}, 2 * a + b + 0.5 * rng.normal(size=SIZE)


@pytest.fixture(scope="module")
def models(make_model, rows):
    """Untrained networks that predict like their linear paths: one reads both columns, the other the first only."""
    x, y = rows

    def make(columns, name="y"):
        facts = StructuredDataInput(name="facts", column_names=columns)
        dense = DenseBlock(num_units=(4,), num_layers=1, dropout=0.0, use_batchnorm=False)(facts)
        head = RegressionHead(dropout=0.0, name=name)([dense, LinearPath(local_means=False)(facts)])
        return make_model([facts], [head], {"facts": x}, {name: y})

    return {"full": make(["a", "b"]), "part": make(["a"]), "other": make(["a"], "z")}


def test_values_are_those_of_evaluate_and_intervals_are_paired(models, rows):
    x, y = rows
    pair = {name: models[name] for name in ("part", "full")}
    result = md.compare(pair, {"facts": x}, {"y": y}, samples=400, seed=1)
    (item,) = result.metrics
    assert (item.target, item.metric, item.greater_is_better, item.rows) == ("y", "mean_squared_error", False, SIZE)
    errors = {}
    for score in item.scores:
        model = models[score.model]
        assert score.value == pytest.approx(model.evaluate({"facts": x}, {"y": y})["mean_squared_error"], rel=1e-5)
        errors[score.model] = (model.predict({"facts": x}).ravel() - y) ** 2
    assert item.best == "full"
    gain = item.scores[1]
    paired = errors["part"] - errors["full"]
    half = 1.96 * paired.std(ddof=1) / np.sqrt(SIZE)
    assert gain.gain == pytest.approx(paired.mean(), rel=1e-4)
    assert (gain.gain_low, gain.gain_high) == pytest.approx((paired.mean() - half, paired.mean() + half), rel=0.15)
    assert gain.differs
    assert not item.scores[0].differs
    half = 1.96 * errors["part"].std(ddof=1) / np.sqrt(SIZE)
    assert item.scores[0].high - item.scores[0].low == pytest.approx(2 * half, rel=0.2)
    assert result.frame.set_index("model").gain["part"] == 0
    assert "full: gain" in result._repr_html_()


def test_equal_models_do_not_differ(models, rows):
    x, y = rows
    (item,) = md.compare([models["full"], models["full"]], {"facts": x}, {"y": y}, samples=20).metrics
    assert [score.model for score in item.scores] == ["model 1", "model 2"]
    assert (item.scores[1].gain_low, item.scores[1].gain_high) == (0, 0)
    assert "-0" not in item.scores[1].__repr__()


def test_models_without_a_common_target_are_reported(models, rows):
    x, y = rows
    with pytest.raises(DataError, match="no labelled target in common"):
        md.compare([models["full"], models["other"]], {"facts": x}, {"y": y, "z": y})
    with pytest.raises(DataError, match="model 2 predicts none of the targets"):
        md.compare([models["full"], models["other"]], {"facts": x}, {"y": y})
    with pytest.raises(ConfigError, match="at least two models"):
        md.compare([models["full"]], {"facts": x}, {"y": y})


def test_classes_are_compared_by_label_where_models_know_others(make_model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    few, many = np.array(["cat", "dog"] * 30), np.array(["cat", "dog", "cow"] * 20)

    def make(labels):
        facts = StructuredDataInput(name="facts")
        head = ClassificationHead(dropout=0.0, name="kind")(DenseBlock(num_units=(4,), num_layers=1)(facts))
        return make_model([facts], [head], {"facts": x}, {"kind": labels})

    first, second = make(few), make(many)
    with pytest.warns(md.MedleyWarning, match="no training rows"):
        (item,) = md.compare([first, second], {"facts": x}, {"kind": many}, samples=10).metrics
    for score, model in zip(item.scores, (first, second), strict=True):
        assert score.value == pytest.approx(np.mean(model.predict({"facts": x}).ravel() == many), abs=1e-6)


@pytest.fixture(scope="module")
def grouped():
    """30 houses of 10 rows each, whose errors are those of the house; and two models, one trained with the houses."""
    rng = np.random.default_rng(0)
    house = np.repeat(np.arange(30), 10)
    size, age = rng.normal(size=(2, 300))
    price = size + age + rng.normal(size=30)[house]
    table = pd.DataFrame({"size": size, "age": age, "house": [f"h{n}" for n in house], "price": price})
    options = {"max_trials": 1, "epochs": 1, "verbose": 0, "seed": 0}
    with_groups = md.fit(table, "price", inputs=["size", "age"], group="house", **options)
    return table, {"one column": md.fit(table, "price", inputs=["size"], **options), "both": with_groups}


def test_groups_are_drawn_whole(grouped):
    table, models = grouped
    result = md.compare(models, table, samples=400)
    assert result.groups == 30
    assert "30 groups" in result._repr_html_()
    item = next(item for item in result.metrics if item.metric == "mean_squared_error")
    squares = [(model.predict(table).price - table.price) ** 2 for model in models.values()]
    # Groups of equal sizes: the interval of a mean of 30 means.
    means = (squares[0] - squares[1]).groupby(table.house).mean()
    half = 1.96 * means.std() / np.sqrt(30)
    score = item.scores[1]
    assert (score.gain_low, score.gain_high) == pytest.approx((means.mean() - half, means.mean() + half), rel=0.2)
    by_row = md.compare(models, table, samples=400, group=np.arange(300)).metrics
    row_item = next(item for item in by_row if item.metric == "mean_squared_error")
    assert row_item.scores[0].high - row_item.scores[0].low < item.scores[0].high - item.scores[0].low


def test_groups_are_a_column_or_a_value_per_row(grouped, rows, models):
    table, fitted = grouped
    first = md.compare([fitted["one column"]] * 2, table, samples=5)
    assert first.groups is None
    named = md.compare([fitted["one column"]] * 2, table, samples=5, group="house")
    passed = md.compare([fitted["one column"]] * 2, table, samples=5, group=table.house.tolist())
    assert named.groups == 30
    assert named.metrics == passed.metrics
    with pytest.raises(ConfigError, match=r"'hose'.*not a column.*house"):
        md.compare(fitted, table, group="hose")
    with pytest.raises(ConfigError, match="one value per row, got 3 values for 300 rows"):
        md.compare(fitted, table, group=[1, 2, 3])
    x, y = rows
    with pytest.raises(ConfigError, match="one value per row, as the rows are no table"):
        md.compare([models["full"], models["part"]], {"facts": x}, {"y": y}, group="house")
