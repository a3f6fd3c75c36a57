"""Attributions against captum, against models whose answer is known, and their completeness."""

import base64
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from medley.audio.input import AudioInput
from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.shape import Flatten
from medley.errors import ConfigError
from medley.fusion import Merge
from medley.heads import ClassificationHead, RegressionHead
from medley.image.conv import ConvBlock
from medley.image.input import ImageInput
from medley.image.set_input import ImageSetInput
from medley.linear.path import LinearPath
from medley.model.attribution import Attribution, Part, WordAmount
from medley.report.attribution_html import attribution_view
from medley.report.exchange_paths import MAX_WORDS, ExchangePaths, text_units
from medley.report.explained_output import ExplainedOutput
from medley.report.integrated_gradients import integrated_gradients
from medley.series.input import Input
from medley.series.sequences import SequenceInput
from medley.tabular import CategoricalToNumerical, DenseBlock, StructuredDataInput
from medley.text.input import TextInput

SIZE = 200


def dense(units=6, **fields):
    return DenseBlock(num_units=(units,), num_layers=1, dropout=0.0, use_batchnorm=False, **fields)


@pytest.fixture(scope="module")
def facts():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, SIZE))
    return {"a": a, "b": b, "c": rng.choice(["x", "y", "z"], SIZE).astype(object)}


@pytest.fixture(scope="module")
def linear_model(make_model, facts):
    """y = 3 a - b; an untrained network that predicts like its linear path."""
    node = StructuredDataInput(name="facts")
    head = RegressionHead(dropout=0.0, name="y")([dense()(node), LinearPath(local_means=False)(node)])
    return make_model([node], [head], {"facts": facts}, {"y": 3 * facts["a"] - facts["b"]})


def rows_of(facts, *index):
    return {"facts": {name: cells[list(index)] for name, cells in facts.items()}}


def test_amounts_of_a_linear_model_are_weights_times_differences(linear_model, facts):
    result = linear_model.attribute(rows_of(facts, 0), background=rows_of(facts, *range(1, 33)), samples=64)
    (item,) = result
    parts = {part.column: part.amount for part in item.parts}
    assert parts["a"] == pytest.approx(3 * (facts["a"][0] - facts["a"][1:33].mean()), abs=0.05)
    assert parts["b"] == pytest.approx(-(facts["b"][0] - facts["b"][1:33].mean()), abs=0.05)
    assert parts["c"] == pytest.approx(0.0, abs=0.05)
    assert item.output == pytest.approx(float(linear_model.predict(rows_of(facts, 0))[0]), abs=1e-5)
    reference = np.mean(linear_model.predict(rows_of(facts, *range(1, 33))))
    assert item.reference == pytest.approx(float(reference), abs=1e-4)
    assert abs(item.gap) < 1e-9
    assert [part.column for part in item.ranked][-1] == "c"
    assert result.frame.column.tolist() == ["a", "b", "c"]


