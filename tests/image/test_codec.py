"""ImageCodec: the same array for every container, and error messages."""

import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from medley.errors import DataError, NotFittedError
from medley.image.codec import ImageCodec
from medley.image.input import ImageInput

BYTES = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7), st.sampled_from([1, 3])),
)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    image(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def objects(rows: list) -> np.ndarray:
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "objects": lambda x: objects(list(x)),
    "tensor": torch.from_numpy,
    "tensors": lambda x: [torch.from_numpy(item) for item in x],
    "wide integers": lambda x: x.astype(np.int64),
    "nested lists": lambda x: x.tolist(),
    "images": lambda x: [image(item) for item in x],
    "bytes of files": lambda x: [png(item) for item in x],
}


@given(BYTES, st.sampled_from(sorted(CONTAINERS)))
def test_every_container_gives_the_same_array(x, name):
    expected = x.transpose(0, 3, 1, 2)
    values = CONTAINERS[name](x)
    codec = ImageCodec().fit(values)
    encoded = codec.encode(values)
    assert encoded.array.dtype == np.uint8
    np.testing.assert_array_equal(encoded.array, expected)
    assert encoded.present.all()
    # Whatever the training rows came in, rows to predict may come in anything else.
    np.testing.assert_array_equal(ImageCodec().fit(x).encode(values).array, expected)
    np.testing.assert_array_equal(codec.encode(x).array, expected)


@given(BYTES, st.data())
def test_missing_rows_are_absent_and_do_not_affect_others(x, data):
    missing = data.draw(hnp.arrays(bool, len(x)))
    nothing = data.draw(st.sampled_from([None, float("nan"), np.nan, "", np.full((2, 2), np.nan)]))
    rows = [nothing if lost else item for item, lost in zip(x, missing, strict=True)]
    codec = ImageCodec().fit(x)
    encoded = codec.encode(rows)
    np.testing.assert_array_equal(encoded.present, ~missing)
    np.testing.assert_array_equal(encoded.array[~missing], codec.encode(x).array[~missing])
    assert not encoded.array[missing].any()
    if not missing.all():
        assert ImageCodec().fit(rows).state() == codec.state()


@given(BYTES, st.sampled_from(["uint8", "bool", "uint16", "unit", "raw"]))
def test_state_restores_through_json(x, kind):
    values = {
        "uint8": x,
        "bool": x > 100,
        "uint16": x.astype(np.uint16) * 257,
        "unit": x / 255,
        "raw": x.astype(np.float32) - 300,
    }[kind]
    codec = ImageCodec().fit(values)
    twin = ImageCodec().restore(json.loads(json.dumps(codec.state())))
    assert twin.spec == codec.spec
    encoded, roundtrip = codec.encode(values), twin.encode(values)
    np.testing.assert_array_equal(encoded.array, roundtrip.array)
    assert encoded.array.dtype == codec.spec.dtype == roundtrip.array.dtype
    assert encoded.array.shape == (len(x), *codec.spec.shape)


def test_grey_and_many_channels():
    assert str(ImageCodec().fit(np.zeros((3, 8, 8), np.uint8)).spec) == "(C=1 H=8 W=8 uint8)"
    assert str(ImageCodec().fit(np.zeros((3, 8, 9, 7))).spec) == "(C=7 H=8 W=9)"


def test_floats_are_unchanged_and_nan_pixels_become_zero():
    x = np.random.default_rng(0).normal(size=(4, 5, 5, 2)).astype(np.float32)
    x[1] = np.nan
    x[2, 0, 0, 0] = np.nan
    x[3, 1, 1, 1] = np.inf
    encoded = ImageCodec().fit(x).encode(x)
    np.testing.assert_array_equal(encoded.present, [True, False, True, True])
    expected = np.where(np.isfinite(x), x, 0).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(encoded.array, expected)
    np.testing.assert_array_equal(ImageCodec().fit(x).encode(list(x)).array, expected)
    assert np.isnan(x[1]).all(), "the caller's rows were written to"


def test_encoded_rows_are_copies():
    x = np.ones((3, 4, 4), np.uint8)
    encoded = ImageCodec().fit(x).encode(x)
    x[:] = 9
    assert (encoded.array == 1).all()


def test_one_row_no_row_and_black_images():
    black = np.zeros((1, 6, 6, 3), np.uint8)
    codec = ImageCodec().fit(black)
    encoded = codec.encode(black)
    assert encoded.present.all()
    assert encoded.array.shape == (1, 3, 6, 6)
    assert codec.encode(black[:0]).array.shape == codec.encode([]).array.shape == (0, 3, 6, 6)


def test_booleans_are_black_and_white():
    x = np.eye(4, dtype=bool)[None]
    assert set(np.unique(ImageCodec().fit(x).encode(x).array)) == {0, 255}


