"""CaptionImages: in Python, in graphs, its cache, in saved models."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import medley as md
from medley.errors import ArtifactError, BadImageWarning, ConfigError, DataError, GraphError
from medley.testing.tiny_writers import COLOURS, tiny_room

SEEN = []


def brightest(images):
    """Names the dominant colour of each image; records the batch sizes."""
    SEEN.append(len(images))
    return [f"a {list(COLOURS)[int(np.asarray(image).mean((0, 1)).argmax())]} room" for image in images]


md.extend.register("test_captions.brightest")(brightest)


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    SEEN.clear()


def rooms(count=36):
    """Rows of images, their colours, and as many distinct images as rows."""
    colours = [list(COLOURS)[row % 3] for row in range(count)]
    return [tiny_room(colour, row) for row, colour in enumerate(colours)], colours


def test_each_distinct_image_is_captioned_once(tmp_path):
    tiny = [tiny_room("red"), None, tiny_room("blue"), tiny_room("red"), np.nan]
    captions = md.CaptionImages(brightest)
    assert captions.texts(tiny) == ["a red room", None, "a blue room", "a red room", None]
    assert SEEN == [2]
    assert md.CaptionImages(brightest).texts(tiny[::-1]) == [None, "a red room", "a blue room", None, "a red room"]
    assert SEEN == [2]
    assert md.CaptionImages(brightest, version=2).texts(tiny[:1]) == ["a red room"]
    assert SEEN == [2, 1]


def test_cached_captions_can_be_edited():
    captions = md.CaptionImages(brightest)
    captions.texts([tiny_room("red")])
    record = json.loads(captions.captions_file.read_text())
    assert record["text"] == "a red room"
    captions.captions_file.write_text(json.dumps({**record, "text": "a room to dine in"}) + "\n")
    assert captions.texts([tiny_room("red")]) == ["a room to dine in"]
    assert json.loads((captions.captions_file.parent / "about.json").read_text())["model"] == "test_captions.brightest"


def test_nothing_is_cached_if_caching_is_off(monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", "off")
    captions = md.CaptionImages(brightest)
    assert captions.texts([tiny_room("red")] * 3) == ["a red room"] * 3
    captions.texts([tiny_room("red")])
    assert SEEN == [1, 1]
    assert captions.captions_file is None


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_images_are_captioned_in_batches(batch_size):
    images, colours = rooms(10)
    assert md.CaptionImages(brightest, batch_size=batch_size).texts(images) == [
        f"a {colour} room" for colour in colours
    ]
    assert max(SEEN) == min(batch_size, 10)
    assert sum(SEEN) == 10


def test_formats_and_folders_of_images(tmp_path):
    Image.fromarray(tiny_room("blue")).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    captions = md.CaptionImages(brightest)
    assert captions.texts(["a.png"], root=tmp_path) == ["a blue room"]
    captioned = captions.texts(
        [str(tmp_path / "a.png"), content, Image.open(tmp_path / "a.png"), tiny_room("blue") / 255]
    )
    assert captioned == ["a blue room"] * 4
    assert captions.texts(np.stack([tiny_room("red"), tiny_room("green")])) == ["a red room", "a green room"]


def test_unreadable_images_are_reported_once(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    rows = [tiny_room("red"), str(tmp_path / "bad.png"), str(tmp_path / "none.png")]
    with pytest.warns(BadImageWarning, match=r"2 of 3 images cannot be read[\s\S]*row 1[\s\S]*row 2.*no such file"):
        assert md.CaptionImages(brightest).texts(rows) == ["a red room", None, None]
    with pytest.raises(DataError, match=r"2 of 3 images cannot be used"):
        md.CaptionImages(brightest).texts(rows, on_bad_file="raise")
    with pytest.raises(DataError, match=r"row 0: an image must have shape"):
        md.CaptionImages(brightest).texts([np.zeros(3), tiny_room("red")])


@pytest.mark.parametrize("container", [list, np.array, pd.Series])
def test_existing_texts_are_unchanged(container):
    texts = container(["mine", None, " ", "", np.nan, "yours"])
    images = [tiny_room("red"), tiny_room("green"), tiny_room("blue"), None, tiny_room("green"), None]
    captioned = md.CaptionImages(brightest).fill(texts, images)
    assert captioned == ["mine", "a green room", "a blue room", None, "a green room", "yours"]
    assert sum(SEEN) == 2
    with pytest.raises(DataError, match="got 1 for 2 images"):
        md.CaptionImages(brightest).fill(["one"], images[:2])


@pytest.mark.parametrize("function", [lambda images: ["one"], lambda images: "words", lambda images: [1, 2]])
def test_a_function_must_return_one_text_per_image(function):
    with pytest.raises(DataError, match="one per image: 2 images, got"):
        md.CaptionImages(function).texts([tiny_room("red"), tiny_room("blue")])


def test_a_transformers_model_captions(tiny_writer):
    folder = tiny_writer("vision-encoder-decoder")
    captions = md.CaptionImages(folder, batch_size=2)
    images, colours = rooms(9)
    assert captions.texts(images) == [f"a {colour} room" for colour in colours]
    assert captions.captions_file != md.CaptionImages(folder, num_beams=2).captions_file
    assert md.CaptionImages(folder, prompt="a red").texts([tiny_room("red", 30)])[0].startswith("a red")


def test_cached_captions_are_used_without_the_model(tiny_writer, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_writer("vision-encoder-decoder"), tmp_path / "captioner")
    assert md.CaptionImages(folder).texts([tiny_room("blue")]) == ["a blue room"]
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=re.escape("does not contain model.safetensors")):
        md.CaptionImages(folder).texts([tiny_room("blue")])


def test_arguments_are_checked():
    with pytest.raises(ConfigError, match=r"3 errors[\s\S]*a folder that holds[\s\S]*max_length[\s\S]*num_beams"):
        md.CaptionImages(max_length=0, num_beams=True)
    photo, note = md.ImageInput(), md.TextInput()
    for inputs in ([note], [photo, photo], [photo, note, note], [md.ImageSetInput()]):
        with pytest.raises(GraphError, match="on one ImageInput, and optionally on one TextInput"):
            md.CaptionImages(brightest)(*inputs)


def searched(folder, inputs, outputs):
    return md.AutoModel(inputs, outputs, directory=folder / "search", max_trials=1, overwrite=True)


def test_a_text_input_computed_from_an_image_input(tmp_path):
    images, colours = rooms()
    photo = md.ImageInput(name="photo")
    caption = md.CaptionImages(brightest, name="caption")(photo)
    auto = searched(tmp_path, photo, md.ClassificationHead()(md.TextBlock(block_type="ngram")(caption)))
    auto.fit(images, colours, epochs=10, verbose=0)
    assert sum(SEEN) == len(images)
    assert auto.evaluate(images, colours, return_dict=True)["accuracy"] == 1.0
    model = md.load(auto.export_model().save(tmp_path / "model"))
    assert {source.input_name for source in model.sources} == {"caption"}
    new = [tiny_room("green", 77), None, tiny_room("blue", 66)]
    SEEN.clear()
    assert list(model.predict(new))[::2] == ["green", "blue"]
    assert sum(SEEN) == 2
    np.testing.assert_array_equal(model.predict_proba(new), auto.export_model().predict_proba(new))
    assert sum(SEEN) == 2


def test_missing_texts_are_filled_from_images(tmp_path):
    images, colours = rooms()
    texts = [f"a {colour} room" if row % 2 else None for row, colour in enumerate(colours)]
    photo, note = md.ImageInput(name="photo"), md.TextInput(name="note")
    filled = md.CaptionImages(brightest)(photo, note)
    pixels = md.ConvBlock(num_blocks=1, num_layers=1, filters=4)(photo)
    joined = md.Merge(merge_type="concatenate")([md.TextBlock(block_type="vanilla")(filled), pixels])
    auto = searched(tmp_path, [photo, note], md.ClassificationHead()(joined))
    auto.fit([images, texts], colours, epochs=2, verbose=0)
    assert sum(SEEN) == len(images) // 2
    SEEN.clear()
    model = auto.export_model()
    model.predict({"photo": None, "note": texts})
    model.predict({"photo": [tiny_room("red", 99)], "note": None})
    assert SEEN == [1]


def test_root_and_policy_of_the_image_input_are_used(tmp_path):
    images, colours = rooms(30)
    for row, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{row}.png")
    paths = [f"{row}.png" for row in range(30)]
    photo = md.ImageInput(root=tmp_path, on_bad_file="raise", name="photo")
    caption = md.CaptionImages(brightest, name="caption")(photo)
    auto = searched(tmp_path, photo, md.ClassificationHead()(md.TextBlock(block_type="ngram")(caption)))
    auto.fit(paths, colours, epochs=1, verbose=0)
    with pytest.raises(
        DataError, match=r"caption: 1 of 2 images cannot be used[\s\S]*row 1 \('31.png'\): no such file"
    ):
        auto.predict(["1.png", "31.png"])


def test_unreadable_images_of_all_splits_are_reported_once_with_the_callers_rows(tmp_path):
    images, colours = rooms(30)
    rows = [b"no image" if row in (3, 17, 28) else image for row, image in enumerate(images)]
    photo = md.ImageInput(name="photo")
    caption = md.CaptionImages(brightest, name="caption")(photo)
    auto = searched(tmp_path, photo, md.ClassificationHead()(md.TextBlock(block_type="ngram")(caption)))
    with pytest.warns(BadImageWarning) as warned:
        auto.fit(rows, colours, epochs=1, verbose=0)
    caught = [warning for warning in warned if warning.category is BadImageWarning]
    assert len(caught) == 1
    assert re.findall(r"row (\d+)", str(caught[0].message)) == ["3", "17", "28"]
    assert [report["row"] for report in auto.export_model().metadata["unreadable_rows"]["caption"]] == [3, 17, 28]


def test_a_saved_model_stores_the_name_of_the_captioner(tiny_writer, tmp_path):
    images, colours = rooms(24)
    folder = shutil.copytree(tiny_writer("vision-encoder-decoder"), tmp_path / "captioner")
    photo = md.ImageInput(name="photo")
    head = md.ClassificationHead()
    auto = searched(tmp_path, photo, head(md.TextBlock(block_type="ngram")(md.CaptionImages(folder)(photo))))
    auto.fit(images, colours, epochs=8, verbose=0)
    model = md.load(auto.export_model().save(tmp_path / "model"))
    assert list(model.predict([tiny_room("red", 55), tiny_room("green", 55)])) == ["red", "green"]
    (folder / "generation_config.json").write_text('{"decoder_start_token_id": 2, "length_penalty": 2.0}')
    with pytest.warns(md.MedleyWarning, match="has changed since this network was built"):
        model.predict([tiny_room("red", 55)])
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"caption_images_1: .*There is no folder"):
        model.predict([tiny_room("red", 56)])


def test_an_unregistered_function_cannot_be_saved(tmp_path):
    images, colours = rooms(24)
    photo = md.ImageInput(name="photo")
    caption = md.CaptionImages(lambda images: ["words"] * len(images))(photo)
    auto = searched(tmp_path, photo, md.ClassificationHead()(md.TextBlock()(caption)))
    with pytest.warns(md.MedleyWarning, match="kept in memory only"):
        auto.fit(images, colours, epochs=1, verbose=0)
    with pytest.raises(ArtifactError, match=r"it has no registered name.*@medley.extend.register"):
        auto.export_model().save(tmp_path / "model")


def test_repr_has_no_memory_addresses():
    assert re.fullmatch(
        r"CaptionImages\(model=test_captions.brightest#[0-9a-f]{8}, num_beams=3\)",
        repr(md.CaptionImages(brightest, num_beams=3)),
    )
