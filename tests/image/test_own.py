"""What tells functions from one another."""

import numpy as np

import medley as md
from medley.image import own


def named(body):
    """A function that was typed in, so that no file has its source."""
    names = {}
    exec(f"def fn(images):\n    return {body}\n", names)
    return names["fn"]


def test_a_function_s_source_counts():
    assert own.identity(named("1"), None) == own.identity(named("1"), None)
    assert own.identity(named("1"), None) != own.identity(named("2"), None)
    assert own.identity(named("[one for one in images]"), None) != own.identity(
        named("[one.x for one in images]"), None
    )
    assert own.identity(len, None) != own.identity(max, None)


def test_a_version_takes_the_place_of_the_source():
    assert own.identity(named("1"), 3) == own.identity(named("2"), 3) != own.identity(named("1"), 4)


def test_an_object_that_can_be_called_is_told_by_its_class():
    class Captioner:
        def __call__(self, images):
            return ["words"] * len(images)

    assert own.identity(Captioner(), None) == own.identity(Captioner(), None)
    assert own.told(Captioner()).endswith("Captioner")
    assert md.CaptionImages(Captioner()).texts(np.zeros((1, 3, 3))) == ["words"]