def test_sixteen_bits_are_scaled_to_the_unit_interval(tmp_path):
    x = np.linspace(0, 65535, 12).astype(np.uint16).reshape(1, 3, 4)
    codec = ImageCodec().fit(x)
    np.testing.assert_allclose(codec.encode(x).array[0, 0], x[0] / 65535, atol=1e-6)
    Image.fromarray(x[0]).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(codec.encode([tmp_path / "deep.png"]).array, codec.encode(x).array)
    np.testing.assert_allclose(codec.encode(x.astype(np.uint8) * 0 + 255).array, 1)


def test_bytes_are_scaled_for_a_codec_of_floats():
    x = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3)).astype(np.uint8)
    np.testing.assert_allclose(ImageCodec().fit(x / 255).encode(x).array, x.transpose(0, 3, 1, 2) / 255, atol=1e-6)
    raw = x.astype(float)
    np.testing.assert_array_equal(ImageCodec().fit(raw).encode(x).array, x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(ImageCodec().fit(x).encode(raw).array, x.transpose(0, 3, 1, 2))


def test_fractions_are_not_accepted_as_bytes():
    x = np.random.default_rng(0).integers(0, 256, (6, 4, 4)).astype(np.uint8)
    with pytest.raises(DataError, match=r"row 0: its pixels range from .* those of the training images from 0 to 255"):
        ImageCodec().fit(x).encode(x / 255)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(9, 7), (9, 7)], (9, 7)),
        ([(10, 20), (30, 20), (50, 20)], (30, 20)),
        ([(500, 500)], (500, 500)),
        ([(448, 448), (448, 224), (448, 448)], (224, 224)),
        ([(1000, 2000)], (112, 224)),
    ],
)
def test_size_is_learned(sizes, expected):
    codec = ImageCodec().fit([np.zeros(size, np.uint8) for size in sizes])
    assert codec.spec.shape == (1, *expected)


def test_a_fixed_size_has_precedence_and_others_are_resized():
    x = np.full((3, 8, 8, 3), 77, np.uint8)
    codec = ImageInput(size=(4, 6)).codec().fit(x)
    encoded = codec.encode([x[0], x[1, :2, :2], np.full((20, 1, 3), 77, np.uint8)])
    assert encoded.array.shape == (3, 3, 4, 6)
    assert (encoded.array == 77).all()


def test_resizing_of_floats_channels_and_bytes_agrees():
    x = np.random.default_rng(0).integers(0, 256, (2, 12, 10, 5)).astype(np.uint8)
    floats = ImageCodec(size=(5, 6)).fit(x.astype(np.float32)).encode(x.astype(np.float32)).array
    as_bytes = ImageCodec(size=(5, 6)).fit(x).encode(x).array
    np.testing.assert_allclose(as_bytes, floats, atol=1.01)


def test_grey_and_colour_are_converted():
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (3, 6, 6, 3)).astype(np.uint8)
    grey = colour[..., :1]
    to_grey = ImageCodec().fit(grey).encode(colour).array
    luminance = np.stack([np.asarray(Image.fromarray(item).convert("L")) for item in colour])
    np.testing.assert_array_equal(to_grey[:, 0], luminance)
    to_colour = ImageCodec().fit(colour).encode(grey).array
    np.testing.assert_array_equal(to_colour, np.repeat(grey.transpose(0, 3, 1, 2), 3, axis=1))
    with_alpha = np.concatenate([colour, grey], axis=3)
    np.testing.assert_array_equal(ImageCodec().fit(colour).encode(with_alpha).array, colour.transpose(0, 3, 1, 2))
    assert ImageCodec().fit(with_alpha).spec.width == 4
    assert ImageCodec().fit([*colour, *grey, *with_alpha]).spec.width == 3


def test_transparency_of_images_is_dropped(tmp_path):
    rgba = np.random.default_rng(0).integers(0, 256, (6, 6, 4)).astype(np.uint8)
    palette = Image.fromarray(rgba[..., :3]).convert("P")
    palette.info["transparency"] = bytes([0] * 256)
    palette.save(tmp_path / "palette.png")
    rows = [Image.fromarray(rgba), tmp_path / "palette.png", Image.fromarray(rgba).convert("LA")]
    codec = ImageCodec().fit(rows)
    assert codec.spec.width == 3
    np.testing.assert_array_equal(codec.encode(rows).array[0], rgba[..., :3].transpose(2, 0, 1))


