"""Copies and pickles of models: they predict what the original predicts, wherever they are."""

import copy
import multiprocessing
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from torch import nn

import medley as md
from medley.errors import ArtifactError

RNG = np.random.default_rng(0)
ROWS = 60


@md.extend.register("test_copying.layer")
def registered_layer():
    return nn.Linear(3, 4)


def unregistered_layer():
    return nn.Linear(3, 4)


def pets():
    age, kind = RNG.normal(8, 3, ROWS), RNG.choice(["cat", "dog"], ROWS)
    notes = RNG.choice(["barks a lot", "sleeps all day", None], ROWS)
    return pd.DataFrame({"age": age, "kind": kind, "note": notes, "price": 100 * age + 50 * (kind == "dog")})


@pytest.fixture(scope="module")
def table_model():
    frame = pets()
    return md.fit(frame, ["price", "kind"], max_trials=1, epochs=1, verbose=0), frame


def searched(layer=registered_layer, **options):
    numbers, head = md.Input(name="numbers"), md.ClassificationHead(name="side")
    auto = md.AutoModel(numbers, head(md.TorchBlock(layer)(numbers)), max_trials=2, **options)
    x = RNG.normal(size=(ROWS, 3)).astype("float32")
    auto.fit(x, x[:, 0] > 0, epochs=1, verbose=0)
    return auto, x


def roundtrip(value):
    return pickle.loads(pickle.dumps(value))


def joblib_roundtrip(value, tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(value, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib")


def cloudpickle_roundtrip(value):
    cloudpickle = pytest.importorskip("cloudpickle")
    return pickle.loads(cloudpickle.dumps(value))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, roundtrip, cloudpickle_roundtrip])
def test_a_copy_of_a_model_predicts_the_same(table_model, copied):
    model, frame = table_model
    again = copied(model)
    pd.testing.assert_frame_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert again.metadata == model.metadata
    assert again.evaluate(frame) == model.evaluate(frame)


def test_a_copy_of_a_prepared_predictor_predicts_the_same(table_model):
    model, frame = table_model
    predict, rows = model.predictor(proba=True, interval=0.9), frame.head(3).to_dict("records")
    assert roundtrip(predict)(rows) == predict(rows)


def test_a_model_in_a_joblib_file_predicts_the_same(table_model, tmp_path):
    model, frame = table_model
    pd.testing.assert_frame_equal(joblib_roundtrip(model, tmp_path).predict(frame), model.predict(frame))


def test_a_copy_can_change_without_the_original(table_model):
    model, frame = table_model
    expected = model.predict(frame)
    again = copy.deepcopy(model)
    for parameter in again.network.parameters():
        parameter.data.zero_()
    again.metadata["scores"].clear()
    pd.testing.assert_frame_equal(model.predict(frame), expected)
    assert model.metadata["scores"]


def test_a_worker_process_predicts_the_same(table_model):
    model, frame = table_model
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (predicted,) = pool.map(model.predict, [frame])
    pd.testing.assert_frame_equal(predicted, model.predict(frame))


def test_a_worker_of_joblib_predicts_the_same(table_model):
    joblib = pytest.importorskip("joblib")
    model, frame = table_model
    (predicted,) = joblib.Parallel(n_jobs=2)([joblib.delayed(model.predict)(frame)])
    pd.testing.assert_frame_equal(predicted, model.predict(frame))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, roundtrip, cloudpickle_roundtrip])
def test_a_copy_of_a_search_predicts_and_holds_its_trials(copied):
    auto, x = searched()
    again = copied(auto)
    np.testing.assert_array_equal(again.predict_proba(x), auto.predict_proba(x))
    assert again.history["score"].tolist() == auto.history["score"].tolist()
    assert len(again.best_models()) == len(auto.best_models()) == 2
    assert again.summary() == auto.summary()
    again.fit(x, x[:, 0] > 0, epochs=1, verbose=0)
    assert again.folder != auto.folder


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, roundtrip])
def test_a_search_that_has_not_begun_can_be_copied(copied):
    table, head = md.StructuredDataInput(), md.RegressionHead()
    auto = copied(md.AutoModel(table, head(md.DenseBlock(num_layers=md.Int(1, 2))(table)), max_trials=1))
    x = RNG.normal(size=(40, 2))
    auto.fit(x, x[:, 0], epochs=1, verbose=0)
    assert auto.predict(x).shape == (40,)


def test_subclasses_of_automodel_can_be_pickled():
    task = md.StructuredDataRegressor(max_trials=1)
    frame = pets()
    task.fit(frame[["age", "kind"]], frame["price"], epochs=1, verbose=0)
    np.testing.assert_array_equal(roundtrip(task).predict(frame), task.predict(frame))


def test_a_part_without_a_name_is_copied_but_not_pickled():
    with pytest.warns(md.MedleyWarning, match="kept in memory only"):
        auto, x = searched(unregistered_layer, keep=1)
    for original in (auto, auto.export_model()):
        np.testing.assert_array_equal(copy.deepcopy(original).predict(x), auto.predict(x))
        with pytest.raises(ArtifactError, match=r"can be pickled if it can be saved.*unregistered_layer.*Register"):
            pickle.dumps(original)


def test_a_part_of_another_module_is_registered_where_the_model_arrives(tmp_path, monkeypatch):
    auto, x = searched()
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(auto.export_model()))
    from medley.core import registry

    monkeypatch.delitem(registry._objects, "test_copying.layer")  # as in a process that has not imported this module
    again = pickle.loads((tmp_path / "model.pickle").read_bytes())
    np.testing.assert_array_equal(again.predict(x), auto.predict(x))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, roundtrip])
def test_a_graph_keeps_the_names_of_its_parts(copied):
    graph = searched()[0].graph
    again = copied(graph)
    assert again.to_json() == graph.to_json()
    assert again.declarations() == graph.declarations()


@pytest.fixture(scope="module")
def onnx_file(table_model, tmp_path_factory):
    pytest.importorskip("onnxruntime")
    return table_model[0].export(tmp_path_factory.mktemp("exported") / "model.onnx")


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, roundtrip])
def test_an_exported_model_can_be_copied(table_model, onnx_file, tmp_path, copied):
    from medley.runtime import load

    _, frame = table_model
    for file in onnx_file.parent.iterdir():
        shutil.copy(file, tmp_path)
    exported = load(tmp_path / "model.onnx")
    again = copied(copied(exported))
    pd.testing.assert_frame_equal(again.predict(frame), exported.predict(frame))
    (tmp_path / "model.onnx.json").unlink()
    with pytest.raises(ArtifactError, match="cannot be read any more, so it cannot be pickled"):
        pickle.dumps(exported)
