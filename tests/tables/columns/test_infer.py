"""Inferred kinds are those that an expert would choose; the caller can override them."""

import base64
import contextlib
import datetime
import io
import uuid
import zipfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from medley.errors import DataError
from medley.tables.checks.leaks import duplicate_groups
from medley.tables.columns.cells import read_cells
from medley.tables.columns.infer import infer
from medley.tables.columns.kind import kind_names
from medley.tables.reading.read import read

RNG = np.random.default_rng(0)
ROWS = 60


def guess(cells, name="x", **options):
    return infer(pd.DataFrame({name: pd.Series(cells)}), **options)[name]


def kinds(schema):
    return {name: str(guess.kind) for name, guess in schema.items()}


def image(form="PNG", size=(9, 8)):
    image = pytest.importorskip("PIL.Image").new("RGB", size, "red")
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


# ------------------------------------------------------------------------------------------------- real tables


def test_adult(shared_data):
    schema = infer(shared_data / "adult" / "adult.csv.gz")
    numbers = ["age", "fnlwgt", "educational-num", "capital-gain", "capital-loss", "hours-per-week"]
    assert schema.of("number") == numbers
    assert set(schema) - set(numbers) == set(schema.of("category"))
    assert schema["occupation"].missing == pytest.approx(2809 / 48842, abs=1e-5)
    assert schema["native-country"].description == "one of 41 categories"


def test_california_housing(shared_data):
    schema = infer(shared_data / "california_housing" / "housing.csv.gz")
    assert schema.of("category") == ["ocean_proximity"]
    assert len(schema.of("number")) == 9
    assert schema["total_bedrooms"].missing == pytest.approx(207 / 20640, abs=1e-5)


def test_womens_clothing(shared_data):
    schema = infer(shared_data / "womens_clothing" / "reviews.csv.gz")
    assert kinds(schema) == {
        "Clothing ID": "category",
        "Age": "number",
        "Title": "text",
        "Review Text": "text",
        "Rating": "number",
        "Recommended IND": "boolean",
        "Positive Feedback Count": "number",
        "Division Name": "category",
        "Department Name": "category",
        "Class Name": "category",
    }
    assert schema["Review Text"].confidence > schema["Title"].confidence


def test_houses(shared_data, tmp_path):
    source = shared_data / "houses"
    schema = infer(source / "houses.csv")
    photos = ["image_frontal", "image_bedroom", "image_bathroom", "image_kitchen"]
    assert schema.of("image") == photos
    assert schema["image_kitchen"].confidence < 0.5
    assert "none of 20 sampled files exists, for example '1_kitchen.jpg'" in schema["image_kitchen"].reason
    assert schema.of("identifier") == ["house_id"]
    assert schema.of("number") == ["bedrooms", "bathrooms", "area", "price"]
    assert schema.of("category") == ["zipcode"]
    with zipfile.ZipFile(source / "images.zip") as archive:
        archive.extractall(tmp_path)
    with_images = infer(read(source / "houses.csv", root=tmp_path))
    assert with_images.of("image") == photos
    assert all(with_images[name].confidence > 0.95 for name in photos)


def test_recordings_digits_and_constants(shared_data):
    schema = infer(shared_data / "fsdd" / "samples.csv")
    assert schema["file"].kind == "audio"
    assert schema["file"].description == "the spectrogram of a recording"
    assert schema["sample_rate"].kind == "constant"
    assert schema["digit"].kind == "category"
    assert schema["seconds"].kind == "number"


