"""The settings of a training."""

import json

import pytest

from medley.core.resolve import settle, take_default
from medley.core.space import Float
from medley.errors import ConfigError
from medley.train.plan import Training, default_batch_size, default_epochs


def test_all_errors_are_reported_at_once():
    with pytest.raises(ConfigError, match=r"(?s)5 errors.*optimizer.*schedule.*epochs.*clip.*patience"):
        Training(optimizer="adan", schedule="linear", epochs=0, clip=-1.0, patience=float("inf"))


@pytest.mark.parametrize("name", ["epochs", "batch_size", "threads"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True, "many"])
def test_counts_are_positive_whole_numbers(name, value):
    with pytest.raises(ConfigError, match=f"{name} must be a whole number of at least 1, got {value!r}"):
        Training(**{name: value})


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "clip", "patience"])
@pytest.mark.parametrize("value", [-1, "fast", False, float("nan")])
def test_rates_are_numbers_from_0(name, value):
    with pytest.raises(ConfigError, match=f"{name} must be a number of at least 0"):
        Training(**{name: value})


def test_unset_rates_are_searched_and_set_ones_are_not():
    names = []
    settle(Training(weight_decay=0.0), "training", lambda name, space, default: names.append(name) or default)
    assert names == ["training.learning_rate"]
    plan = settle(Training(learning_rate=Float(0.1, 0.2)), "training", take_default)
    assert plan.learning_rate == 0.1


def test_a_settled_plan_is_json():
    plan = settle(Training(epochs=12, growth=((2, 6), (4, 9))), "training", take_default)
    read = json.loads(json.dumps(plan.to_json()))
    assert read == plan.to_json()
    assert Training(**read) == plan


def test_more_rows_take_larger_batches_and_fewer_epochs():
    rows = [10, 100, 1_000, 10_000, 100_000, 1_000_000]
    batches = [default_batch_size(count) for count in rows]
    epochs = [default_epochs(count, batch) for count, batch in zip(rows, batches, strict=True)]
    assert batches == sorted(batches)
    assert epochs == sorted(epochs, reverse=True)
    assert min(epochs) >= 5
