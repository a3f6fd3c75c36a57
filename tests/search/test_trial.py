"""One trial: values in, a trained model out."""

from math import isfinite

import numpy as np
import pytest
import torch

from medley.core.choice import Choice, Identity
from medley.core.resolve import take_default
from medley.errors import GraphError
from medley.fusion import Merge
from medley.graph.graph import draw
from medley.heads import ClassificationHead, RegressionHead
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.trial import OversizedError, SearchSpec, TrialResult, resolved, run
from medley.series.input import Input
from medley.tabular import DenseBlock
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training, default_batch_size, default_epochs

SIZE = 60


def rows(seed, size=SIZE):
    x = np.random.default_rng(seed).normal(size=(size, 3)).astype("float32")
    return LabelledRows({"x": x}, {"kind": list(np.where(x[:, 0] > 0, "up", "down")), "price": 9 + x[:, 1]}, None, size)


def search_spec(plan=None, loss_weights=None, max_model_size=None, dense=None, seed=0):
    x = Input(name="x")
    node = (dense or DenseBlock(name="dense"))(x)
    graph = draw(x, [ClassificationHead(name="kind")(node), RegressionHead(loss_weight=0.5, name="price")(node)])
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    data = Encodings(rows(0), rows(1, 30), codecs, torch.device("cpu"))
    plan = plan or Training(epochs=3, batch_size=16)
    return SearchSpec(graph, data, plan, loss_weights, lambda told: told["val_relative_loss"], seed, max_model_size)


def done(asked, **hooks):
    result = TrialResult(0)
    model = run(asked, take_default, TrainingHooks(asked.score, **hooks), result)
    return model, result


def test_it_leaves_a_trained_model_and_tells_how_it_went():
    asked = search_spec()
    model, result = done(asked)
    assert result.score == min(one.val["relative_loss"] for one in result.records)
    assert result.records[result.best].val["relative_loss"] == result.score
    assert result.size == sum(p.numel() for p in model.network.parameters())
    assert isfinite(result.score)
    assert result.reason is None
    assert model.metadata["loss_weights"] == {"kind": 1.0, "price": 0.5}
    assert model.metadata["training"]["batch_size"] == 16
    assert model.metadata["scores"] == result.records[result.best].flat()
    assert len(model.metadata["epochs"]) == 3
    assert model.metadata["seed"] == 0
    found = model.evaluate(asked.data.parts[1].x, asked.data.parts[1].y)
    best = result.records[result.best].val
    assert found == pytest.approx({name: best[name] for name in found}, rel=1e-5)


def test_the_same_seed_gives_the_same_bits():
    (one, first), (other, second), (_, third) = done(search_spec()), done(search_spec()), done(search_spec(seed=1))
    assert first.score == second.score != third.score
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name])


def test_what_was_encoded_for_one_trial_serves_the_next():
    asked = search_spec()
    assert asked.data.rows(resolved(asked, take_default)[0])[0] is asked.data.rows(resolved(asked, take_default)[0])[0]


def test_all_open_fields_get_a_value():
    graph, plan = resolved(search_spec(), take_default)
    dense = next(node.block for node in graph.nodes() if isinstance(node.block, DenseBlock))
    assert all(isinstance(value, int | float) for value in (dense.num_layers, dense.num_units, dense.dropout))
    assert plan.learning_rate > 0
    assert plan.weight_decay >= 0
    assert graph.input_names == ["x"]


def test_what_was_written_down_is_what_is_trained():
    plan = Training(learning_rate=0.02, weight_decay=0.0, optimizer="sgd", schedule="constant", epochs=2, batch_size=8)
    model, result = done(
        search_spec(plan, dense=DenseBlock(num_units=(5, 7), use_batchnorm=True, dropout=0.0, name="dense"))
    )
    assert [one.learning_rate for one in result.records] == [0.02, 0.02]
    assert [p.shape[0] for name, p in model.network.parts["dense"].named_parameters() if p.ndim == 2] == [5, 7]


def test_a_network_that_is_too_large_is_refused_before_it_is_trained():
    asked = search_spec(max_model_size=50)
    with pytest.raises(OversizedError, match=r"Oversized model: [\d,]+ parameters, max_model_size is 50"):
        done(asked, on_step=lambda total: pytest.fail("it was trained"))


def test_an_input_that_the_chosen_values_leave_unread_is_told():
    a, b = Input(name="a"), Input(name="b")
    graph = draw([a, b], RegressionHead(name="y")(Choice([First(), Merge()])([a, b])))
    x = np.eye(4, dtype="float32")
    data = Encodings(
        LabelledRows({"a": x, "b": x}, {"y": np.arange(4.0)}, None, 4),
        None,
        {"y": graph.heads["y"].codec()},
        torch.device("cpu"),
    )
    asked = SearchSpec(graph, data, Training(), None, lambda told: 0.0, 0)
    with pytest.raises(GraphError, match=r"Inputs and outputs not connected.*'b'"):
        resolved(asked, take_default)


class First(Merge):
    def expand(self, nodes, specs, facts):
        return nodes[0]


def test_doing_nothing_to_two_nodes_is_told_with_the_parts_name():
    a, b = Input(name="a"), Input(name="b")
    graph = draw([a, b], RegressionHead(name="y")(Identity(name="nothing")([a, b])))
    x = np.eye(4, dtype="float32")
    data = Encodings(
        LabelledRows({"a": x, "b": x}, {"y": np.arange(4.0)}, None, 4),
        None,
        {"y": graph.heads["y"].codec()},
        torch.device("cpu"),
    )
    with pytest.raises(GraphError, match="nothing: it takes one node, got 2"):
        resolved(SearchSpec(graph, data, Training(), None, lambda told: 0.0, 0), take_default)


def test_sizes_follow_from_the_rows_where_the_plan_leaves_them_open():
    asked = search_spec(Training())
    assert (asked.summary.rows, asked.summary.inputs) == (SIZE, 1)
    assert [head.name for head in asked.summary.heads] == ["kind", "price"]
    assert asked.batch_size == default_batch_size(SIZE)
    assert asked.epochs == default_epochs(SIZE, asked.batch_size)
    assert asked.steps == asked.epochs * -(-SIZE // asked.batch_size)
    fixed = search_spec(Training(epochs=2, batch_size=7))
    assert (fixed.epochs, fixed.batch_size, fixed.steps) == (2, 7, 18)
