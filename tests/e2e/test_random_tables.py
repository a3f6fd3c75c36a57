"""Whatever a table holds, what comes out is a model that predicts the same when it is loaded, or an error of ours."""

import datetime
import io
import warnings
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import medley as md
from medley.errors import MedleyError, MedleyWarning

FEW = 40
"""Tables of an ordinary run; `pytest --random-tables 2000` draws more."""


class Unhashable:
    """An object whose hash raises."""

    def __hash__(self):
        raise RuntimeError("no hash")


class Unprintable:
    """An object that cannot be printed."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


def nested(depth):
    cell = []
    for _ in range(depth):
        cell = [cell]
    return cell


def endless():
    cell = []
    cell.append(cell)
    return cell


def picture(seed, side=9):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = [picture(seed) for seed in range(3)]
SENTENCE_WORDS = ["the", "old", "cat", "sat", "on", "a", "warm", "mat", "near", "us"]
WORDS = [
    "red",
    "blue",
    "Straße",
    "",
    " ",
    "NA",
    "n/a",
    "?",
    "1,5 kg",
    "12 %",
    "$3k",
    "a;b",
    "a|b|c",
    "[1, 2]",
    "\ud800",
    "\0",
]

small = st.integers(-5, 5)
number = st.floats(allow_nan=True, allow_infinity=True)
text = st.one_of(st.sampled_from(WORDS), st.text(max_size=12))
when = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 1, 1))
big = st.sampled_from([10**30, -(10**309), 10**400, 10**5000, 2**63, 2**64 - 1])

CELLS = {
    "whole": small,
    "count": st.integers(0, 1000),
    "measure": st.floats(-1e3, 1e3),
    "float": number,
    "big": st.one_of(big, small),
    "boolean": st.booleans(),
    "word": st.sampled_from(["red", "green", "blue"]),
    "text": text,
    "sentence": st.lists(st.sampled_from(SENTENCE_WORDS), min_size=3, max_size=9).map(" ".join),
    "code": st.integers(0, 99999).map("{:05d}".format),
    "amount": st.floats(0, 1e4).map("{:,.2f} €".format),
    "time": when,
    "date": st.dates(),
    "duration": st.timedeltas(datetime.timedelta(-9), datetime.timedelta(9)),
    "clock": st.times(),
    "written time": st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2030, 1, 1)).map(
        "{:%d.%m.%Y}".format
    ),
    "decimal": st.one_of(st.decimals(-9, 9), st.sampled_from([Decimal("sNaN"), Decimal("NaN"), Decimal("Infinity")])),
    "fraction": st.fractions(-2, 2),
    "complex": st.complex_numbers(max_magnitude=9),
    "uuid": st.integers(0, 9).map(lambda value: UUID(int=value)),
    "vector": st.lists(st.floats(-1, 1), min_size=3, max_size=3),
    "series": st.lists(st.floats(-1, 1), max_size=6),
    "labels": st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
    "set": st.frozensets(st.integers(0, 3), max_size=3),
    "dict": st.fixed_dictionaries({"a": small}),
    "bytes": st.binary(max_size=6),
    "picture": st.sampled_from(PICTURES),
    "buffer": st.sampled_from(PICTURES).map(bytearray),
    "file": st.sampled_from(PICTURES).map(io.BytesIO),
    "pixels": st.integers(0, 2).map(lambda seed: np.full((8, 8, 3), seed, np.uint8)),
    "scalar array": small.map(np.array),
    "odd": st.sampled_from([Unhashable, Unprintable, endless]).map(lambda make: make())
    | st.sampled_from([3, 40, 900]).map(nested),
    "mixed": st.one_of(small, text, number, st.booleans(), when, st.just(Fraction(1, 3)), st.just(b"x"), st.just([1])),
}
MISSING = [None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT", "s")]
NAMES = [
    "a",
    "b",
    "y",
    "id",
    "price",
    "is_train",
    "7",
    "a b",
    "Ä",
    "x" * 300,
    "date",
    "label",
    "y_probability",
    "count",
]
KINDS = [
    "number",
    "category",
    "boolean",
    "text",
    "image",
    "time",
    "vector",
    "set",
    "series",
    "ordered",
    "count",
    "unused",
]


@st.composite
def columns(draw, rows):
    """One column: cells of one type, some missing, repeated or odd."""
    cells = CELLS[draw(st.sampled_from(sorted(CELLS)))]
    if draw(st.booleans()):
        pool = draw(st.lists(cells, min_size=1, max_size=4))
        column = [
            pool[position] for position in draw(st.lists(st.integers(0, len(pool) - 1), min_size=rows, max_size=rows))
        ]
    else:
        column = draw(st.lists(cells, min_size=rows, max_size=rows))
    for position in draw(st.lists(st.integers(0, rows - 1), max_size=3)):
        column[position] = draw(st.one_of(st.sampled_from(MISSING), CELLS["mixed"]))
    return column


@st.composite
def tables(draw):
    """A table, its targets, and further arguments of `fit`."""
    rows = draw(st.sampled_from([40, 24, 24, 8, 3, 2, 1]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    table = {name: draw(columns(rows)) for name in names}
    targets = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    if draw(st.integers(0, 3)):  # otherwise most tables would be refused because of their targets
        usual = CELLS[draw(st.sampled_from(["measure", "word", "count", "boolean", "labels"]))]
        table = {"size": draw(st.lists(CELLS["measure"], min_size=rows, max_size=rows)), **table}
        table["target"] = draw(st.lists(usual, min_size=rows, max_size=rows))
        targets = ["target"]
    options = {}
    if draw(st.integers(0, 3)) == 0:
        options["column_kinds"] = {draw(st.sampled_from(names)): draw(st.sampled_from(KINDS))}
    role = draw(st.sampled_from(["", "", "", "group", "time", "split", "sample_weight"]))
    if role:
        options[role] = draw(st.sampled_from(names))
    form = draw(st.sampled_from(["columns", "rows", "pandas"]))
    return table, targets, options, form


def as_form(table, form):
    """The table as a dict of columns, a list of dicts, or a frame of Python objects."""
    if form == "rows":
        return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return (
        pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in table.items()})
        if form == "pandas"
        else table
    )


@pytest.mark.timeout(0)
def test_a_random_table_gives_a_model_or_an_error_of_ours(tmp_path_factory, pytestconfig):
    examples = pytestconfig.getoption("--random-tables") or FEW
    outcomes = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(tables())
    @example(({"size": [1.5, 2.5] * 12, "target": ["red", "blue"] * 12}, ["target"], {}, "columns"))
    def check(drawn):
        table, targets, options, form = drawn
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MedleyWarning)
            outcomes[round_trip(as_form(table, form), targets, options, tmp_path_factory.mktemp("model"))] += 1

    check()
    assert outcomes["predicted"] > (examples - FEW) / 20, outcomes  # few tables may all be refused


def round_trip(rows, targets, options, folder):
    """Fit, predict, save, load and predict again, with the same answers."""
    try:
        model = md.fit(rows, targets, max_trials=1, epochs=1, verbose=0, pretrained=None, directory=folder, **options)
    except MedleyError:
        return "refused"
    first = model.predict(rows)
    model.save(folder / "saved")
    pd.testing.assert_frame_equal(first, md.load(folder / "saved").predict(rows))
    return "predicted"
