"""DistinctImages: keys, batches, progress."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medley.errors import DataError
from medley.image import distinct
from medley.image.distinct import DistinctImages, decode, progress


def room(value=7, shape=(6, 4, 3)):
    return np.full(shape, value, np.uint8)


def test_images_with_equal_content_have_equal_keys(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(room()).save(tmp_path / name)
    Image.fromarray(room(8)).save(tmp_path / "c.png")
    rows = ["a.png", "b.png", (tmp_path / "a.png").read_bytes(), None, "c.png", room(), room().copy(), ""]
    distinct_images = DistinctImages.of(rows, str(tmp_path))
    assert distinct_images.keys[3] is distinct_images.keys[7] is None
    assert distinct_images.keys[0] == distinct_images.keys[1] == distinct_images.keys[2]
    assert distinct_images.keys[5] == distinct_images.keys[6]
    assert len(set(distinct_images.keys)) == 4  # two files, one array, none
    assert list(distinct_images.first.values()) == [0, 4, 5]


def test_batches_skip_unreadable_images():
    distinct_images = DistinctImages.of([room(1), b"no image", room(2), room(3)])
    batches = [
        (keys, [image.getpixel((0, 0)) for image in images])
        for keys, images in distinct_images.batches(list(distinct_images.first), 2, "")
    ]
    assert [pixels for _, pixels in batches] == [[(1, 1, 1)], [(2, 2, 2), (3, 3, 3)]]
    assert distinct_images.problems.unreadable == {1: "not an image of a known format"}
    with pytest.raises(DataError, match=r"1 of 4 images cannot be used"):
        distinct_images.close("raise")


@given(st.integers(0, 255), st.sampled_from(["array", "grey", "unit", "deep", "alpha", "pillow", "L"]))
def test_brightness_is_the_same_in_every_format(value, form):
    forms = {
        "array": room(value),
        "grey": room(value, (6, 4)),
        "unit": room(value) / 255,
        "deep": room(value, (6, 4)).astype(np.uint16) * 257,
        "alpha": room(value, (6, 4, 4)),
        "pillow": Image.fromarray(room(value)),
        "L": Image.fromarray(room(value, (6, 4))),
    }
    image = decode(forms[form])
    assert (image.mode, image.size) == ("RGB", (4, 6))
    assert image.getpixel((3, 5)) == (value, value, value)


@pytest.mark.parametrize("pixels", [np.full((4, 4), -3.0), np.full((4, 4), 300.0), np.zeros((4, 4, 7))])
def test_values_out_of_range_are_errors(pixels):
    with pytest.raises(DataError, match=r"image|pixels"):
        decode(pixels)


def test_progress_is_printed_at_intervals(monkeypatch, capsys):
    with progress("captions", 100) as advance:
        advance(60)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(distinct, "_SECONDS_BETWEEN_LINES", -1.0)
    with progress("captions", 2000) as advance:
        advance(1500)
    assert capsys.readouterr().err == "captions: 1,500 of 2,000\n"


def test_progress_is_a_bar_on_a_terminal(monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("captions", 4) as advance:
        advance(3)
    assert "captions" in capsys.readouterr().err


def test_no_progress_bar_inside_another(monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("outer", 4) as outer, progress("inner", 4) as inner:
        outer(1)
        inner(1)
