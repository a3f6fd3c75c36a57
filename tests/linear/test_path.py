"""The linear path: networks start at it; it is out of fold on training rows, saved and exported with the model."""

import numpy as np
import pandas as pd
import pytest
import torch

import medley as md
from medley.core.linear import Labels, LinearFeatures, SupervisedCodec
from medley.core.registry import registered
from medley.errors import DataError, GraphError
from medley.heads import ClassificationHead, OrderedHead, RegressionHead
from medley.heads.counts import CountHead
from medley.heads.linear_skip import LinearSkip
from medley.linear import LinearPath
from medley.linear.codec import LinearPathCodec
from medley.linear.neighbours import LocalMeans
from medley.runtime import load as load_exported
from medley.tabular import StructuredDataInput
from medley.text.input import TextInput

RNG = np.random.default_rng(0)
ROWS = 300
SIZE = RNG.normal(size=ROWS)
WORDS = [f"{'red' if size > 0 else 'blue'} {'shirt' if row % 3 else 'hat'}" for row, size in enumerate(SIZE)]
TABLE = {"size": SIZE, "kind": [("a", "b", "c")[row % 3] for row in range(ROWS)]}
HEADS = {
    "price": (RegressionHead(), 3 * SIZE + 0.1 * RNG.normal(size=ROWS)),
    "colour": (ClassificationHead(), ["red" if size > 0 else "blue" for size in SIZE]),
    "kind": (ClassificationHead(), [("x", "y", "z")[row % 3] for row in range(ROWS)]),
    "grade": (OrderedHead(order=[1, 2, 3]), [1 + row % 3 for row in range(ROWS)]),
    "tags": (ClassificationHead(multi_label=True), [["red"] if size > 0 else ["blue", "cold"] for size in SIZE]),
    "visits": (CountHead(), np.arange(ROWS) % 4),
}
INPUTS = [StructuredDataInput(name="table"), TextInput(name="note")]


def rows(table=TABLE, note=WORDS):
    return LinearPath().derive(INPUTS, [table, note])


def labels(names=HEADS, **changes):
    codecs = {name: HEADS[name][0].codec().fit(HEADS[name][1]) for name in names}
    values = {name: changes.get(name, HEADS[name][1]) for name in names}
    folds = np.arange(ROWS) % 5
    return Labels(codecs, {name: codec.encode(values[name]) for name, codec in codecs.items()}, None, folds)


def raw_of(codec, encoded, name):
    start = 1
    for head, outputs in codec.spec.linear_outputs:
        if head == name:
            return encoded.array[:, start : start + outputs]
        start += outputs
    raise KeyError(name)


def test_each_kind_of_target_gets_raw_outputs_that_predict_it():
    training_labels, codec = labels(), LinearPathCodec()
    codec.fit_encode(rows(), training_labels)
    encoded = codec.encode(rows())
    for name, wrong in {"colour": 0.05, "kind": 0.05, "grade": 0.05}.items():
        predicted = training_labels.codecs[name].decode(raw_of(codec, encoded, name))
        assert np.mean(predicted != np.array(HEADS[name][1], predicted.dtype)) <= wrong, name
    price = training_labels.codecs["price"].decode(raw_of(codec, encoded, "price"))
    assert np.corrcoef(price, HEADS["price"][1])[0, 1] > 0.99
    tags = training_labels.codecs["tags"].decode(raw_of(codec, encoded, "tags"))
    assert sum(map(list.__eq__, map(list, tags), HEADS["tags"][1])) > 0.9 * ROWS
    assert (training_labels.codecs["visits"].decode(raw_of(codec, encoded, "visits")) >= 0).all()