@pytest.fixture(scope="module")
def curved_model(make_model, facts):
    """Random weights: columns interact."""
    node = StructuredDataInput(name="facts")
    heads = [ClassificationHead(dropout=0.0, name="kind"), RegressionHead(dropout=0.0, name="y")]
    hidden = dense(16)(CategoricalToNumerical()(node))
    kinds = np.array(["cat", "dog", "cow", "pig"] * (SIZE // 4), dtype=object)
    model = make_model([node], [head(hidden) for head in heads], {"facts": facts}, {"kind": kinds, "y": facts["a"]})
    for parameter in model.network.parameters():
        parameter.data *= 3
    return model


def test_amounts_are_shapley_values_as_captum_computes_them(curved_model, facts):
    from captum.attr import ShapleyValues

    row, other = rows_of(facts, 0), rows_of(facts, 5)

    def probability(coalitions):
        cells = {
            name: np.where(coalitions[:, place].numpy() > 0.5, row["facts"][name], other["facts"][name])
            for place, name in enumerate(facts)
        }
        return torch.as_tensor(curved_model.predict_proba({"facts": cells})["kind"][:, 2])

    expected = ShapleyValues(probability).attribute(torch.ones(1, 3), baselines=torch.zeros(1, 3))[0].tolist()
    label = curved_model.labels("kind")[2]
    (item,) = curved_model.attribute(row, "kind", label, background=other, samples=600)
    assert max(map(abs, expected)) > 0.02  # it is about something
    for part, amount in zip(item.parts, expected, strict=True):
        assert part.amount == pytest.approx(amount, abs=4 * part.error + 1e-6)
    assert item.label == label


def test_all_targets_are_explained_and_the_most_probable_class_by_default(curved_model, facts):
    result = curved_model.attribute(rows_of(facts, 0, 1), samples=4)
    assert [(item.row, item.target) for item in result] == [(0, "kind"), (0, "y"), (1, "kind"), (1, "y")]
    assert result[0].label == curved_model.predict(rows_of(facts, 0))["kind"][0]
    # Without other rows, a row is compared with one of which nothing is known.
    nothing = {"facts": {"a": np.array([np.nan]), "b": np.array([np.nan]), "c": np.array([None], object)}}
    assert result[1].reference == pytest.approx(float(curved_model.predict(nothing)["y"][0]), abs=1e-5)
    assert all(abs(item.gap) < 1e-6 for item in result)


def test_unknown_targets_and_classes_are_reported(curved_model, facts):
    with pytest.raises(ConfigError, match=r"'kid', which the model does not predict.* 'kind'"):
        curved_model.attribute(rows_of(facts, 0), "kid", samples=0)
    with pytest.raises(ConfigError, match=r"'dgo', which is not a class of kind"):
        curved_model.attribute(rows_of(facts, 0), "kind", "dgo")


def test_the_word_that_decides_has_the_largest_amount(make_model):
    rng = np.random.default_rng(0)
    words = np.array(["red", "blue", "dress", "shirt", "old", "new"])
    texts = [" ".join(rng.choice(words, 4)) for _ in range(SIZE)]
    price = np.array([10.0 * ("old" in text) for text in texts])
    node = TextInput(name="note")
    head = RegressionHead(dropout=0.0, name="price")(LinearPath()(node))
    model = make_model([node], [head], {"note": texts}, {"price": price})
    for parameter in model.network.parameters():
        parameter.data *= 50  # random weights of the head, which reads the linear path
    rest = [text for text in texts if "old" not in text][:20]
    (item,) = model.attribute(["red old shirt new"], background=rest, samples=32)
    (part,) = item.parts
    assert [word.text for word in part.words] == ["red", "old", "shirt", "new"]
    assert max(part.words, key=lambda word: abs(word.amount)).text == "old"
    (several,) = model.attribute(["red old shirt new", None], background=rest, samples=2)[1].parts
    assert several.words == ()


@pytest.fixture(scope="module")
def photo_rows():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (12, 6, 6, 3), dtype=np.uint8)


def test_pixels_have_the_integrated_gradients_that_captum_computes(make_model, photo_rows):
    from captum.attr import IntegratedGradients

    photo, facts = ImageInput(name="photo"), StructuredDataInput(name="facts")
    kind = ClassificationHead(name="kind", dropout=0.0)(dense(8)(Flatten()(photo)))
    heads = [kind, RegressionHead(name="y", dropout=0.0)(dense(4)(facts))]
    x = {"photo": photo_rows, "facts": np.arange(12.0)[:, None]}
    model = make_model([photo, facts], heads, x, {"kind": ["cat", "dog", "cow"] * 4, "y": np.arange(12.0)})
    for parameter in model.network.parameters():
        parameter.data *= 3  # so that outputs are curved

    def encoded(pixels):
        present = np.ones(len(pixels), bool)
        return {"photo": Encoded(pixels, present), "facts": Encoded(np.zeros((len(pixels), 1), np.float32), present)}

    def probability(values):
        batch = Rows(encoded(values.detach().numpy())).slice(0, len(values))
        outputs = model.network(replace(batch, inputs={**batch.inputs, "photo": values}))
        return torch.softmax(outputs["kind"], dim=1)[:, 1]

    pixels = photo_rows.transpose(0, 3, 1, 2)
    starts = pixels[::-1].astype(np.float32)
    ends = torch.as_tensor(pixels.astype(np.float32))
    expected = IntegratedGradients(probability).attribute(ends, torch.as_tensor(starts.copy()), n_steps=9)
    output = ExplainedOutput(model.targets["kind"].probabilities, 1)
    arguments = (model.network, encoded(pixels), "photo", starts)
    amounts = integrated_gradients(*arguments, "kind", output, 9, model.device)
    assert np.abs(amounts).max() > 0.01
    np.testing.assert_allclose(amounts, expected.detach().numpy(), atol=1e-4)
    number = ExplainedOutput(model.targets["y"].probabilities, 0)  # of a head that does not read the image
    assert not integrated_gradients(*arguments, "y", number, 2, model.device).any()


def test_the_only_pixel_that_differs_has_the_whole_amount(make_model, photo_rows):
    node = ImageInput(name="photo")
    model = make_model(
        [node], [RegressionHead(dropout=0.0, name="y")(Flatten()(node))], {"photo": photo_rows}, {"y": np.arange(12.0)}
    )
    other = photo_rows[:1].copy()
    other[0, 2, 3] = 255 - other[0, 2, 3]
    (item,) = model.attribute({"photo": photo_rows[:1]}, background={"photo": other}, samples=2)
    (part,) = item.parts
    expected = np.zeros((6, 6))
    expected[2, 3] = float(model.predict(photo_rows[:1])[0] - model.predict(other)[0])
    np.testing.assert_allclose(part.heat, expected, atol=1e-5)
    np.testing.assert_array_equal(part.shown, photo_rows[0])
    assert part.amount == pytest.approx(expected.sum(), abs=1e-5)


def test_parts_of_all_kinds_sum_to_the_difference(make_model, photo_rows, facts):
    rng = np.random.default_rng(1)
    photo, wave, table, note = (
        ImageInput(name="photo"),
        Input(name="wave"),
        StructuredDataInput(name="facts"),
        TextInput(name="note"),
    )
    encoded = [
        Flatten()(
            ConvBlock(
                num_layers=1,
                num_blocks=1,
                filters=4,
                kernel_size=3,
                max_pooling=False,
                separable=False,
                dropout=0.0,
            )(photo)
        ),
        Flatten()(wave),
        dense()(CategoricalToNumerical()(table)),
        note,
    ]
    joined = Merge("concatenate")(encoded)
    heads = [ClassificationHead(dropout=0.0, name="kind")(joined), RegressionHead(dropout=0.0, name="y")(joined)]
    x = {
        "photo": photo_rows,
        "wave": rng.normal(size=(12, 5, 2)).astype("float32"),
        "facts": {name: cells[:12] for name, cells in facts.items()},
        "note": ["good red dress", "bad blue shirt", None, "old"] * 3,
    }
    model = make_model([photo, wave, table, note], heads, x, {"kind": ["cat", "dog"] * 6, "y": np.arange(12.0)})
    row = {"photo": x["photo"][:1], "wave": x["wave"][:1], "facts": rows_of(facts, 0)["facts"], "note": x["note"][:1]}
    rest = {
        "photo": [*x["photo"][1:8], None],
        "wave": x["wave"][1:9],
        "facts": rows_of(facts, *range(1, 9))["facts"],
        "note": x["note"][1:9],
    }
    for item in model.attribute(row, background=rest, samples=16, steps=32):
        assert item.output == pytest.approx(
            model.predict(row)["y"][0] if item.label is None else model.predict_proba(row)["kind"].max(), abs=1e-5
        )
        assert abs(item.gap) < 1e-6
        parts = {part.column: part for part in item.parts}
        assert list(parts) == ["photo", "wave", "a", "b", "c", "note"]
        assert len(parts["note"].words) == 3
        assert parts["wave"].heat.shape == (5,)
        assert parts["photo"].heat.shape == (6, 6)
        assert parts["wave"].heat.sum() == pytest.approx(parts["wave"].amount, rel=0.02, abs=1e-4)
        html = item._repr_html_()
        assert html.count("data:image/png") == 1
        assert "dress" in html
    fast = model.attribute(row, background=rest, samples=2, steps=0)
    assert all(part.heat is None for item in fast for part in item.parts)


def test_the_words_of_a_long_text_are_exchanged_in_groups():
    units = text_units(" ".join(f"w{number}" for number in range(500)))
    assert len(units.spans) == MAX_WORDS
    assert units.subset(range(MAX_WORDS)) == units.text
    assert "".join(units.text[slice(*span)] for span in units.spans) == units.text


def test_a_path_ends_at_the_row_and_its_reverse_takes_the_opposite_order():
    units = {"note": text_units("a b")}
    paths = ExchangePaths(["size", "note"], units, 0, np.array([1, 1]), np.random.default_rng(0))
    assert paths.length == 4
    positions = paths.positions("size").reshape(2, 5)
    assert positions[:, 0].tolist() == [1, 1]
    assert positions[:, -1].tolist() == [0, 0]
    order = [[event.column for event in path] for path in paths.events]
    assert order[0][0] != order[1][0]
    partial = dict(paths.partial_texts("note"))
    assert sorted(filter(None, partial.values())) == ["a", "b"]  # one in each path, the other one in the reverse


def test_private_columns_show_codes_only(tmp_path):
    import medley as md

    frame = pd.DataFrame({"name": ["Anna Lee", "Bob Ray"] * 20, "size": np.arange(40.0), "y": np.arange(40.0) % 7})
    model = md.fit(frame, "y", private=["name"], max_trials=1, epochs=1, verbose=0, seed=0)
    (item,) = model.attribute(frame.iloc[:1], background=frame.iloc[1:], samples=4)
    assert {part.column for part in item.parts} == {"name", "size"}
    for text in (item._repr_html_(), item.frame.to_string()):
        assert "Anna" not in text
        assert "Lee" not in text


@pytest.mark.parametrize("kind", ["audio", "series", "images"])
def test_recordings_series_and_sets_of_images_are_located(make_model, kind):
    rng = np.random.default_rng(0)
    rows = {
        "audio": [rng.normal(size=2000).astype("float32") * 0.1 for _ in range(6)],
        "series": [rng.normal(size=(rng.integers(3, 9), 2)) for _ in range(6)],
        "images": [[rng.integers(0, 255, (8, 8, 3), dtype=np.uint8) for _ in range(2)] for _ in range(6)],
    }[kind]
    inputs = {
        "audio": AudioInput(name="x", sampling_rate=8000),
        "series": SequenceInput(name="x"),
        "images": ImageSetInput(name="x"),
    }
    model = make_model([inputs[kind]], [RegressionHead(dropout=0.0, name="y")], {"x": rows}, {"y": np.arange(6.0)})
    (item,) = model.attribute({"x": rows[:1]}, background={"x": rows[1:]}, samples=4, steps=32)
    (part,) = item.parts
    assert abs(item.gap) < 1e-9
    assert part.heat.sum() == pytest.approx(part.amount, rel=0.1, abs=0.02)
    assert part.heat.shape[1:] == ((8, 8) if kind == "images" else ())
    assert (part.shown is not None) == (kind == "images")


@pytest.mark.parametrize("form", ["polars", "pandas", "records", "array", "tensor"])
def test_tables_of_any_form_are_explained_by_column(make_model, form):
    import polars

    numbers = np.random.default_rng(0).normal(size=(40, 2))
    numbers[0] = 3
    frame = pd.DataFrame(numbers, columns=["a", "b"])

    def rows(part):
        table = frame.iloc[part]
        if form in ("array", "tensor"):
            return table.to_numpy() if form == "array" else torch.from_numpy(table.to_numpy().copy())
        return {"polars": polars.DataFrame(table), "pandas": table, "records": table.to_dict("records")}[form]

    node = StructuredDataInput(name="facts")
    head = RegressionHead(dropout=0.0, name="y")([dense()(node), LinearPath(local_means=False)(node)])
    model = make_model([node], [head], {"facts": rows(slice(0, 40))}, {"y": 2 * numbers[:, 0]})
    one, others = {"facts": rows(slice(0, 1))}, {"facts": rows(slice(1, 40))}
    for background in (others, None):
        (item,) = model.attribute(one, background=background, samples=8)
        assert len(item.parts) == 2
        assert abs(item.gap) < 1e-6
        assert abs(item.parts[0].amount) > 5 * abs(item.parts[1].amount)


def test_words_and_pixels_that_hardly_matter_are_faint():
    pixels, heat = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4), 1e-4)
    words = (WordAmount("even", 0.0), WordAmount("number", -1e-3))
    text = Part("question", "text", "even number", -1e-3, 0.0, words)
    photo = Part("photo", "image", "", 1.6e-3, 0.0, heat=heat, shown=pixels)

    def shown(amount):
        parts = (Part("size", "number", "3", amount, 0.0), text, photo)
        view = attribution_view(Attribution(0, "y", None, 0.0, 0.0, parts))
        image = Image.open(io.BytesIO(base64.b64decode(view["images"][0]["uri"].partition(",")[2])))
        return view["texts"][0]["words"][1]["opacity"], np.ptp(np.asarray(image)[0, 0].astype(int))

    strong, faint = shown(1e-3), shown(1.0)
    assert strong[0] == 0.75
    assert faint[0] == pytest.approx(0.75 * 0.01, abs=1e-3)
    assert faint[1] < strong[1] / 5
