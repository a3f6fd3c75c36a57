"""TensorBoard, MLflow and Weights & Biases: what they wrote, read back with their own readers."""

import json

import numpy as np
import pytest

import medley as md


@pytest.fixture(scope="module")
def rows():
    return np.arange(20.0)[:, None], np.arange(20.0) % 7


def search(callback, rows, max_trials=1):
    """Two epochs per trial; returns its history."""
    table = md.StructuredDataInput()
    head = md.RegressionHead(dropout=0.0)(md.DenseBlock(num_layers=1, dropout=0.0)(table))
    auto = md.AutoModel(table, head, seed=0, max_trials=max_trials)
    auto.fit(*rows, epochs=2, verbose=0, callbacks=[callback])
    return auto.history


def curve(history, trial=0, name="val_loss"):
    return [values[name] for values in history.curves[trial]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of tensorboard's own packages
def test_tensorboard_reads_the_curves_of_every_trial(rows, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = search(md.TensorBoard(tmp_path), rows, max_trials=2)
    for trial in (0, 1):
        events = EventAccumulator(str(tmp_path / f"trial_{trial}"))
        events.Reload()
        written = events.Scalars("val_loss")
        assert [event.step for event in written] == [0, 1]
        assert [event.value for event in written] == pytest.approx(curve(history, trial), rel=1e-5)
    assert [event.value for event in events.Scalars("hparam/score")] == pytest.approx([history.score[1]], rel=1e-5)


@pytest.mark.filterwarnings("ignore")  # of MLflow and its database
def test_mlflow_holds_a_nested_run_per_trial(rows, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    history = search(md.MLflow("pets", store, "first"), rows)
    client = mlflow.MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("pets")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"first", "trial 0"}
    trial = runs["trial 0"]
    assert trial.data.tags["mlflow.parentRunId"] == runs["first"].info.run_id
    written = client.get_metric_history(trial.info.run_id, "val_loss")
    assert [metric.value for metric in sorted(written, key=lambda metric: metric.step)] == pytest.approx(curve(history))
    assert trial.data.metrics["score"] == pytest.approx(history.score[0])
    name = next(column for column in history.columns if column.startswith("param."))
    assert trial.data.params[name.removeprefix("param.")] == str(history[name][0])
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def log_records(content):
    """The records of a file in LevelDB's log format: blocks of 32 KiB, records of (checksum, length, type) and data."""
    place, parts = 7, []  # after the header of W&B
    while place + 7 <= len(content):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts.append(content[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield b"".join(parts)
            parts = []


@pytest.mark.filterwarnings("ignore")  # of W&B's own packages
def test_wandb_writes_offline_runs(rows, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    history = search(md.WandB("pets", mode="offline", directory=tmp_path, group="first"), rows)
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    losses, config = [], {}
    for data in log_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            values = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
            }
            losses.append(values["val_loss"])
        if record.WhichOneof("record_type") == "config":
            config |= {item.key or "/".join(item.nested_key): item.value_json for item in record.config.update}
        if record.WhichOneof("record_type") == "run":
            assert (record.run.project, record.run.run_group, record.run.display_name) == ("pets", "first", "trial 0")
    assert losses == pytest.approx(curve(history))
    assert any(column.removeprefix("param.") in config for column in history.columns if column.startswith("param."))
