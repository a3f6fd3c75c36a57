"""Affinity of tasks: of equal, opposite, and unconnected ones, whose answers are known."""

import numpy as np
import pytest
import torch

import medley as md
from medley.errors import DataError
from medley.heads import RegressionHead
from medley.series.input import Input
from medley.tabular import DenseBlock

SIZE = 120


def trunk(node):
    return DenseBlock(num_units=(6,), num_layers=1, dropout=0.0, use_batchnorm=False)(node)


def equal_heads(model, first, second):
    """Gives a head the weights of another."""
    model.network.part(second).load_state_dict(model.network.part(first).state_dict())
    return model


@pytest.fixture(scope="module")
def rows():
    x = np.random.default_rng(0).normal(size=(SIZE, 4)).astype("float32")
    return x, (x[:, 0] + x[:, 1]).astype("float64")


@pytest.fixture(scope="module")
def model(make_model, rows):
    """Three tasks on one trunk: the second equals the first, the third is its opposite."""
    x, y = rows
    node = Input(name="x")
    shared = trunk(node)
    heads = [RegressionHead(dropout=0.0, name=name)(shared) for name in ("y", "same", "opposite")]
    made = make_model([node], heads, {"x": x}, {"y": y, "same": y, "opposite": -y})
    return equal_heads(equal_heads(made, "y", "same"), "y", "opposite")


def labels(rows):
    return {"y": rows[1], "same": rows[1], "opposite": -rows[1]}


def test_equal_tasks_agree_and_opposite_tasks_do_not(model, rows):
    before = {name: parameter.clone() for name, parameter in model.network.named_parameters()}
    result = model.task_affinity({"x": rows[0]}, labels(rows))
    assert result.tasks == ("y", "same", "opposite")
    assert result.cosine[0, 1] == pytest.approx(1.0, abs=1e-5)
    assert result.cosine[0, 2] < -0.2  # not -1: both also pull the random outputs of an untrained trunk towards 0
    assert result.gain[0, 0] > 0.001
    assert result.gain[0, 1] > 0  # by the shared weights alone
    assert result.gain[0, 2] < 0
    trunk_weights = sum(p.numel() for n, p in model.network.named_parameters() if "dense" in n)
    assert result.shared[0, 1] == trunk_weights
    for name, parameter in model.network.named_parameters():  # nothing was trained
        assert torch.equal(parameter, before[name])


def test_the_cosine_is_that_of_finite_differences(model, rows):
    result = model.task_affinity({"x": rows[0]}, labels(rows), max_rows=None)
    shared = [p for n, p in model.network.named_parameters() if "dense" in n]
    gradients = {"y": [], "opposite": []}
    for parameter in shared:
        flat = parameter.data.view(-1)
        for place in range(len(flat)):
            original = float(flat[place])
            losses = []
            for change in (1e-2, -1e-2):
                flat[place] = original + change
                losses.append(model.evaluate({"x": rows[0]}, labels(rows)))
            flat[place] = original
            for task in gradients:
                gradients[task].append(losses[0][f"{task}_loss"] - losses[1][f"{task}_loss"])
    first, second = np.array(gradients["y"]), np.array(gradients["opposite"])
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert result.cosine[0, 2] == pytest.approx(cosine, abs=0.02)


def test_tasks_without_shared_weights_have_no_affinity(make_model, rows):
    x, y = rows
    node = Input(name="x")
    heads = [RegressionHead(dropout=0.0, name=name)(trunk(node)) for name in ("y", "z")]
    result = make_model([node], heads, {"x": x}, {"y": y, "z": -y}).task_affinity({"x": x}, {"y": y, "z": -y})
    assert np.isnan(result.cosine[0, 1])
    assert np.isnan(result.gain[0, 1])
    assert result.frame.shared.tolist() == [0, 0]


def test_copies_of_a_part_count_as_shared(rows):
    x, y = rows
    table = {f"c{place}": x[:, place] for place in range(4)} | {"y": y, "z": y + x[:, 2]}
    model = md.fit(table, ["y", "z"], max_trials=1, epochs=2, verbose=0, seed=0)
    result = model.task_affinity(table)
    assert result.shared[0, 1] > 0
    assert -1 <= result.cosine[0, 1] <= 1
    assert "Cosine of gradients" in result._repr_html_()
    assert result.plot("gain").axes[0].get_xlabel() == "task"


def test_one_task_has_no_affinity(model, rows):
    with pytest.raises(DataError, match="two or more tasks"):
        model.task_affinity({"x": rows[0]}, {"y": rows[1]})