def test_the_encoding_of_a_training_row_does_not_depend_on_its_label():
    changed = np.array(HEADS["price"][1])
    changed[7] += 0.05  # so little that the strength of the penalty stays
    before = LinearPathCodec(local_means=False).fit_encode(rows(), labels(["price"]))
    after = LinearPathCodec(local_means=False).fit_encode(rows(), labels(["price"], price=changed))
    codec = LinearPathCodec(local_means=False)
    codec.fit_encode(rows(), labels(["price"]))
    np.testing.assert_allclose(raw_of(codec, before, "price")[7], raw_of(codec, after, "price")[7], atol=1e-6)
    assert not np.array_equal(raw_of(codec, before, "price")[8], raw_of(codec, after, "price")[8])


def test_the_fitted_state_is_restored():
    codec = LinearPathCodec()
    codec.fit_encode(rows(), labels())
    again = LinearPathCodec().restore(codec.state())
    original, restored = codec.encode(rows()), again.encode(rows())
    np.testing.assert_array_equal(original.array, restored.array)
    np.testing.assert_array_equal(original.present, restored.present)
    assert again.spec == codec.spec


def test_rows_without_any_input_are_absent_and_hold_zeros():
    codec = LinearPathCodec()
    codec.fit_encode(rows(), labels(["price"]))
    encoded = codec.encode(rows({"size": [None, 1.0], "kind": [None, "a"]}, [None, None]))
    assert encoded.present.tolist() == [False, True]
    assert not encoded.array[0].any()


def test_an_input_may_be_left_out_as_a_whole_when_predicting_but_not_in_training():
    codec = LinearPathCodec()
    codec.fit_encode(rows(), labels(["price"]))
    assert np.isfinite(codec.encode(rows(note=None)).array).all()
    with pytest.raises(DataError, match="None in the training rows"):
        LinearPathCodec().fit_encode(rows(note=None), labels(["price"]))


def test_little_time_is_spent_on_fewer_steps_and_fewer_models():
    training_labels = labels()
    codec = LinearPathCodec()
    codec.fit_encode(
        rows(), Labels(training_labels.codecs, training_labels.encoded, None, training_labels.folds, seconds=0.0)
    )
    assert codec.choices == {"iterations": 12, "alone": False}
    plenty = LinearPathCodec()
    plenty.fit_encode(rows(), training_labels)
    assert plenty.choices == {"iterations": 40, "alone": True}
    repeated = LinearPathCodec(**codec.choices)
    repeated.fit_encode(rows(), training_labels)
    np.testing.assert_array_equal(repeated.encode(rows()).array, codec.encode(rows()).array)
    assert codec.fingerprint == plenty.fingerprint


def test_training_rows_beyond_a_sample_are_encoded_out_of_fold():
    """By the models of other folds: rows of the sample are encoded as they were, except for rounding to float16."""
    east, north = RNG.uniform(size=(2, 600))
    table = {"east": east, "north": north, "kind": [("a", "b", "c")[row % 3] for row in range(600)]}
    notes = [f"{'red' if value > 0.5 else 'blue'} w{row}" for row, value in enumerate(east)]
    price = np.sin(7 * east) * np.cos(9 * north)
    target = RegressionHead().codec().fit(price)
    folds = np.arange(600) // 10 % 5
    fitted_to = Labels({"price": target}, {"price": target.encode(price)}, None, folds, is_sample=True)
    codec = LinearPathCodec()
    encoded = codec.fit_encode(rows(table, notes), fitted_to)
    assert codec.spec.shape == encoded.array.shape[1:]
    assert len(codec.state()["local.planes"]) == 1
    again = codec.encode_training(rows(table, notes), folds)
    scale = encoded.array.std(axis=0) + 1e-3
    assert np.abs((again.array - encoded.array) / scale).max() < 0.05
    assert np.abs((codec.encode(rows(table, notes)).array - encoded.array) / scale).max() > 0.5  # as new rows: in fold
    assert np.array_equal(again.present, encoded.present)


