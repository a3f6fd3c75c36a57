"""Images by their content: which are the same, what they look like, how far the work is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medley.errors import DataError
from medley.image import distinct
from medley.image.distinct import Distinct, decoded, progress


def room(value=7, shape=(6, 4, 3)):
    return np.full(shape, value, np.uint8)


def test_images_are_the_same_where_their_content_is(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(room()).save(tmp_path / name)
    Image.fromarray(room(8)).save(tmp_path / "c.png")
    rows = ["a.png", "b.png", (tmp_path / "a.png").read_bytes(), None, "c.png", room(), room().copy(), ""]
    found = Distinct.of(rows, str(tmp_path))
    assert found.keys[3] is found.keys[7] is None
    assert found.keys[0] == found.keys[1] == found.keys[2]
    assert found.keys[5] == found.keys[6]
    assert len(set(found.keys)) == 4  # two files, one array, none
    assert list(found.first.values()) == [0, 4, 5]


def test_batches_leave_out_what_cannot_be_read():
    found = Distinct.of([room(1), b"no image", room(2), room(3)])
    seen = [
        (keys, [one.getpixel((0, 0)) for one in images]) for keys, images in found.batches(list(found.first), 2, "")
    ]
    assert [pixels for _, pixels in seen] == [[(1, 1, 1)], [(2, 2, 2), (3, 3, 3)]]
    assert found.found.bad == {1: "not an image of a known format"}
    with pytest.raises(DataError, match=r"1 of 4 images cannot be used"):
        found.close("raise")


@given(st.integers(0, 255), st.sampled_from(["array", "grey", "unit", "deep", "alpha", "pillow", "L"]))
def test_a_brightness_is_the_same_in_every_form(value, form):
    forms = {
        "array": room(value),
        "grey": room(value, (6, 4)),
        "unit": room(value) / 255,
        "deep": room(value, (6, 4)).astype(np.uint16) * 257,
        "alpha": room(value, (6, 4, 4)),
        "pillow": Image.fromarray(room(value)),
        "L": Image.fromarray(room(value, (6, 4))),
    }
    image = decoded(forms[form])
    assert (image.mode, image.size) == ("RGB", (4, 6))
    assert image.getpixel((3, 5)) == (value, value, value)


@pytest.mark.parametrize("wrong", [np.full((4, 4), -3.0), np.full((4, 4), 300.0), np.zeros((4, 4, 7))])
def test_what_is_no_brightness_is_told(wrong):
    with pytest.raises(DataError, match="image"):
        decoded(wrong)


def test_progress_is_told_now_and_then(monkeypatch, capsys):
    with progress("captions", 100) as advance:
        advance(60)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(distinct, "_QUIET", -1.0)
    with progress("captions", 2000) as advance:
        advance(1500)
    assert capsys.readouterr().err == "captions: 1,500 of 2,000\n"


def test_progress_is_a_bar_on_a_terminal(monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("captions", 4) as advance:
        advance(3)
    assert "captions" in capsys.readouterr().err


def test_a_bar_within_a_bar(monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("outer", 4) as outer, progress("inner", 4) as inner:
        outer(1)
        inner(1)
