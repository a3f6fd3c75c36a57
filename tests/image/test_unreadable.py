"""Unreadable images: each kind is found, reported with its row, and handled by the policy."""

import base64
import io
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from medley.core.config import from_json, to_json
from medley.errors import BadImageWarning, ConfigError, DataError, MedleyWarning
from medley.image.codec import ImageCodec
from medley.image.folder import image_dataset_from_directory
from medley.image.input import ImageInput

SIDE = 12


def colours(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def saved(array, kind="PNG", **options):
    buffer = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(buffer, kind, **options)
    return buffer.getvalue()


def huge_png(width, height):
    """A PNG file that says it is huge, and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def damaged(data):
    """The same file with noise in its middle."""
    middle = len(data) // 2
    return data[:middle] + b"\x00" * 40 + data[middle + 40 :]


GOOD = saved(colours())
BAD = {
    "zero bytes": (b"", "the file is empty"),
    "no image": (b"<html>not found</html>", "not an image of a known format"),
    "truncated png": (GOOD[: len(GOOD) // 2], ""),
    "truncated jpeg": (saved(colours(), "JPEG", quality=95)[:-150], "truncated"),
    "truncated gif": (saved(colours(), "GIF")[:-60], ""),
    "damaged png": (damaged(GOOD), ""),
    "header only": (GOOD[:20], ""),
    "damaged tiff": (b"II*\x00\xff\xff\xff\x7f", ""),
    "huge png": (huge_png(30_000, 30_000), "too many"),
    "large png": (huge_png(10_500, 10_500), "too many"),  # Pillow only warns of these
}


@pytest.fixture
def files(tmp_path):
    """A good file at row 0, all kinds of bad ones, one that is not there, a folder, and a good one again."""
    (tmp_path / "good.png").write_bytes(GOOD)
    for name, (data, _) in BAD.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    names = ["good.png", *BAD, "nowhere.png", "folder", "good.png"]
    return tmp_path, names


def test_every_kind_is_treated_as_missing_and_listed_in_one_warning(files):
    root, names = files
    codec = ImageInput(root=root).codec().fit(names)
    with pytest.warns(BadImageWarning) as caught:
        encoded = codec.encode(names)
    assert issubclass(BadImageWarning, MedleyWarning)
    np.testing.assert_array_equal(np.flatnonzero(encoded.present), [0, len(names) - 1])
    np.testing.assert_array_equal(encoded.array[0], colours().transpose(2, 0, 1))
    assert not encoded.array[1:-1].any()
    message = str(caught[0].message)
    assert len(caught) == 1
    assert message.startswith(f"{len(BAD) + 2} of {len(names)} images cannot be read and are treated as missing")
    assert "- row 1 ('zero bytes'): the file is empty" in message
    assert message.count("- row") == 10
    assert message.endswith("- and 2 more")


def test_the_codec_keeps_row_path_and_reason_of_unreadable_images(files):
    root, names = files
    codec = ImageInput(root=root).codec().fit(names)
    with pytest.warns(BadImageWarning):
        codec.encode(names)
    assert [unreadable.row for unreadable in codec.unreadable] == list(range(1, len(names) - 1))
    assert all(unreadable.place is None for unreadable in codec.unreadable)
    reasons = {unreadable.source: unreadable.reason for unreadable in codec.unreadable}
    for name, (_, reason) in BAD.items():
        assert reason in reasons[repr(name)], name
    assert all(reasons.values())
    assert reasons["'nowhere.png'"] == "no such file"
    codec.encode(["good.png"])
    assert codec.unreadable == []


def test_policy_raise_lists_all(files):
    root, names = files
    codec = ImageInput(root=root, on_bad_file="raise").codec()
    with pytest.raises(DataError, match=r"row 1 \('zero bytes'\)"):
        codec.fit(names)
    codec.fit(["good.png"])
    with pytest.raises(DataError, match=f"{len(BAD) + 2} of {len(names)} images cannot be used"):
        codec.encode(names)
    assert len(codec.unreadable) == len(BAD) + 2


def test_unreadable_rows_before_fit(files):
    root, names = files
    codec = ImageInput(root=root, on_bad_file="drop").codec()
    rows = codec.unreadable_rows([*names, None, ""])
    assert list(rows) == list(range(1, len(names) - 1))
    remaining = [name for row, name in enumerate(names) if row not in rows]
    assert codec.fit(remaining).encode(remaining).present.all()
    assert codec.unreadable_rows(np.zeros((3, 4, 4))) == {}


def test_no_readable_image_is_an_error_with_reasons():
    with pytest.raises(DataError, match=r"None of the image files exists.*:\n- row 0 \('gone.png'\): no such file"):
        ImageCodec().fit(["gone.png", None])


def test_errors_of_the_caller_are_raised_under_every_policy():
    codec = ImageCodec().fit(np.zeros((4, 5, 5, 7), np.uint8))
    with pytest.raises(DataError, match="row 0: it has 3 channels"):
        codec.encode([colours()])
    with pytest.raises(DataError, match=r"row 0: it has 3.*\n- row 1 \('gone.png'\): no such file"):
        codec.encode([colours(), "gone.png"])


@pytest.mark.parametrize("on_bad_file", ["warn", "drop", "raise"])
def test_unusual_images_that_are_readable(tmp_path, on_bad_file):
    x = Image.fromarray(colours())
    frames = [Image.fromarray(colours(seed)) for seed in (1, 2)]
    grey = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 400
    made = {
        "cmyk.jpg": saved(x.convert("CMYK"), "JPEG", quality=100),
        "cmyk.tif": saved(x.convert("CMYK"), "TIFF"),
        "lab.tif": saved(Image.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8), "LAB"), "TIFF"),
        "palette.png": saved(x.convert("P", palette=Image.Palette.ADAPTIVE)),
        "bits.png": saved(x.convert("1")),
        "alpha.png": saved(x.convert("RGBA")),
        "animated.gif": saved(x, "GIF", save_all=True, append_images=frames),
        "animated.png": saved(x, "PNG", save_all=True, append_images=frames),
        "animated.webp": saved(x, "WEBP", lossless=True, save_all=True, append_images=frames),
        "pages.tif": saved(x, "TIFF", save_all=True, append_images=frames),
        "deep.png": saved(grey),
        "progressive.jpg": saved(x, "JPEG", progressive=True),
        "one pixel.bmp": saved(np.zeros((1, 1, 3), np.uint8), "BMP"),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    codec = ImageCodec(on_bad_file=on_bad_file, root=str(tmp_path)).fit(list(made))
    assert str(codec.spec) == f"(C=3 H={SIDE} W={SIDE} uint8)"
    encoded = codec.encode(list(made))
    assert encoded.present.all()
    by_name = dict(zip(made, encoded.array, strict=True))
    expected = colours().transpose(2, 0, 1)
    for name in ("animated.png", "animated.webp", "pages.tif", "alpha.png"):
        np.testing.assert_array_equal(by_name[name], expected, err_msg=name)
    assert abs(by_name["cmyk.tif"].astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(by_name["deep.png"][1], grey >> 8)
    assert codec.unreadable_rows(list(made)) == {}


def test_huge_jpegs_are_decoded_at_reduced_size(monkeypatch):
    across = np.broadcast_to(np.linspace(0, 255, 640)[None, :, None], (480, 640, 3)).astype(np.uint8)
    data = saved(across, "JPEG", quality=95)
    png = saved(across)
    exact = ImageCodec(size=(12, 16)).fit([data]).encode([data]).array
    # Pillow warns above its limit and refuses above twice that; ours is of what is decoded.
    for limit in (200_000, 20_000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        codec = ImageCodec(size=(12, 16), max_pixels=50_000).fit([data, png])
        with pytest.warns(BadImageWarning, match="too many") as caught:
            encoded = codec.encode([data, png])
        assert len(caught) == 1
        assert encoded.present.tolist() == [True, False]
        np.testing.assert_array_equal(encoded.array[0], exact[0])
    codec = ImageCodec(size=(300, 300), max_pixels=50_000).fit([data])
    with pytest.warns(BadImageWarning, match="640 x 480 pixels are too many"):
        codec.encode([data])


def test_warnings_of_pillow_are_suppressed(tmp_path):
    transparent = Image.fromarray(colours()).convert("P")
    transparent.save(tmp_path / "palette.png", transparency=bytes(range(256)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ImageCodec(root=str(tmp_path)).fit(["palette.png"]).encode(["palette.png"])
    assert caught == []


FORMS = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 in lines": lambda data: base64.encodebytes(data).decode(),
    "data uri": lambda data: "data:image/png;base64," + base64.b64encode(data).decode(),
    "bytearray": bytearray,
    "memoryview": memoryview,
    "arrow struct": lambda data: {"bytes": data, "path": "a.png"},
}


@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
def test_files_in_memory(name, kind):
    data = saved(colours(), kind)
    expected = ImageCodec().fit([data]).encode([data]).array
    row = FORMS[name](data)
    encoded = ImageCodec().fit([row]).encode([row, None, b"", " ", {"bytes": None, "path": None}])
    assert encoded.present.tolist() == [True, False, False, False, False]
    np.testing.assert_array_equal(encoded.array[:1], expected)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("data:image/png;base64,a-b", r"row 0 \(base64\): invalid base64"),
        ("iVBORw0KGgo" + "!" * 80, r"row 0 \(base64\): invalid base64"),
        (b"no image", r"row 0 \(bytes\): not an image"),
        ("https://example.org/a.png", "not downloaded"),
        ("a\0b.png", "null"),
        ("x" * 5000, r"row 0 \('\.\.\.x{120}'\): file name too long"),
    ],
)
def test_unreadable_strings_and_bytes(row, message):
    codec = ImageCodec().fit([GOOD])
    with pytest.warns(BadImageWarning, match=message):
        assert not codec.encode([row]).present.any()


def test_a_pillow_image_that_fails_to_load(tmp_path):
    (tmp_path / "half.png").write_bytes(GOOD[: len(GOOD) // 2])
    with Image.open(tmp_path / "half.png") as half, pytest.warns(BadImageWarning, match="row 1: "):
        assert ImageCodec().fit([GOOD]).encode([GOOD, half]).present.tolist() == [True, False]


def test_a_float_image_among_bytes_causes_a_warning():
    out_of_range = saved(Image.fromarray(np.full((4, 4), 1e6, np.float32)), "TIFF")
    with pytest.warns(BadImageWarning, match="its pixels range from 1e"):
        assert ImageCodec().fit([GOOD]).encode([GOOD, out_of_range]).present.tolist() == [True, False]


def test_relative_paths_are_resolved_against_root(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(GOOD)
    absolute = str(tmp_path / "a" / "x.png")
    block = ImageInput(root=tmp_path / "a")
    assert ImageInput.codec(from_json(to_json(block))).root == str(tmp_path / "a")
    codec = block.codec().fit(["x.png"])
    assert codec.encode(["x.png", absolute, " x.png "]).present.all()
    monkeypatch.chdir(tmp_path)
    assert ImageInput().codec().fit(["a/x.png"]).spec.width == 3


def test_all_invalid_settings_are_reported_at_once():
    with pytest.raises(ConfigError, match=re.compile("3 errors.*size must.*root must.*Did you mean 'raise'", re.S)):
        ImageInput(size=0, root=3, on_bad_file="rais")


def test_unreadable_files_in_a_folder_of_classes_are_errors(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        image_dataset_from_directory(tmp_path, image_size=(4, 4))


def test_the_warning_points_at_the_callers_line(tmp_path):
    codec = ImageCodec().fit([colours()])
    with pytest.warns(BadImageWarning) as caught:
        codec.encode([str(tmp_path / "none.png")])
    assert caught[0].filename == __file__
