"""A trial: values give a trained model."""

from math import isfinite

import numpy as np
import pytest
import torch

from medley.core.choice import Choice, Identity
from medley.core.resolve import take_default
from medley.errors import GraphError
from medley.fusion import Merge
from medley.graph.graph import build_graph
from medley.heads import ClassificationHead, RegressionHead
from medley.search.encodings import Encodings
from medley.search.labelled_rows import LabelledRows
from medley.search.search_spec import SearchSpec, resolved
from medley.search.trial import OversizedError, TrialResult, run
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
    graph = build_graph(x, [ClassificationHead(name="kind")(node), RegressionHead(loss_weight=0.5, name="price")(node)])
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    data = Encodings(rows(0), rows(1, 30), codecs, torch.device("cpu"))
    plan = plan or Training(epochs=3, batch_size=16)
    return SearchSpec(graph, data, plan, loss_weights, lambda record: record["val_relative_loss"], seed, max_model_size)


def run_trial(spec, **hooks):
    result = TrialResult(0)
    model = run(spec, take_default, TrainingHooks(spec.score, **hooks), result)
    return model, result


def test_a_trial_gives_a_trained_model_and_its_result():
    spec = search_spec()
    model, result = run_trial(spec)
    assert result.score == min(record.val["relative_loss"] for record in result.records)
    assert result.records[result.best].val["relative_loss"] == result.score
    assert result.size == sum(p.numel() for p in model.network.parameters())
    assert isfinite(result.score)
    assert result.reason is None
    assert model.metadata["loss_weights"] == {"kind": 1.0, "price": 0.5}
    assert model.metadata["training"]["batch_size"] == 16
    assert model.metadata["scores"] == result.records[result.best].flat()
    assert len(model.metadata["epochs"]) == 3
    assert model.metadata["seed"] == 0
    scores = model.evaluate(spec.data.parts[1].x, spec.data.parts[1].y)
    best = result.records[result.best].val
    assert scores == pytest.approx({name: best[name] for name in scores}, rel=1e-5)


def test_trials_with_the_same_seed_are_bit_identical():
    (model, first), (same_model, second), (_, third) = (
        run_trial(search_spec()),
        run_trial(search_spec()),
        run_trial(search_spec(seed=1)),
    )
    assert first.score == second.score != third.score
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, same_model.network.state_dict()[name])


def test_trials_share_encoded_rows():
    spec = search_spec()
    assert spec.data.rows(resolved(spec, take_default)[0])[0] is spec.data.rows(resolved(spec, take_default)[0])[0]


def test_all_unset_fields_are_set():
    graph, plan = resolved(search_spec(), take_default)
    dense = next(node.block for node in graph.nodes() if isinstance(node.block, DenseBlock))
    assert all(isinstance(value, int | float) for value in (dense.num_layers, dense.num_units, dense.dropout))
    assert plan.learning_rate > 0
    assert plan.weight_decay >= 0
    assert graph.input_names == ["x"]


def test_fixed_settings_are_used():
    plan = Training(learning_rate=0.02, weight_decay=0.0, optimizer="sgd", schedule="constant", epochs=2, batch_size=8)
    model, result = run_trial(
        search_spec(plan, dense=DenseBlock(num_units=(5, 7), use_batchnorm=True, dropout=0.0, name="dense"))
    )
    assert [record.learning_rate for record in result.records] == [0.02, 0.02]
    assert [p.shape[0] for name, p in model.network.parts["dense"].named_parameters() if p.ndim == 2] == [5, 7]


def test_an_oversized_network_is_rejected_before_training():
    spec = search_spec(max_model_size=50)
    with pytest.raises(OversizedError, match=r"Oversized model: [\d,]+ parameters, max_model_size is 50"):
        run_trial(spec, on_step=lambda total: pytest.fail("it was trained"))


def test_an_input_that_is_not_read_with_the_chosen_values_is_an_error():
    a, b = Input(name="a"), Input(name="b")
    graph = build_graph([a, b], RegressionHead(name="y")(Choice([First(), Merge()])([a, b])))
    x = np.eye(4, dtype="float32")
    data = Encodings(
        LabelledRows({"a": x, "b": x}, {"y": np.arange(4.0)}, None, 4),
        None,
        {"y": graph.heads["y"].codec()},
        torch.device("cpu"),
    )
    spec = SearchSpec(graph, data, Training(), None, lambda record: 0.0, 0)
    with pytest.raises(GraphError, match=r"Inputs and outputs not connected.*'b'"):
        resolved(spec, take_default)


class First(Merge):
    def expand(self, nodes, specs, facts):
        return nodes[0]


def test_identity_of_two_nodes_is_an_error_that_names_the_part():
    a, b = Input(name="a"), Input(name="b")
    graph = build_graph([a, b], RegressionHead(name="y")(Identity(name="nothing")([a, b])))
    x = np.eye(4, dtype="float32")
    data = Encodings(
        LabelledRows({"a": x, "b": x}, {"y": np.arange(4.0)}, None, 4),
        None,
        {"y": graph.heads["y"].codec()},
        torch.device("cpu"),
    )
    with pytest.raises(GraphError, match="nothing: it takes one node, got 2"):
        resolved(SearchSpec(graph, data, Training(), None, lambda record: 0.0, 0), take_default)


def test_unset_sizes_depend_on_the_number_of_rows():
    spec = search_spec(Training())
    assert (spec.summary.rows, spec.summary.inputs) == (SIZE, 1)
    assert [head.name for head in spec.summary.heads] == ["kind", "price"]
    assert spec.batch_size == default_batch_size(SIZE)
    assert spec.epochs == default_epochs(SIZE, spec.batch_size)
    assert spec.steps == spec.epochs * -(-SIZE // spec.batch_size)
    fixed = search_spec(Training(epochs=2, batch_size=7))
    assert (fixed.epochs, fixed.batch_size, fixed.steps) == (2, 7, 18)
