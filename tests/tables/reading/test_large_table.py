"""Large tables are read once: the sample and the whole columns are what reading them at once would give."""

import numpy as np
import pandas as pd
import pytest

from medley.errors import DataError
from medley.tables.reading import large_table as module
from medley.tables.reading.large_table import LargeTable, draw, joined, scan
from medley.tables.reading.read import read


def frame(rows=1000):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": rng.integers(0, 9, rows),
            "gap": [1] * (rows - 1) + [None],
            "late": [None] * (rows - 3) + ["a", "b", "c"],
            "mixed": [*map(str, range(rows - 1)), "word"],
            "truth": [True] * rows,
            "doubt": [True] * (rows - 1) + [None],
            "code": ["007"] + [str(one) for one in range(1, rows)],
            "text": [f"word{one} and more" for one in range(rows)],
        }
    )


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", (1000, 4000))
    frame().to_csv(tmp_path / "t.csv", index=False)
    return LargeTable(tmp_path / "t.csv", tmp_path, 10_000_000)


def test_a_sample_of_all_rows_is_what_reading_at_once_gives(table):
    found, whole = scan(table, ["gap", "mixed", "nowhere"], 0), read(table.path).frame
    assert found.rows == 1000
    assert found.is_whole
    pd.testing.assert_frame_equal(found.sample.frame, whole)
    pd.testing.assert_frame_equal(found.wholly.frame, whole[["gap", "mixed"]])
    assert found.table.as_text == {"mixed"}
    assert found.table.row_bytes > 50


def test_parquet_is_not_read_twice_and_keeps_its_types(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", (1000, 4000))
    whole = frame().astype({"number": "int16"})
    whole.to_parquet(tmp_path / "t.parquet")
    found = scan(LargeTable(tmp_path / "t.parquet", tmp_path, 10_000_000), ["number"], 0)
    pd.testing.assert_frame_equal(found.wholly.frame, whole[["number"]])
    assert not found.table.as_text


def test_a_sample_is_bounded_drawn_evenly_and_the_same_for_a_seed(table):
    one, again, other = (scan(table, [], seed, rows=200) for seed in (0, 0, 1))
    assert len(one.sample) == 200
    assert not one.is_whole
    assert np.array_equal(one.places, again.places)
    assert not np.array_equal(one.places, other.places)
    assert (np.diff(one.places) > 0).all()
    assert 400 < one.places.mean() < 600
    assert one.sample.frame["text"].tolist() == [f"word{row} and more" for row in one.places]


def test_a_sample_takes_no_more_bytes_than_it_may(table, monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE", (1000, 5000))
    found = scan(table, [], 0)
    assert 5 < len(found.sample) < 100


def test_a_sample_of_some_rows(table):
    among = np.arange(1000) >= 900
    found, places = draw(table, among, ["text"], 0, 30)
    assert len(found) == 30
    assert places.min() >= 900
    assert found.frame["text"].tolist() == [f"word{row} and more" for row in places]


def test_batches_say_where_they_start_and_hold_what_is_asked(table):
    starts = []
    for start, batch in table.batches(["text"], more=1e9):
        assert list(batch.frame.columns) == ["text"]
        assert batch.frame["text"].iloc[0] == f"word{start} and more"
        starts.append(start)
    assert starts == list(range(0, 1000, 16))  # never less than 16, whatever a row takes


def test_the_digest_is_that_of_the_content(tmp_path, table):
    before = table.digest()
    other = tmp_path / "other.csv"
    other.write_bytes(table.path.read_bytes())
    assert LargeTable(other, tmp_path, 1).digest() == before
    other.write_bytes(table.path.read_bytes().replace(b"word", b"wort", 1))
    assert LargeTable(other, tmp_path, 1).digest() != before


def test_a_table_without_rows_is_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="holds no rows"):
        scan(LargeTable(tmp_path / "t.csv", tmp_path, 10**6), [], 0)


def test_a_column_without_values_at_first_has_the_type_of_later_ones():
    parts = [pd.DataFrame({"a": [np.nan, np.nan]}), pd.DataFrame({"a": ["x", "y"]})]
    assert joined(parts)["a"].dtype == parts[1]["a"].dtype
    numbers = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [np.nan, 3.0]})]
    assert joined(numbers)["a"].tolist()[0::3] == [1.0, 3.0]
