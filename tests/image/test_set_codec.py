"""ImageSetCodec: the same array for every container, empty positions, named columns."""

import base64
import io
import json
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from medley.errors import BadImageWarning, ConfigError, DataError, NotFittedError
from medley.image.input import ImageInput
from medley.image.set_codec import DECODE_BATCH_SIZE, ImageSetCodec
from medley.image.set_input import ImageSetInput
from medley.image.set_rows import images_of, read_sets
from medley.testing import check_block

ROWS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 3), st.just(4), st.just(5), st.just(3)))


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def expected(x):
    """What a codec makes of (B, S, H, W, C): channels first, and no image that is nothing but zeros."""
    array = np.moveaxis(x, -1, 2).copy()
    array[~array.any((2, 3, 4)), 0, 0, 0] = 1
    return array


def objects(rows):
    array = np.empty((len(rows), len(rows[0])), object)
    for row, images in enumerate(rows):
        for place, image in enumerate(images):
            array[row, place] = image
    return array


CONTAINERS = {
    "array": lambda x: x,
    "tensor": torch.from_numpy,
    "arrays": list,
    "lists of arrays": lambda x: [list(row) for row in x],
    "tuples of bytes": lambda x: [tuple(png(image) for image in row) for row in x],
    "images": lambda x: [[Image.fromarray(image) for image in row] for row in x],
    "objects": lambda x: objects([[png(image) for image in row] for row in x]),
    "columns": lambda x: {f"c{place}": [png(row[place]) for row in x] for place in range(x.shape[1])},
    "base64": lambda x: [[base64.b64encode(png(image)).decode() for image in row] for row in x],
    "joined data": lambda x: [
        ";".join("data:image/png;base64," + base64.b64encode(png(image)).decode() for image in row) for row in x
    ],
}


@given(ROWS, st.sampled_from(sorted(CONTAINERS)), st.booleans())
def test_every_container_gives_the_same_array(x, name, positions):
    values = CONTAINERS[name](x)
    codec = ImageSetCodec(positions=positions).fit(values)
    encoded = codec.encode(values)
    assert encoded.array.dtype == np.uint8
    assert codec.spec.axes == "SCHW"
    assert encoded.array.shape == (len(x), *codec.spec.shape)
    np.testing.assert_array_equal(encoded.array, expected(x))
    assert encoded.present.all()


@given(ROWS, st.data(), st.sampled_from([None, float("nan"), "", b"", np.full((2, 2), np.nan)]))
def test_missing_images_are_zeros_and_do_not_affect_others(x, data, nothing):
    missing = data.draw(hnp.arrays(bool, x.shape[:2]))
    rows = [
        [nothing if lost else image for image, lost in zip(*pair, strict=True)] for pair in zip(x, missing, strict=True)
    ]
    codec = ImageSetCodec(positions=True).fit(x)
    encoded = codec.encode(rows)
    np.testing.assert_array_equal(encoded.present, ~missing.all(1))
    np.testing.assert_array_equal(encoded.array, expected(x) * ~missing[:, :, None, None, None])
    # The mask can be read off the array, black images included.
    np.testing.assert_array_equal(encoded.array.any((2, 3, 4)), ~missing)
    close = ImageSetCodec().fit(x).encode(rows)
    for row, lost in enumerate(missing):
        images = expected(x)[row, ~lost]
        np.testing.assert_array_equal(close.array[row, : len(images)], images)
        assert not close.array[row, len(images) :].any()


@given(ROWS, st.sampled_from(["uint8", "unit", "raw"]), st.booleans())
def test_state_restores_through_json(x, kind, positions):
    values = {"uint8": x, "unit": x / 255, "raw": x.astype(np.float32) - 300}[kind]
    codec = ImageSetCodec(positions=positions).fit(values)
    twin = ImageSetCodec().restore(json.loads(json.dumps(codec.state())))
    assert twin.spec == codec.spec
    encoded, roundtrip = codec.encode(values), twin.encode(values)
    np.testing.assert_array_equal(encoded.array, roundtrip.array)
    assert encoded.array.dtype == codec.spec.dtype == roundtrip.array.dtype
    assert encoded.array.any((2, 3, 4)).all()


def test_black_images_are_not_all_zeros():
    for dtype, least in ((np.uint8, 1), (np.float32, 1e-30)):
        rows = [[np.zeros((4, 4, 3), dtype)], [None], [np.full((4, 4, 3), 1, dtype)]]
        encoded = ImageSetCodec().fit(rows).encode(rows)
        assert encoded.present.tolist() == [True, False, True]
        assert encoded.array[0].max() == np.array(least, dtype)
        assert (encoded.array[0] != 0).sum() == 1