# ----------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("age", RNG.integers(0, 90, ROWS), "number"),
        ("age", [*range(30, 60), None], "number"),
        ("weight", RNG.normal(size=ROWS), "number"),
        ("rooms", [1, 2, 3, 4, 5] * 12, "number"),
        ("flag", [0, 1] * 30, "boolean"),
        ("flag", [0.0, 1.0, None] * 20, "boolean"),
        ("flag", [True, False] * 30, "boolean"),
        ("flag", [True, False, None] * 20, "boolean"),
        ("row", np.arange(ROWS), "identifier"),
        ("row", RNG.permutation(ROWS) + 1000, "identifier"),
        ("PassengerId", RNG.permutation(10**6)[:ROWS], "identifier"),
        ("user_id", RNG.integers(0, 20, ROWS), "category"),
        ("user_id", [*RNG.integers(0, 20, ROWS), None], "category"),
        ("n_users", RNG.integers(0, 20, ROWS), "number"),
        ("zip", RNG.choice([85255, 36372, 90210], ROWS), "category"),
        ("place", np.repeat([85255, 36372, 90217, 10115], 15), "category"),
        ("salary", RNG.integers(20_000, 99_999, ROWS), "number"),
        ("year", np.arange(1950, 1950 + ROWS), "number"),
        ("population", RNG.permutation(10**6)[:ROWS], "number"),
        ("area", np.arange(100.0, 100 + ROWS), "number"),
        ("created_at", 1.6e9 + np.arange(ROWS) * 1e6, "time"),
        ("day", [20240101 + i % 28 for i in range(ROWS)], "time"),
        ("score", [np.inf, 1.5, 2.5, *[3.25] * 57], "number"),
        ("amount", [Decimal("1.5"), Decimal("2.25"), None] * 20, "number"),
        ("wait", pd.to_timedelta(np.arange(ROWS), unit="h"), "number"),
        ("when", pd.date_range("2024-01-01", periods=ROWS), "time"),
        ("when", pd.date_range("2024-01-01", periods=ROWS, tz="Europe/Berlin"), "time"),
        ("when", [datetime.date(2024, 1, 1 + i % 28) for i in range(ROWS)], "time"),
        ("size", pd.Categorical(["s", "m"] * 30), "category"),
        ("count", pd.array([1, 2, None] * 20, dtype="Int64"), "number"),
        ("wave", np.exp(1j * np.arange(ROWS)), "unused"),
    ],
)
def test_numbers(name, cells, kind):
    assert guess(cells, name).kind == kind


def test_infinite_and_blank_cells_are_missing():
    assert guess([np.inf, 1.5, 2.5, np.nan]).missing == 0.5
    assert guess(["a", " ", "", None, "a", "b", "b", "a"]).missing == pytest.approx(3 / 8)


# ----------------------------------------------------------------------------------------------------- strings


@pytest.mark.parametrize(
    ("name", "cells", "kind", "form"),
    [
        ("price", ["1,234.50 €", "12.00 €", "7.25 €"], "number", "1,234.5 €"),
        ("price", ["1.234,50", "12,00", "7,25"], "number", "1.234,5"),
        ("share", ["12 %", "7 %", "n/a", "30 %"], "number", "1,234.5 %"),
        ("size", ["12", "7.5"], "number", "1,234.5"),
        ("answer", ["yes", "no", "yes", None], "boolean", ""),
        ("answer", ["Y", "N"], "boolean", ""),
        ("date", ["2024-01-31", "2024-02-29"], "time", "ISO"),
        ("date", ["31.01.2024", "29.02.2024"], "time", "%d.%m.%Y"),
        ("genres", ["a|b", "a", "b|c", "c|a", "b"], "set", "|"),
        ("tags", ["['a', 'b']", "[]", "['b']"], "set", "[]"),
        ("pixels", ["1 2 3 4 5 6 7 8", "8 7 6 5 4 3 2 1"], "vector", "8"),
        ("embedding", ["[0.5, 1]", "[1, 2]"], "vector", "2"),
        ("zip", ["00501", "10115", "00501"] * 20, "category", "str"),
        ("zip", ["85255", "36372"] * 30, "category", "str"),
        ("colour", ["red", "green", "blue"] * 20, "category", "str"),
        ("education", ["Some college or associate degree", "High school graduate"] * 30, "category", "str"),
        ("key", [f"a{i:05d}" for i in RNG.permutation(ROWS)], "identifier", ""),
        ("mail", [f"a{i}@example.org" for i in range(ROWS)], "identifier", ""),
        ("order_id", ["x1", "x2", "x3", "x4"], "identifier", ""),
        ("page", [f"https://example.org/{i}.jpg" for i in range(ROWS)], "identifier", ""),
        ("city", [f"city {i % 20}" for i in range(ROWS)], "category", "str"),
        ("note", [f"this is the note of row number {i} and more" for i in range(ROWS)], "text", ""),
        ("note", ["a short note of a few words", "another one, no longer than that"], "text", ""),
        ("品", ["这是一个关于产品质量的很长的评论" + chr(0x4E00 + i) for i in range(ROWS)], "text", ""),
        ("name", [f"Braund, Mr. Owen Harris the {i}." for i in range(ROWS)], "text", ""),
        ("same", ["x"] * 5, "constant", ""),
        ("none", [None, None], "constant", ""),
        ("flag", ["x", None, "x", None], "category", "str"),
        ("mixed", [1, "a", 2.5, "b"] * 15, "category", "str"),
        ("numbers", [*range(10, 128, 2), "unknown"], "number", "1,234.5"),
        ("periods", pd.period_range("2024-01", periods=ROWS, freq="M"), "time", "ISO"),
        ("bytes", [b"abc", b"def"], "unused", ""),
        ("dicts", [{"a": 1}, {"a": 2}], "unused", ""),
    ],
)
def test_strings_and_others(name, cells, kind, form):
    inferred = guess(cells, name)
    assert (inferred.kind, inferred.form) == (kind, form)
    assert 0 < inferred.confidence <= 1
    assert inferred.reason
    assert inferred.description == "left out" or inferred.is_used


