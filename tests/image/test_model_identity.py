"""Identities of functions."""

import numpy as np

import medley as md
from medley.image.model_identity import function_identity, function_name


def named(body):
    """A function that was typed in, so that no file has its source."""
    names = {}
    exec(f"def fn(images):\n    return {body}\n", names)
    return names["fn"]


def test_the_identity_depends_on_a_functions_source():
    assert function_identity(named("1"), None) == function_identity(named("1"), None)
    assert function_identity(named("1"), None) != function_identity(named("2"), None)
    assert function_identity(named("[one for one in images]"), None) != function_identity(
        named("[one.x for one in images]"), None
    )
    assert function_identity(len, None) != function_identity(max, None)


def test_a_version_replaces_the_source():
    assert function_identity(named("1"), 3) == function_identity(named("2"), 3) != function_identity(named("1"), 4)


def test_a_callable_object_is_identified_by_its_class():
    class Captioner:
        def __call__(self, images):
            return ["words"] * len(images)

    assert function_identity(Captioner(), None) == function_identity(Captioner(), None)
    assert function_name(Captioner()).endswith("Captioner")
    assert md.CaptionImages(Captioner()).texts(np.zeros((1, 3, 3))) == ["words"]