@pytest.mark.parametrize("missing", [None, float("nan"), "", " ", [], (), [None, None], "; ;", np.nan])
def test_rows_without_any_image_are_absent(missing):
    rows = [[np.ones((4, 4))], missing]
    encoded = ImageSetCodec().fit(rows).encode(rows)
    assert encoded.present.tolist() == [True, False]
    assert not encoded.array[1].any()


def test_number_of_positions_is_learned_or_set():
    image = np.ones((4, 4), np.uint8)
    rows = [[image, None, image, image], [image], None, [None] * 9]
    assert ImageSetCodec().fit(rows).places == 3
    assert ImageSetCodec(positions=True).fit(rows).places == 4
    assert ImageSetCodec(max_images=2).fit(rows).places == 2
    assert ImageSetCodec(max_images=7).fit(rows).places == 3
    longer = [[image * place for place in range(1, 6)]]
    encoded = ImageSetCodec().fit(rows).encode(longer)
    assert encoded.array[0, :, 0, 0, 0].tolist() == [1, 2, 3]


def test_more_images_than_one_decoding_batch():
    x = np.random.default_rng(0).integers(1, 256, (DECODE_BATCH_SIZE // 3 + 50, 4, 2, 2, 1)).astype(np.uint8)
    np.testing.assert_array_equal(ImageSetCodec().fit(x).encode(x).array, expected(x))


@pytest.fixture
def rooms(tmp_path):
    """Images of one colour each, by the number in their names."""
    for number in range(1, 9):
        Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"")
    return tmp_path


def firsts(encoded):
    return encoded.array[:, :, 0, 0, 0].tolist()


def test_joined_paths_lists_and_single_images(rooms):
    rows = ["1.png;2.png", "3.png", ["4.png", None, "5.png"], str(rooms / "6.png") + " ; 7.png;", rooms / "8.png"]
    codec = ImageSetInput(root=rooms).codec().fit(rows)
    assert firsts(codec.encode(rows)) == [[1, 2], [3, 0], [4, 5], [6, 7], [8, 0]]
    codec = ImageSetInput(root=rooms, positions=True).codec().fit(rows)
    assert firsts(codec.encode(rows))[2] == [4, 0, 5]


def test_columns_of_a_frame_are_matched_by_name(rooms):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"front": ["1.png", None, "2.png"], "bath": ["3.png", "4.png", float("nan")]}, [7, 8, 9])
    codec = ImageSetInput(root=rooms, positions=True).codec().fit(frame)
    expected_firsts = [[1, 3], [0, 4], [2, 0]]
    assert firsts(codec.encode(frame)) == expected_firsts
    turned = frame[["bath", "front"]].assign(price=3)
    assert firsts(codec.encode(turned)) == expected_firsts
    assert firsts(codec.encode({name: list(turned[name]) for name in turned})) == expected_firsts
    assert firsts(codec.encode(frame.to_numpy())) == expected_firsts
    polars = pytest.importorskip("polars")
    assert (
        firsts(codec.encode(polars.from_dict({n: [v or None for v in frame[n].fillna("")] for n in frame})))
        == expected_firsts
    )
    with pytest.raises(DataError, match=r"missing: 'bath'\. Did you mean 'baths'"):
        codec.encode(frame.rename(columns={"bath": "baths"}))
    twin = ImageSetInput(root=rooms, positions=True).codec().restore(json.loads(json.dumps(codec.state())))
    assert firsts(twin.encode(turned)) == expected_firsts


def test_columns_with_several_images_are_joined_unless_positions_matter(rooms):
    columns = {"front": ["1.png;2.png", None], "bath": ["3.png", ["4.png", "5.png"]]}
    assert firsts(ImageSetInput(root=rooms).codec().fit(columns).encode(columns)) == [[1, 2, 3], [4, 5, 0]]
    with pytest.raises(DataError, match=r"must hold one image per row, but row 0 has 3 images"):
        ImageSetInput(root=rooms, positions=True).codec().fit(columns)


@pytest.mark.parametrize("positions", [False, True])
def test_unreadable_images_are_missing_and_reported_with_row_and_position(rooms, positions):
    rows = ["1.png; bad.png", [None, "nowhere.png", "2.png"], "bad.png", None]
    codec = ImageSetInput(root=rooms, positions=positions).codec().fit(rows)
    with pytest.warns(BadImageWarning) as caught:
        encoded = codec.encode(rows)
    assert len(caught) == 1
    assert encoded.present.tolist() == [True, True, False, False]
    assert sorted(encoded.array[:2, :, 0, 0, 0].ravel())[-2:] == [1, 2]
    assert str(caught[0].message).split("\n")[1:] == [
        "- row 0, image 1 ('bad.png'): the file is empty",
        "- row 1, image 1 ('nowhere.png'): no such file",
        "- row 2, image 0 ('bad.png'): the file is empty",
    ]
    assert [(unreadable.row, unreadable.place) for unreadable in codec.unreadable] == [(0, 1), (1, 1), (2, 0)]