def test_reasons_mention_what_is_left_out_or_doubtful():
    assert "'unknown' (1.7%) counts as missing" in guess([*range(10, 128, 2), "unknown"]).reason
    assert "'odd' and the like count as missing" in guess([*range(10, 128, 2), "odd"]).reason
    assert guess([*range(10, 128, 2), "unknown"]).missing == pytest.approx(1 / 60, abs=1e-5)
    assert guess(["1,500", "2,250"]).reason.endswith("where commas separate thousands")
    assert "they can also be read as %d/%m/%Y" in guess(["3/4/2024", "5/6/2024"]).reason
    assert "not downloaded" in guess([f"https://example.org/{i}.jpg" for i in range(9)]).reason
    assert guess([1, "a", 2.5, "b"] * 15).confidence < 0.5


def test_a_single_row_is_not_constant():
    schema = infer([{"age": 3, "name": "Rex", "note": "barks at everyone in sight"}])
    assert kinds(schema) == {"age": "number", "name": "category", "note": "text"}


def test_frames_of_200_columns_and_100_000_categories():
    wide = infer({f"c{i}": [1.5, 2.5, 3.5] for i in range(200)})
    assert len(wide.of("number")) == 200
    many = guess([f"k{i}" for i in range(100_000)] * 2)
    assert (many.kind, many.distinct) == ("category", 100_000)


def test_a_long_text_is_a_text():
    assert guess(["word " * 200_000, "short, but of some words", "another one of them, too"]).kind == "text"


# ---------------------------------------------------------------------------------------- images, lists, arrays


def test_paths_of_images(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(image())
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a").write_bytes(image("JPEG"))
    all_found = read({"photo": [f"{number}.png" for number in range(6)]}, root=tmp_path)
    assert infer(all_found)["photo"].confidence > 0.95
    partly_found = read({"photo": ["0.png", "1.png", "nothing.png", None]}, root=tmp_path)
    assert "1 of 3 sampled files do not exist" in infer(partly_found)["photo"].reason
    several = infer(read({"photo": ["0.png;1.png", "2.png", "3.png; 4.png;5.png"]}, root=tmp_path))["photo"]
    assert (several.kind, several.form, several.description) == ("image", "several", "several images, pooled")
    assert infer(read({"photo": ["plain/a", "plain/a"] * 9 + ["plain/b"]}, root=tmp_path))["photo"].kind == "image"


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        ([image(), image("JPEG"), None], ""),
        ([base64.b64encode(image(size=(64, 64))).decode(), base64.b64encode(image("JPEG")).decode()], ""),
        (["data:image/png;base64," + base64.b64encode(image()).decode(), "data:image/png;base64,AAAA"], ""),
        ([{"bytes": image(), "path": None}, {"bytes": None, "path": "a.png"}], ""),
        ([np.zeros((9, 9, 3), np.uint8), np.ones((8, 9, 3), np.uint8)], ""),
        ([np.zeros((28, 28)), None], ""),
        ([np.zeros((28, 28)).tolist(), np.ones((28, 28)).tolist()], ""),
        ([["a.png", "b.jpg"], ["c.png"], []], "several"),
        ([[image(), image()], [image()]], "several"),
        ([[np.zeros((9, 9, 3), np.uint8)] * 2, [np.zeros((9, 9, 3), np.uint8)]], "several"),
    ],
)
def test_images_in_cells(cells, form):
    inferred = guess(cells)
    assert (inferred.kind, inferred.form) == ("image", form)


def test_pillow_images():
    image = pytest.importorskip("PIL.Image").new("RGB", (9, 9))
    assert guess([image, None]).kind == "image"


@pytest.mark.parametrize(
    ("cells", "kind", "form"),
    [
        ([["a", "b"], [], None, ["a"]], "set", ""),
        ([{"a", "b"}, frozenset("a")], "set", ""),
        ([[1, 2], [2], [1, 3, 2], [3]], "set", ""),
        ([[0.5, 1.0], [1.0, 2.0]], "vector", "2"),
        ([np.zeros(16), np.ones(16), None], "vector", "16"),
        ([(1, 2, 3), (4, 5, 6)], "vector", "3"),
        ([[0.5, 1.0], [1.0]], "series", ""),
        ([np.zeros((20, 2)), np.zeros((30, 2))], "series", ""),
        ([np.zeros((2, 3, 4)), np.ones((2, 3, 4))], "unused", ""),
        ([[[[1.0]]], [[[2.0]]]], "unused", ""),
        ([np.zeros((20, 2)), np.zeros((30, 3))], "unused", ""),
        ([[], []], "unused", ""),
        ([[{}], [{}]], "unused", ""),
    ],
)
def test_lists(cells, kind, form):
    inferred = guess(cells)
    assert (inferred.kind, inferred.form) == (kind, form)


