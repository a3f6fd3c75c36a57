"""Models that write about images, and models that segment them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from medley.errors import ConfigError
from medley.nn.captioner import Captioner
from medley.nn.checkpoints import identity
from medley.nn.hub import find
from medley.nn.segmenter import Segmenter
from medley.testing.tiny_writers import tiny_room

ENCODER_DECODER = "vision-encoder-decoder"


def images(*colours):
    return [Image.fromarray(tiny_room(colour, 10)) for colour in colours]


@pytest.fixture(scope="module")
def captioner(tiny_writer):
    return Captioner(find(tiny_writer(ENCODER_DECODER)))


def test_it_writes_what_it_has_learnt(captioner):
    assert captioner(images("blue", "red", "green")) == ["a blue room", "a red room", "a green room"]


def test_a_text_is_no_longer_than_asked_for(captioner):
    assert captioner(images("blue", "red"), max_length=2) == ["a blue", "a red"]


def test_beams_and_prompts(captioner):
    assert captioner(images("blue", "green"), num_beams=3) == ["a blue room", "a green room"]
    assert all(text.startswith("one sentence") for text in captioner(images("blue", "green"), prompt="one sentence"))


def test_the_company_of_a_image_changes_nothing(captioner):
    together = captioner(images("red", "green", "blue", "red"))
    assert together == [captioner([one])[0] for one in images("red", "green", "blue", "red")]


@pytest.mark.parametrize("kind", ["blip", "git", "llava"])
def test_other_families_write_the_same_each_time(tiny_writer, kind):
    found = find(tiny_writer(kind))
    first = Captioner(found)(images("red", "blue"), max_length=4, prompt="a room")
    assert Captioner(found)(images("red", "blue"), max_length=4, prompt="a room") == first
    assert all(isinstance(text, str) for text in first)
    begins = [text.startswith("a room") for text in first]
    assert begins == [kind != "llava"] * 2  # what one chats with is asked; others go on from there


def test_a_model_that_writes_nothing_is_told(tiny_writer):
    with pytest.raises(ConfigError, match="cannot be read as an image-to-text model: Unrecognized configuration"):
        Captioner(find(tiny_writer("segformer")))
    with pytest.raises(ConfigError, match="cannot be read as a model of semantic segmentation"):
        Segmenter(find(tiny_writer(ENCODER_DECODER)))


def test_a_model_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"HF_HUB_OFFLINE is set.*give the folder"):
        find("somebody/captioner")


def test_identity_follows_the_files(tiny_writer, tmp_path):
    first = identity(find(tiny_writer(ENCODER_DECODER)))
    copy = shutil.copytree(tiny_writer(ENCODER_DECODER), tmp_path / "copy")
    assert identity(find(str(copy))) == first
    config = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps({**config, "length_penalty": 2.0}))
    assert identity(find(str(copy))) != first


def test_masks_have_the_size_of_their_images(tiny_writer):
    found = find(tiny_writer("segformer"))
    some = [Image.fromarray(tiny_room("red", 0, (12, 30))), Image.fromarray(tiny_room("blue"))]
    greys = Segmenter(found)(some)
    assert [one.shape for one in greys] == [(12, 30), (20, 24)]
    assert set(np.unique(np.concatenate([one.ravel() for one in greys]))) <= {0, 128, 255}
    for number, label in enumerate(["wall", "road", "sky"]):
        chosen = Segmenter(found, [label])(some)
        for mask, grey in zip(chosen, greys, strict=True):
            np.testing.assert_array_equal(mask == 255, grey == [0, 128, 255][number])
    np.testing.assert_array_equal(Segmenter(found, [1, "sky"])(some)[0] == 255, greys[0] != 0)


def test_a_class_that_does_not_exist_is_told(tiny_writer):
    with pytest.raises(ConfigError, match=r"no class 'raod'\. Did you mean 'road'"):
        Segmenter(find(tiny_writer("segformer")), ["raod"])


def test_what_a_model_needs_besides_images_is_told(tiny_writer, monkeypatch):
    captioner = Captioner(find(tiny_writer("git")))
    monkeypatch.setattr(captioner.model, "generate", lambda **_: {}["qformer_input_ids"])
    with pytest.raises(ConfigError, match=r"kind 'git' does not write about an image in this way: 'qformer"):
        captioner(images("red"))
