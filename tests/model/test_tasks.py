"""Losses and metrics in Keras's names, by hand on a few rows."""

import math

import numpy as np
import pytest
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.heads import ClassificationHead, RegressionHead
from medley.model.tasks import Task, constant_losses, measure, relative_loss, task_losses

PRICE = [0.0, 10.0, None, 20.0]
KIND = ["a", "b", "a", None]


def task(name, head, labels):
    codec = head.codec().fit(labels)
    return Task(name, head, codec, head.loss_function(codec), head.metric_functions(codec)), codec.encode(labels)


def both(weight=None):
    price, price_rows = task("price", RegressionHead(metrics=["mae", "r2"]), PRICE)
    kind, kind_rows = task("kind", ClassificationHead(metrics=["accuracy", "auc"]), KIND)
    x = Encoded(np.zeros((4, 1), "float32"), np.ones(4, bool))
    rows = Rows({"x": x}, {"price": price_rows, "kind": kind_rows}, weight)
    scale, mean = price.codec.deviation[0], price.codec.mean[0]
    raw = {
        "price": torch.tensor([[(value - mean) / scale] for value in (0.0, 16.0, 999.0, 20.0)], dtype=torch.float32),
        "kind": torch.tensor([[-2.0], [-1.0], [3.0], [math.inf]]),
    }
    return [price, kind], rows, raw


def softplus(x):
    return math.log1p(math.exp(x))


def test_values_are_those_computed_by_hand_over_observed_rows_alone():
    tasks, rows, raw = both()
    scores = measure(tasks, raw, rows, {"price": 2.0, "kind": 0.5})
    price = 36 / 3 / tasks[0].codec.deviation[0] ** 2  # one error of 6 in three rows, in standardised units
    kind = (softplus(-2) + softplus(1) + softplus(3)) / 3
    assert list(scores) == ["loss", "price_loss", "kind_loss", "price_mae", "price_r2", "kind_accuracy", "kind_auc"]
    assert scores["price_loss"] == pytest.approx(price, rel=1e-5)
    assert scores["kind_loss"] == pytest.approx(kind, rel=1e-5)
    assert scores["loss"] == pytest.approx(2 * price + 0.5 * kind, rel=1e-5)
    assert scores["price_mae"] == pytest.approx(2.0, rel=1e-5)
    assert scores["price_r2"] == pytest.approx(1 - 36 / 200, rel=1e-5)
    assert scores["kind_accuracy"] == pytest.approx(1 / 3)
    assert scores["kind_auc"] == pytest.approx(0.5)


def test_one_head_goes_without_its_name():
    tasks, rows, raw = both()
    assert list(measure(tasks[1:], {"kind": raw["kind"]}, rows, {"kind": 1.0})) == ["loss", "accuracy", "auc"]


def test_one_task_of_several_keeps_its_name():
    tasks, rows, raw = both()
    scores = list(measure(tasks[1:], raw, rows, {"kind": 1.0}))
    assert scores == ["loss", "kind_loss", "kind_accuracy", "kind_auc"]


def test_metrics_of_whole_sets_are_left_out_where_only_rows_are_asked_for():
    tasks, rows, raw = both()
    scores = measure(tasks, raw, rows, {"price": 1.0, "kind": 1.0}, rows_only=True)
    assert "price_mae" in scores
    assert not {"kind_auc", "price_r2"} & set(scores)


def test_outputs_in_another_order_meet_their_own_rows():
    tasks, rows, raw = both()
    order = torch.tensor([3, 1, 0, 2])
    weights = {"price": 1.0, "kind": 1.0}
    shuffled = {name: output[order] for name, output in raw.items()}
    assert measure(tasks, shuffled, rows, weights, order) == pytest.approx(measure(tasks, raw, rows, weights))


def test_weights_multiply_rows():
    tasks, rows, raw = both(np.array([1.0, 3.0, 1.0, 0.0]))
    scores = measure(tasks, raw, rows, {"price": 1.0, "kind": 1.0})
    assert scores["price_mae"] == pytest.approx(6 * 3 / 4, rel=1e-5)
    assert scores["kind_accuracy"] == pytest.approx(1 / 5)


def test_the_prior_has_the_baseline_loss_and_is_1_relative_to_it():
    tasks, rows, _ = both()
    constant = constant_losses(tasks, rows)
    prior = {task.name: torch.as_tensor(task.codec.prior).expand(4, -1) for task in tasks}
    assert task_losses(tasks, prior, rows) == pytest.approx(constant)
    assert relative_loss(task_losses(tasks, prior, rows), constant) == pytest.approx(1.0)
    assert constant["price"] == pytest.approx(1.0, rel=1e-5)  # the variance of what is standardised


def test_a_head_whose_constant_is_perfect_is_left_out_of_the_relative_loss():
    assert relative_loss({"a": 0.5, "b": 0.1}, {"a": 1.0, "b": 0.0}) == 0.5
    assert relative_loss({"a": 0.5}, {"a": 0.0}) == 0.5