@pytest.mark.parametrize(
    "cells",
    [
        [uuid.UUID(int=1), uuid.UUID(int=2)],
        [datetime.time(12), datetime.time(13)],
        [2**80, 3],
        [b"a", 1, "x", None, [1]],
        pd.arrays.SparseArray([0, 1, 1.5]),
        pd.interval_range(0, 3),
        pd.array([True, None], dtype="boolean"),
        [datetime.datetime(1, 1, 1), datetime.datetime(9999, 1, 1)],
    ],
)
@pytest.mark.parametrize("kind", [None, *kind_names()])
def test_cells_of_any_type_are_parsed_or_raise_an_error(cells, kind):
    series = pd.Series(cells)
    schema = None
    if kind is None:
        schema = infer({"x": series})
    else:
        with contextlib.suppress(DataError):
            schema = infer({"x": series}, {"x": kind})
    if schema is not None:
        assert len(read_cells(series, schema["x"]).values) == len(series)


def test_arrow_types_are_read():
    pyarrow = pytest.importorskip("pyarrow")
    arrays = {"tags": [["a"], ["a", "b"]], "cost": [Decimal("1.5"), None], "photo": [image()] * 2, "n": [3, None]}
    types = {name: pd.ArrowDtype(pyarrow.array(cells).type) for name, cells in arrays.items()}
    frame = pd.DataFrame({name: pd.Series(cells, dtype=types[name]) for name, cells in arrays.items()})
    assert kinds(infer(frame)) == {"tags": "set", "cost": "category", "photo": "image", "n": "category"}
    assert duplicate_groups(frame).tolist() == [0, 1]


def test_lists_from_arrow_are_lists():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"tags": [["a"], ["a", "b"]], "vector": [[1.0, 2.0], [3.0, 4.0]], "photo": [image()] * 2})
    assert kinds(infer(table)) == {"tags": "set", "vector": "vector", "photo": "image"}


# ---------------------------------------------------------------------------------------------------- overrides


@pytest.mark.parametrize(
    ("cells", "kind", "form"),
    [
        ([1, 2, 3] * 20, "category", "int"),
        ([1.0, 2.0, None] * 20, "category", "int"),
        (["a b c d e f", "g h i j k l"], "category", "str"),
        (["red", "blue"] * 20, "text", ""),
        (["red", "blue"] * 20, "unused", ""),
        (["12", "many", "7,5", "none"] * 20, "number", "1.234,5"),
        (["2024-01-01", "soon", "later"], "time", "ISO"),
        ([1.6e9, 1.7e9], "time", "epoch s"),
        (["1", "0", "yes"], "boolean", ""),
        (["a", "b,c"], "set", ","),
        ([["a"], ["b"]], "set", ""),
        (["1 2 3", "4 5 6"], "vector", "3"),
        (["photo1", "photo2"], "image", ""),
        ([[1, 2], [3, 4]], "series", ""),
    ],
)
def test_the_caller_overrides_the_inferred_kind(cells, kind, form):
    inferred = guess(cells, overrides={"x": kind})
    assert (inferred.kind, inferred.form, inferred.confidence) == (kind, form, 1.0)
    assert inferred.reason.startswith("the caller set it")


def test_all_invalid_overrides_are_reported_at_once():
    table = {"a": ["x", "y"], "b": [0.5, 1.5], "c": [[1.0], [1.0, 2.0]], "d": [["x"], ["y"]]}
    overrides = {"a": "number", "b": "image", "c": "vector", "d": "text", "e": "text"}
    with pytest.raises(DataError) as error:
        infer(table, overrides)
    message = str(error.value)
    assert message.startswith("5 errors:")
    assert "'e', which is not a column" in message
    assert "Column 'a' cannot be parsed as number, the kind set in column_kinds: it holds 'x', 'y'." in message
    for kind, cells in [("time", ["x"]), ("time", [1, 2]), ("boolean", ["x", "y"]), ("number", [["x"]])]:
        with pytest.raises(DataError, match=f"cannot be parsed as {kind}"):
            guess(cells * 2, overrides={"x": kind})


def test_vectors_with_gaps_are_vectors():
    inferred = guess([[1.0, None, 2.5], [0.5, 1.5, 3.5], [None, 1.0, 2.0]] * 10)
    assert (inferred.kind, inferred.form) == ("vector", "3")
