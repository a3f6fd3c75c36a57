"""Records of a training, as Keras has them."""

import math

from medley.model.records import History, Record


def test_history_has_a_value_per_epoch_and_nan_where_an_epoch_has_none():
    history = History([Record(0, 1.0, 0.1, {"loss": 2.0}, {"loss": 2.5}), Record(1, 1.0, 0.1, {"loss": 1.0})])
    assert history.epoch == [0, 1]
    assert history.history["loss"] == [2.0, 1.0]
    assert history.history["val_loss"][0] == 2.5
    assert math.isnan(history.history["val_loss"][1])
    assert repr(history) == "History(epochs=2, names=['loss', 'val_loss'])"


def test_no_epochs_are_an_empty_history():
    assert History([]).history == {}


def test_a_record_survives_json():
    record = Record(3, 1.5, 0.01, {"loss": 1.0}, {"loss": 2.0, "relative_loss": 0.5})
    assert Record(**record.to_json()) == record
    assert record.flat() == {"loss": 1.0, "val_loss": 2.0, "val_relative_loss": 0.5}
