"""Callbacks: which methods are called, with what, and what a callback may be."""

import numpy as np
import pytest

import medley as md
from medley.errors import ConfigError

ROWS = {"a": np.arange(20.0), "y": np.arange(20.0) % 7}


def auto(**options):
    table = md.StructuredDataInput()
    head = md.RegressionHead(dropout=0.0)(md.DenseBlock(num_layers=1, num_units=4, dropout=0.0)(table))
    return md.AutoModel(table, head, seed=0, **options)


def fit(callbacks, epochs=2, max_trials=2, **options):
    rows = np.arange(20.0)[:, None]
    auto(max_trials=max_trials, **options).fit(rows, ROWS["y"], epochs=epochs, verbose=0, callbacks=callbacks)


class Recorder(md.Callback):
    def __init__(self):
        self.calls = []

    def on_search_begin(self, logs):
        self.calls.append(("search_begin", dict(logs)))

    def on_train_begin(self, logs):
        self.calls.append(("train_begin", self.trial, dict(logs)))

    def on_epoch_end(self, epoch, logs):
        self.calls.append(("epoch_end", self.trial, epoch, dict(logs)))

    def on_train_end(self, logs):
        self.calls.append(("train_end", self.trial, dict(logs)))

    def on_search_end(self, logs):
        self.calls.append(("search_end", dict(logs)))


def test_methods_are_called_in_order():
    recorder = Recorder()
    fit([recorder])
    assert [call[0] for call in recorder.calls] == [
        "search_begin",
        *["train_begin", "epoch_end", "epoch_end", "train_end"] * 2,
        "search_end",
    ]
    assert recorder.calls[0][1] == {"trials": 2, "epochs": 2}
    assert [call[1] for call in recorder.calls[1:-1]] == [0] * 4 + [1] * 4
    name, trial, epoch, logs = recorder.calls[3]
    assert (name, trial, epoch) == ("epoch_end", 0, 1)
    assert {"loss", "val_loss", "learning_rate"} <= set(logs)
    ends = [call[2] for call in recorder.calls if call[0] == "train_end"]
    assert all(end["state"] in ("complete", "pruned") for end in ends)
    assert any(key.startswith("param.") for key in ends[1])
    last = recorder.calls[-1][1]
    assert last["score"] == min(end["score"] for end in ends if end["state"] == "complete")


class KerasLike:
    """Written for Keras: no base class of ours, and logs that may be left out."""

    def __init__(self):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["val_loss"])
        return True


def test_an_object_with_a_method_of_keras_is_a_callback_and_may_end_a_trial():
    callback, records = KerasLike(), []
    fit([callback, records.append], epochs=5, max_trials=1)
    assert len(callback.losses) == len(records) == 1
    assert records[0].val["loss"] == callback.losses[0]


def test_a_tracker_that_fails_is_left_out_and_the_search_goes_on():
    class Lost(Recorder):
        is_essential = False

        def on_epoch_end(self, epoch, logs):
            raise ConnectionError("no answer")

    lost, other = Lost(), Recorder()
    with pytest.warns(md.MedleyWarning, match="Lost is not called any more: ConnectionError in on_epoch_end"):
        fit([lost, other], epochs=1)
    assert [call[0] for call in lost.calls] == ["search_begin", "train_begin"]
    assert [call[0] for call in other.calls].count("epoch_end") == 2


def test_an_error_in_a_callback_of_ones_own_fails_the_trial():
    class Wrong(Recorder):
        def on_epoch_end(self, epoch, logs):
            raise ValueError("a mistake")

    with pytest.raises(md.MedleyError, match="a mistake"):
        fit([Wrong()], max_trials=1)


def test_the_table_api_takes_callbacks():
    recorder = Recorder()
    md.fit(ROWS, "y", max_trials=1, epochs=1, verbose=0, seed=0, callbacks=[recorder])
    assert recorder.calls[0][0] == "search_begin"
    assert any(call[0] == "epoch_end" for call in recorder.calls)


def test_what_is_no_callback_is_reported():
    with pytest.raises(ConfigError, match="callbacks must be a list of objects with methods"):
        fit(["tensorboard"])
    with pytest.raises(ConfigError, match="callbacks must be a list of objects with methods"):
        md.fit(ROWS, "y", verbose=0, callbacks=md.Callback())