def test_policies_raise_and_drop(rooms):
    rows = ["1.png;bad.png", None, "2.png", "nowhere.png;bad.png"]
    strict = ImageSetInput(root=rooms, on_bad_file="raise").codec()
    with pytest.raises(DataError, match=r"(?s)3 of 5 images.*row 0, image 1.*row 3, image 0.*row 3, image 1"):
        strict.fit(rows)
    lax = ImageSetInput(root=rooms, on_bad_file="drop").codec()
    assert {row: len(reasons) for row, reasons in lax.unreadable_rows(rows).items()} == {0: 1, 3: 2}
    assert lax.unreadable_rows(["1.png"]) == {}
    remaining = [None, "2.png"]
    assert lax.fit(remaining).encode(remaining).present.tolist() == [False, True]
    with pytest.raises(DataError, match=r"None of the image files exists.*:\n- row 0, image 0"):
        lax.fit(["nowhere.png"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("a.png", "got one str: 'a.png'"),
        (np.zeros((5, 4)), r"of shape \(5, 4\)"),
        (3, "got int of shape"),
        ([], "all are missing"),
        ([None, ""], "all are missing"),
        ({}, "one or more columns"),
        ({"a": ["x.png"], "b": []}, "all of one length"),
        ([[{"a": 1}]], "row 0, image 0: an image must be an array of numbers"),
        ([[np.ones((2, 2))], [np.ones(3)]], "row 1, image 0: an image must have shape"),
        ([[np.ones((2, 2, 3)), np.ones((2, 2, 7))]], "one number of channels"),
    ],
)
def test_values_that_are_not_sets_of_images_are_errors(values, message):
    with pytest.raises(DataError, match=message):
        ImageSetCodec().fit(values)


def test_all_invalid_settings_are_reported_at_once():
    with pytest.raises(ConfigError, match="3 errors"):
        ImageSetInput(size=(1, 2, 3), max_images=0, on_bad_file="no")
    with pytest.raises(NotFittedError):
        _ = ImageSetCodec().spec


def test_formats_of_rows():
    assert images_of("a;b.png")[0] == "a"
    assert images_of(["a;b.png"]) == ["a;b.png"], "a list is the way out for paths that hold semicolons"
    assert images_of("data:image/png;base64,AAAA; data:image/png;charset=x;base64,BBBB") == [
        "data:image/png;base64,AAAA",
        "data:image/png;charset=x;base64,BBBB",
    ]
    assert len(images_of(np.zeros((6, 7, 3)))) == 1
    assert len(images_of(torch.zeros(2, 6, 7, 3))) == 2
    assert read_sets({"path": ["a.png"], "bytes": [None]}).images == [["a.png", None]]
    assert images_of({"path": "a.png", "bytes": None}) == [{"path": "a.png", "bytes": None}]


@pytest.mark.parametrize("positions", [False, True])
def test_image_sets_pass_check_block(positions):
    rng = np.random.default_rng(0)
    rows = [[*rng.integers(0, 256, (1 + row % 4, 6, 6, 3), dtype=np.uint8)] for row in range(12)]
    rows[4].insert(0, None)
    rows[2] = rows[9] = None
    check_block(ImageSetInput(positions=positions), rows=rows, seeds=(1,))


def test_four_photographs_per_house(shared_data, tmp_path):
    pandas = pytest.importorskip("pandas")
    with zipfile.ZipFile(shared_data / "houses" / "images.zip") as archive:
        archive.extractall(tmp_path)
    houses = pandas.read_csv(shared_data / "houses" / "houses.csv")
    columns = [name for name in houses if name.startswith("image_")]
    path = next(tmp_path.rglob(houses[columns[0]][0]))
    codec = ImageSetInput(32, root=path.parent, positions=True, on_bad_file="raise").codec()
    encoded = codec.fit(houses[columns]).encode(houses[columns])
    assert encoded.array.shape == (535, 4, 3, 32, 32)
    assert encoded.array.any((2, 3, 4)).all()
    alone = [str(path.parent / name) for name in houses[columns[2]]]
    np.testing.assert_array_equal(ImageInput(size=32).codec().fit(alone).encode(alone).array, encoded.array[:, 2])
