"""Cells that would make code fail far from where they were read."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

from medley.tables.columns.infer import infer
from medley.tables.reading.read import read
from medley.tables.reading.sanitize import UnreadableCell, sanitized_cell


class Unhashable:
    def __hash__(self):
        raise RuntimeError("no hash")


class Unprintable:
    def __str__(self):
        raise RuntimeError("no text")


def nested(depth):
    cell = []
    for _ in range(depth):
        cell = [cell]
    return cell


def endless():
    cell = []
    cell.append(cell)
    return cell


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (io.BytesIO(b"x"), b"x"),
        (np.array(2.5), 2.5),
        (torch.tensor(3), 3),
        (np.array("a"), "a"),
        (10**400, np.inf),
        pytest.param(-(10**5000), -np.inf, id="5,000 digits"),
        (10**30, 10**30),
        (Decimal("sNaN"), None),
        (np.ma.masked, None),
        ("a\ud800", "a?"),
        ([bytearray(b"x"), [np.array(1)]], [b"x", [1]]),
        ({"bytes": bytearray(b"x")}, {"bytes": b"x"}),
        (np.void((1, 2), dtype=[("a", "i4"), ("b", "i4")]), (1, 2)),
    ],
)
def test_unsafe_cells_are_replaced(cell, expected):
    assert sanitized_cell(cell) == expected


@pytest.mark.parametrize(
    "cell", [1, 2.5, "a", b"x", None, pd.NA, pd.NaT, (1, 2), [1.0], {"a": 1}, np.zeros(3), Decimal(2)]
)
def test_safe_cells_are_kept(cell):
    assert sanitized_cell(cell) is cell


@pytest.mark.parametrize("cell", [nested(900), nested(5000), endless(), {"a": endless()}, Unhashable(), Unprintable()])
def test_cells_that_nothing_can_read_are_marked(cell):
    replaced = sanitized_cell(cell)
    assert isinstance(replaced, UnreadableCell)
    assert replaced.type_name == type(cell).__name__


@pytest.mark.parametrize("make", [lambda: nested(900), endless, Unhashable, Unprintable])
def test_a_column_of_unreadable_cells_is_unused_and_its_first_row_is_named(make):
    guess = infer({"a": [1, 2, 3], "odd": [None, make(), make()]})["odd"]
    assert guess.kind == "unused"
    assert "the first is in row 1" in guess.reason


def test_an_unreadable_cell_among_others_counts_as_missing():
    schema = infer({"vector": [[1.0, float(row)] for row in range(30)] + [endless()]})
    assert schema["vector"].kind == "vector"


@pytest.mark.parametrize("text", ["n\n" + "9" * 401 + "\n5\n7\n", "n\n5\n" + "9" * 5000 + "\n7\n"])
def test_numbers_of_many_digits_in_text_files(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    assert infer(tmp_path / "t.csv")["n"].kind
    lines = "".join(f'{{"n": {line}}}\n' for line in text.split()[1:])
    (tmp_path / "t.jsonl").write_text(lines)
    assert np.isinf(read(tmp_path / "t.jsonl").frame["n"].astype(float)).sum() == 1


def test_a_frame_of_safe_cells_is_not_copied():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1], [2]]})
    assert read(frame).frame is frame