def test_planes_of_similar_neighbours_are_found_and_can_be_turned_off():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, size=(1_500, 3))
    value = np.sin(4 * x[:, 0]) * np.sin(4 * x[:, 1]) + 0.1 * rng.normal(size=1_500)
    table = {"east": x[:, 0], "north": x[:, 1], "noise": x[:, 2]}
    head = RegressionHead().codec().fit(value)
    training_labels = Labels({"value": head}, {"value": head.encode(value)}, None, np.arange(1_500) % 5)
    block = StructuredDataInput(name="table")
    codec = LinearPathCodec()
    honest = codec.fit_encode(LinearPath().derive([block], [table]), training_labels)
    assert codec._local.planes[0] == (0, 1)
    explained = 1 - np.var(raw_of(codec, honest, "value")[:, 0] - head.encode(value).array[:, 0])
    assert explained > 0.7
    without = LinearPathCodec(local_means=False)
    without.fit_encode(LinearPath().derive([block], [table]), training_labels)
    assert without.state()["local.planes"] == []
    assert not [key for key in without.state() if "points" in key]


def test_means_of_neighbours_are_out_of_fold():
    rng = np.random.default_rng(0)
    columns, targets = rng.normal(size=(600, 2)).astype(np.float32), rng.normal(size=(600, 1)).astype(np.float32)
    folds = np.arange(600) % 5
    local = LocalMeans(planes=[(0, 1)], mean=np.zeros(1, np.float32))
    before = local.encode_training(columns, targets, folds)
    targets[folds == 2] += 100
    after = local.encode_training(columns, targets, folds)
    np.testing.assert_allclose(before[folds == 2], after[folds == 2])
    assert (after[folds != 2] - before[folds != 2]).max() > 10


def test_it_is_called_on_inputs_that_have_linear_features():
    with pytest.raises(GraphError, match="ImageInput"):
        LinearPath()([md.ImageInput()])


def test_every_kind_of_features_is_registered_so_that_models_can_name_it():
    assert {"text.features", "tabular.features", "series.features"} <= set(registered(LinearFeatures))


def test_an_untrained_network_is_the_linear_model(tmp_path):
    table, note = md.StructuredDataInput(name="table"), md.TextInput(name="note")
    path = md.LinearPath()([table, note])
    trunk = md.DenseEnsembleBlock(num_layers=1, num_units=8, members=5)([path, table])
    head = md.RegressionHead(name="price")([trunk, path])
    auto = md.AutoModel([table, note], head, max_trials=1, directory=tmp_path, training=md.Training(learning_rate=0.0))
    price = HEADS["price"][1]
    auto.fit([pd.DataFrame(TABLE), WORDS], price, epochs=1, verbose=0)
    predicted = auto.predict([pd.DataFrame(TABLE), WORDS])
    (codec,) = [source.codec for source in auto.model.sources if isinstance(source.codec, SupervisedCodec)]
    linear = codec.encode({"table": pd.DataFrame(TABLE), "note": WORDS})
    expected = auto.model.targets["price"].decode(raw_of(codec, linear, "price"))
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-4)
    assert any(isinstance(module, LinearSkip) for module in auto.model.network.modules())


def test_a_model_with_a_linear_path_is_saved_exported_and_predicts_the_same(tmp_path):
    pytest.importorskip("onnxruntime")
    frame = pd.DataFrame({**TABLE, "note": WORDS, "price": HEADS["price"][1]})
    model = md.fit(frame, "price", column_kinds={"note": "text"}, max_trials=1, epochs=2, directory=tmp_path, verbose=0)
    expected = model.predict(frame.drop(columns="price"))["price"].to_numpy()
    loaded = md.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(frame.drop(columns="price"))["price"], expected)
    exported = load_exported(model.export(tmp_path / "model.onnx"))
    np.testing.assert_allclose(exported.predict(frame.drop(columns="price"))["price"], expected, rtol=1e-4, atol=1e-4)


def test_raw_outputs_of_absent_answers_are_the_prior():
    skip = LinearSkip(torch.nn.Linear(4, 2), 1, torch.tensor([0.5, -1.0]))
    linear = torch.tensor([[1.0, 3.0, 4.0], [0.0, 0.0, 0.0]])
    assert skip(torch.zeros(2, 4), linear).tolist() == [[3.0, 4.0], [0.5, -1.0]]
