"""A trial that was sent as data is trained to the same bits as one that stays in the process."""

import json

import numpy as np
import pytest
import torch

from medley.balance.fixed import FixedWeights
from medley.core.batch import Rows
from medley.errors import ConfigError
from medley.graph.graph import build_graph
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.search.checkpoint import TrialCheckpoints
from medley.search.encodings import Encodings
from medley.search.execute.arrays import ArrayFolder, restore_encoded
from medley.search.execute.executor import PendingTrial
from medley.search.execute.task import TaskWriter, restore_task
from medley.search.execute.work import work
from medley.search.labelled_rows import LabelledRows
from medley.search.objective import read_objective
from medley.search.search_spec import ResolvedDefault, SearchSpec
from medley.search.suggest import TrialSuggest
from medley.search.trial import TrialResult, run
from medley.tabular.input import StructuredDataInput
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training

CPU = torch.device("cpu")


def rows(seed, size=60):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(size, 3))
    x[::7] = np.nan
    kind = np.where(x[:, 0] > 0, "a", "b").astype(object)
    kind[::5] = None
    weight = generator.uniform(0.5, 2, size)
    y = {"kind": kind, "size": x[:, 1] * 2}
    return LabelledRows({"facts": x}, y, {"kind": weight, "size": None}, size, where="validation_data" if seed else "")


@pytest.fixture
def search_spec():
    outputs = [ClassificationHead(name="kind"), RegressionHead(name="size")]
    graph = build_graph(StructuredDataInput(name="facts"), outputs)
    codecs = {name: head.codec() for name, head in graph.heads.items()}
    data = Encodings(rows(0), rows(1, 30), codecs, CPU)
    score = read_objective(None, list(graph.heads), {})
    return SearchSpec(graph, data, Training(epochs=2, batch_size=16, threads=1), {"kind": 2.0}, score, seed=3)


def pending(search_spec, watch=lambda record, score: None):
    import optuna

    default = ResolvedDefault(search_spec)
    study = optuna.create_study()
    study.enqueue_trial(dict(default.params))
    suggest = TrialSuggest(study.ask())
    hooks = TrainingHooks(search_spec.score, watch)
    result = TrialResult(0, params=suggest.params)
    return PendingTrial(0, suggest, hooks, result, default, TrialCheckpoints(None))


class Link:
    """Hears a worker, and stops it after some epochs."""

    def __init__(self, epochs=99):
        self.messages, self.epochs = [], epochs

    def report(self, message):
        self.messages.append(json.loads(json.dumps(message)))
        records = [message for message in self.messages if message["kind"] == "record"]
        return "pruned" if len(records) >= self.epochs else None

    def is_interrupted(self):
        return False


def sent(search_spec, folder):
    writer = TaskWriter(search_spec)
    content = json.loads(json.dumps(writer.content(pending(search_spec))))
    arrays = ArrayFolder(folder)
    arrays.write(writer.names.arrays)
    return content, ArrayFolder(folder)


def test_a_trial_gives_the_same_model_where_it_was_sent(search_spec, tmp_path):
    trial = pending(search_spec)
    model = run(search_spec, trial.suggest, trial.hooks, trial.result, trial.default)
    content, arrays = sent(search_spec, tmp_path / "arrays")
    link = Link()
    result = work(content, arrays.read, link, None, tmp_path / "model", None)
    from medley.model.artifact import load

    loaded = load(tmp_path / "model")
    assert result["score"] == trial.result.score
    assert result["params"] == trial.result.params
    for name, weight in model.network.state_dict().items():
        assert torch.equal(weight, loaded.network.state_dict()[name]), name
    assert loaded.metadata["loss_weights"] == {"kind": 2.0, "size": 1.0}
    assert [message["record"]["epoch"] for message in link.messages if message["kind"] == "record"] == [0, 1]


def test_the_search_may_stop_a_trial_that_was_sent(search_spec, tmp_path):
    content, arrays = sent(search_spec, tmp_path / "arrays")
    result = work(content, arrays.read, Link(epochs=1), None, tmp_path / "model", None)
    assert (result["state"], len(result["records"])) == ("pruned", 1)
    assert not (tmp_path / "model").exists()


def test_values_that_cannot_be_trained_are_a_result(search_spec, tmp_path):
    content, arrays = sent(search_spec, tmp_path / "arrays")
    result = work({**content, "max_model_size": 1}, arrays.read, Link(), None, tmp_path / "model", None)
    assert result["state"] == "failed"
    assert "Oversized" in result["reason"]


def test_rows_in_memory_are_shared_and_rows_of_files_stay_rows_of_files(search_spec, tmp_path):
    content, arrays = sent(search_spec, tmp_path / "arrays")
    source = content["sources"]["facts"]["rows"][0]
    memory, mapped = restore_encoded(source, arrays.read), restore_encoded({**source, "is_mapped": True}, arrays.read)
    address = Rows({"x": memory}).inputs["x"].data_ptr()
    assert address == memory.array.ctypes.data  # no copy was made
    assert Rows({"x": mapped}).row_bytes == memory.array[0].nbytes
    assert Rows({"x": memory}).row_bytes == 0


def test_missing_labels_weights_and_folds_arrive(search_spec, tmp_path):
    content, arrays = sent(search_spec, tmp_path / "arrays")
    data, original = restore_task(content, arrays.read).search_spec.data, search_spec.data
    for place in range(2):
        for name, labels in original.labels[place].items():
            np.testing.assert_array_equal(data.labels[place][name].present, labels.present)
            np.testing.assert_array_equal(data.labels[place][name].array, labels.array)
        np.testing.assert_array_equal(data.parts[place].weight["kind"], original.parts[place].weight["kind"])
        assert data.parts[place].weight["size"] is None
        assert data.parts[place].where == original.parts[place].where
    assert data.loss_labels[0]["kind"] is data.labels[0]["kind"]


def test_what_cannot_be_sent_is_named(search_spec):
    from dataclasses import replace

    with pytest.raises(ConfigError, match="FixedWeights object"):
        TaskWriter(replace(search_spec, loss_weights=FixedWeights([1.0, 1.0])))
    with pytest.raises(ConfigError, match="objective"):
        TaskWriter(replace(search_spec, score=lambda scores: 0.0))
