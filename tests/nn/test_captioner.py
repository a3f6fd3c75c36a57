"""Image-to-text models and segmentation models."""

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


def test_captions_are_those_of_the_training_data(captioner):
    assert captioner(images("blue", "red", "green")) == ["a blue room", "a red room", "a green room"]


def test_max_length_limits_the_caption(captioner):
    assert captioner(images("blue", "red"), max_length=2) == ["a blue", "a red"]


def test_beams_and_prompts(captioner):
    assert captioner(images("blue", "green"), num_beams=3) == ["a blue room", "a green room"]
    assert all(text.startswith("one sentence") for text in captioner(images("blue", "green"), prompt="one sentence"))


def test_captions_do_not_depend_on_the_batch(captioner):
    together = captioner(images("red", "green", "blue", "red"))
    assert together == [captioner([image])[0] for image in images("red", "green", "blue", "red")]


@pytest.mark.parametrize("kind", ["blip", "git", "llava"])
def test_other_model_types_are_deterministic(tiny_writer, kind):
    files = find(tiny_writer(kind))
    first = Captioner(files)(images("red", "blue"), max_length=4, prompt="a room")
    assert Captioner(files)(images("red", "blue"), max_length=4, prompt="a room") == first
    assert all(isinstance(text, str) for text in first)
    starts_with_prompt = [text.startswith("a room") for text in first]
    assert starts_with_prompt == [kind != "llava"] * 2  # a chat model answers the prompt; others continue it


def test_a_model_of_another_type_is_an_error(tiny_writer):
    with pytest.raises(ConfigError, match="cannot be read as an image-to-text model: Unrecognized configuration"):
        Captioner(find(tiny_writer("segformer")))
    with pytest.raises(ConfigError, match="cannot be read as a semantic segmentation model"):
        Segmenter(find(tiny_writer(ENCODER_DECODER)))


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"HF_HUB_OFFLINE is set.*pass the folder"):
        find("somebody/captioner")


def test_identity_depends_on_the_files(tiny_writer, tmp_path):
    first = identity(find(tiny_writer(ENCODER_DECODER)))
    copy = shutil.copytree(tiny_writer(ENCODER_DECODER), tmp_path / "copy")
    assert identity(find(str(copy))) == first
    config = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps({**config, "length_penalty": 2.0}))
    assert identity(find(str(copy))) != first


def test_masks_have_the_size_of_their_images(tiny_writer):
    files = find(tiny_writer("segformer"))
    rooms = [Image.fromarray(tiny_room("red", 0, (12, 30))), Image.fromarray(tiny_room("blue"))]
    segmented = Segmenter(files)(rooms)
    assert [image.shape for image in segmented] == [(12, 30), (20, 24)]
    assert set(np.unique(np.concatenate([image.ravel() for image in segmented]))) <= {0, 128, 255}
    for index, label in enumerate(["wall", "road", "sky"]):
        masks = Segmenter(files, [label])(rooms)
        for mask, image in zip(masks, segmented, strict=True):
            np.testing.assert_array_equal(mask == 255, image == [0, 128, 255][index])
    np.testing.assert_array_equal(Segmenter(files, [1, "sky"])(rooms)[0] == 255, segmented[0] != 0)


def test_an_unknown_class_is_an_error(tiny_writer):
    with pytest.raises(ConfigError, match=r"no class 'raod'\. Did you mean 'road'"):
        Segmenter(find(tiny_writer("segformer")), ["raod"])


def test_a_model_that_needs_other_inputs_is_an_error(tiny_writer, monkeypatch):
    captioner = Captioner(find(tiny_writer("git")))
    monkeypatch.setattr(captioner.model, "generate", lambda **_: {}["qformer_input_ids"])
    with pytest.raises(ConfigError, match=r"type 'git' cannot caption images in this way: 'qformer"):
        captioner(images("red"))