def test_inconvertible_channels_are_reported_by_row():
    codec = ImageCodec().fit(np.zeros((4, 5, 5, 7), np.uint8))
    rows = [np.zeros((5, 5, 7), np.uint8), None, np.zeros((5, 5, 3), np.uint8), np.zeros((5, 5), np.uint8)]
    with pytest.raises(DataError, match="row 2: it has 3 channels, and the training images have 7\n- row 3"):
        codec.encode(rows)
    with pytest.raises(DataError, match="one number of channels"):
        ImageCodec().fit([np.zeros((5, 5, 3)), np.zeros((5, 5, 7))])


@pytest.mark.parametrize("name", ["turned.png", "turned.tiff"])
def test_orientation_of_photographs(tmp_path, name):
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is on the right
    Image.fromarray(x).save(tmp_path / name, exif=exif)
    codec = ImageCodec().fit([tmp_path / name])
    assert codec.spec.shape == (3, 6, 4)
    upright = np.rot90(x, -1).transpose(2, 0, 1)
    np.testing.assert_array_equal(codec.encode([str(tmp_path / name)]).array[0], upright)
    np.testing.assert_array_equal(codec.encode([Image.open(tmp_path / name)]).array[0], upright)


def test_large_photographs_are_decoded_at_reduced_size(tmp_path):
    across = np.broadcast_to(np.linspace(0, 255, 640)[None, :, None], (480, 640, 3)).astype(np.uint8)
    Image.fromarray(across).save(tmp_path / "large.jpg", quality=95)
    codec = ImageCodec(size=(12, 16)).fit([tmp_path / "large.jpg"])
    small = codec.encode([tmp_path / "large.jpg"]).array[0].astype(int)
    exact = codec.encode([Image.open(tmp_path / "large.jpg")]).array[0].astype(int)
    assert abs(small - exact).max() <= 4


def test_all_unreadable_files_are_reported_at_once(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2 + 8])
    codec = ImageCodec(on_bad_file="raise").fit([tmp_path / "good.png", None])
    rows = [tmp_path / name for name in ("good.png", "bad.png", "half.png")] + [f"gone{i}.png" for i in range(12)]
    with pytest.raises(DataError) as caught:
        codec.encode(rows)
    message = str(caught.value)
    assert message.startswith("14 of 15 images cannot be used.")
    assert "bad.png'): not an image of a known format" in message
    assert "row 2 (" in message
    assert "- row 3 ('gone0.png'): no such file" in message
    assert message.endswith("- and 4 more")
    assert message.count("- row") == 10
    assert len(codec.unreadable) == 14
    with pytest.raises(DataError, match=r"row 1 .*not an image of a known format"):
        ImageCodec(on_bad_file="raise").fit(rows)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((5, 20)), "shape .rows, height, width."),
        (np.zeros((5, 2, 3, 4, 1)), "shape .rows, height, width."),
        (np.zeros((5, 0, 3)), "shape .rows, height, width."),
        ("a.png", "got one str: 'a.png'"),
        (3, "got one int"),
        ([np.zeros(5), np.zeros((4, 4))], "row 0: an image must have shape"),
        ([{"a": 1}], "row 0: an image must be an array of numbers"),
        ([[[1, 2], [3]]], "row 0: "),
        ([None, float("nan")], "all are missing"),
        (np.full((3, 4, 4), np.nan), "all are missing"),
        ([], "all are missing"),
        (np.zeros((5, 3, 32, 32)), "np.moveaxis"),
    ],
)
def test_values_that_are_not_images_are_errors(values, message):
    with pytest.raises(DataError, match=message):
        ImageCodec().fit(values)


def test_one_image_without_a_row_axis_is_an_error():
    codec = ImageCodec().fit(np.zeros((5, 8, 8, 3), np.uint8))
    with pytest.raises(DataError, match=r"x\[None\]"):
        codec.encode(np.zeros((8, 8, 3), np.uint8))


def test_use_before_fit():
    with pytest.raises(NotFittedError):
        _ = ImageCodec().spec


def test_a_column_of_paths_in_a_frame(tmp_path):
    pandas = pytest.importorskip("pandas")
    Image.fromarray(np.full((4, 4), 5, np.uint8)).save(tmp_path / "a.png")
    column = pandas.Series([str(tmp_path / "a.png"), None], index=[7, 9])
    for values in (column, column.to_frame(), np.array(column, dtype=object)):
        encoded = ImageCodec().fit(values).encode(values)
        np.testing.assert_array_equal(encoded.present, [True, False])
        assert (encoded.array[0] == 5).all()


def test_one_grey_image_with_a_channel_axis_is_not_read_as_rows():
    codec = ImageCodec().fit(np.zeros((3, 8, 8, 1), np.uint8))
    with pytest.raises(DataError, match=r"got one image of shape \(8, 8, 1\)"):
        codec.encode(np.zeros((8, 8, 1), np.uint8))
