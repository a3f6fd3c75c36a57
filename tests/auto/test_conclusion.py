"""What is reported of a model after a search."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import medley as md
from medley.auto.conclusion import conclude
from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.spec import Spec
from medley.data.sources import Source
from medley.errors import WeakModelWarning
from medley.linear.codec import LinearPathCodec
from medley.model.tasks import tasks_of
from medley.report.data_section import data_section
from medley.search import evaluation
from medley.search.budget import Budget
from medley.search.labelled_rows import LabelledRows
from medley.search.weaknesses import worse_than_linear

WORDS = ["red", "green", "blue", "black", "white"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    size = rng.normal(size=600)
    return pd.DataFrame(
        {
            "size": size,
            "noise": [" ".join(rng.choice(WORDS, 4)) for _ in range(600)],
            "price": 3 * size + rng.normal(size=600) / 10,
        }
    )


def fit(rows, **options):
    kinds = {"noise": "text"}
    options = {"epochs": 6, "max_trials": 1, "verbose": 1, "time_limit": None, "seed": 0, **options}
    return md.fit(rows, "price", column_kinds=kinds, pretrained=None, **options)


def test_an_input_that_brings_nothing_is_named_with_a_way_out(rows, capsys):
    model = fit(rows, validation_split=0.4)
    (sentence,) = model.metadata["findings"]
    assert sentence.startswith("noise brings nothing: without it, validation rows are predicted as well")
    assert "Leaving it out (inputs)" in sentence
    assert sentence in capsys.readouterr().out
    assert f"warning: {sentence}" in model.describe()
    assert sentence in data_section(model, model.table, model.metadata, examples=False)["warnings"]


def test_an_input_that_helps_is_not_named(rows):
    helpful = rows.assign(price=rows["price"] + 3 * rows["noise"].str.contains("red"))
    assert fit(helpful, validation_split=0.4).metadata["findings"] == []


def test_later_rows_that_differ_are_reported_with_the_columns(rows):
    order = np.arange(600)
    drifting = rows.assign(day=pd.date_range("2020-01-01", periods=600), size=rows["size"] + order / 60)
    with pytest.warns(WeakModelWarning, match=r"validation rows, which are the latest, differ.*: size \("):
        model = fit(drifting, time="day")
    assert list(model.metadata["shifted"]) == ["size"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(rows.assign(day=drifting["day"]), time="day")


def test_time_that_is_too_short_is_reported_with_the_time_that_would_do(rows):
    model = fit(rows)
    part = LabelledRows({}, {}, None, 0)
    falling = [{"val": {"relative_loss": loss}} for loss in (0.9, 0.7, 0.5, 0.4)]
    metadata = {"plan": {"epochs": 4}, "wanted_epochs": 40, "epochs": falling}
    model.metadata = dict(metadata)
    with pytest.warns(WeakModelWarning, match=r"4 of 40 epochs fit into 30 s.*time_limit of about 300 s would fit all"):
        conclude(model, part, None, Budget(30.0, 0.0), print)
    model.metadata = {**metadata, "epochs": [{"val": {"relative_loss": loss}} for loss in (0.4, 0.4, 0.4, 0.4)]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the loss did not fall any more
        conclude(model, part, None, Budget(30.0, 0.0), print)


class _Linear:
    spec = Spec((3,), "D", linear_outputs=(("price", 1),))


def test_linear_models_that_are_better_are_reported_with_both_losses(rows):
    model = fit(rows)
    tasks = tasks_of(model.graph, model.targets)
    target = model.targets["price"].encode(rows["price"].tolist())
    array = np.zeros((600, 3), np.float32)
    array[:, 1] = target.array[:, 0] if target.array.ndim > 1 else target.array
    encoded = {"path": Encoded(array, np.ones(600, bool))}
    labelled = Rows(encoded, {"price": target})
    sources = [Source("path", "path", _Linear())]  # pyright: ignore
    close = torch.from_numpy(array[:, 1:2]) + 0.1
    far = torch.zeros(600, 1)
    array[:, 1] += 0.3
    assert worse_than_linear(tasks, {"price": close}, sources, encoded, labelled) == {}
    ((loss, linear),) = worse_than_linear(tasks, {"price": far}, sources, encoded, labelled).values()
    assert loss > linear > 0
    model.metadata |= {"worse_than_linear": {"price": [0.5, 0.25]}}
    with pytest.warns(WeakModelWarning, match=r"^price: the model is worse than linear.*\(loss 0.5, linear 0.25\)"):
        conclude(model, LabelledRows({}, {}, None, 0), None, Budget(None, 0.0), print)
    model.metadata |= {"replaced": {"price": "linear"}}
    with pytest.warns(WeakModelWarning, match=r"^price: the network is worse than linear models .*so these predict it"):
        conclude(model, LabelledRows({}, {}, None, 0), None, Budget(None, 0.0), print)


@pytest.mark.parametrize("blind", [False, True])
def test_a_network_that_is_worse_than_linear_models_predicts_what_they_do(rows, monkeypatch, blind):
    monkeypatch.setattr(evaluation, "worse_than_linear", lambda *arguments: {"price": [0.5, 0.25]})
    table = rows.drop(columns="noise").assign(other=rows["size"] ** 2) if blind else rows  # half of the members are
    kinds = {} if blind else {"noise": "text"}
    with pytest.warns(WeakModelWarning, match="so these predict it"):
        model = md.fit(table, "price", column_kinds=kinds, pretrained=None, epochs=2, max_trials=1, verbose=0, seed=0)
    assert model.metadata["replaced"] == {"price": "linear"}
    path = next(source for source in model.sources if source.codec.spec.linear_outputs)
    assert isinstance(path.codec, LinearPathCodec)
    x = model.table.x(model.table.read(table, None))
    raw = path.codec.encode({name: x[name] for name in path.codec.features}).array[:, 1:2]
    linear = np.asarray(model.targets["price"].decode(raw), float).ravel()
    np.testing.assert_allclose(model.predict(table, calibrated=False)["price"], linear, rtol=1e-4, atol=1e-4)
