"""Large tables: the sample and the full columns equal those of a table that is read at once."""

import numpy as np
import pandas as pd
import pytest

from medley.errors import DataError
from medley.tables.reading import large_table as module
from medley.tables.reading.large_table import LargeTable, concatenate, draw, scan
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
            "code": ["007"] + [str(row) for row in range(1, rows)],
            "text": [f"word{row} and more" for row in range(rows)],
        }
    )


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH_BYTES", (1000, 4000))
    frame().to_csv(tmp_path / "t.csv", index=False)
    return LargeTable(tmp_path / "t.csv", tmp_path, 10_000_000)


def without_nan(frame):
    """Cells that are missing in columns of objects are None: before pandas 3, columns of texts hold either."""
    objects = [name for name in frame if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].where(frame[name].notna(), None) for name in objects})


def test_a_sample_of_all_rows_equals_the_table(table):
    result, whole = scan(table, ["gap", "mixed", "nowhere"], 0), read(table.path).frame
    assert result.rows == 1000
    assert result.is_whole
    pd.testing.assert_frame_equal(without_nan(result.sample.frame), without_nan(whole))
    pd.testing.assert_frame_equal(result.full.frame, whole[["gap", "mixed"]])
    assert result.table.as_text == {"mixed"}
    assert result.table.row_bytes > 50


def test_parquet_is_not_read_twice_and_keeps_its_types(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH_BYTES", (1000, 4000))
    whole = frame().astype({"number": "int16"})
    whole.to_parquet(tmp_path / "t.parquet")
    result = scan(LargeTable(tmp_path / "t.parquet", tmp_path, 10_000_000), ["number"], 0)
    pd.testing.assert_frame_equal(result.full.frame, whole[["number"]])
    assert not result.table.as_text


def test_a_sample_is_bounded_uniform_and_reproducible(table):
    first, repeated, other = (scan(table, [], seed, rows=200) for seed in (0, 0, 1))
    assert len(first.sample) == 200
    assert not first.is_whole
    assert np.array_equal(first.positions, repeated.positions)
    assert not np.array_equal(first.positions, other.positions)
    assert (np.diff(first.positions) > 0).all()
    assert 400 < first.positions.mean() < 600
    assert first.sample.frame["text"].tolist() == [f"word{row} and more" for row in first.positions]


def test_a_sample_is_limited_in_bytes(table, monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE_BYTES", (1000, 5000))
    result = scan(table, [], 0)
    assert 5 < len(result.sample) < 100


def test_a_sample_of_the_eligible_rows(table):
    eligible = np.arange(1000) >= 900
    sample, places = draw(table, eligible, ["text"], 0, 30)
    assert len(sample) == 30
    assert places.min() >= 900
    assert sample.frame["text"].tolist() == [f"word{row} and more" for row in places]


def test_batches_have_their_position_and_the_requested_columns(table):
    starts = []
    for start, batch in table.batches(["text"], extra_row_bytes=1e9):
        assert list(batch.frame.columns) == ["text"]
        assert batch.frame["text"].iloc[0] == f"word{start} and more"
        starts.append(start)
    assert starts == list(range(0, 1000, 16))  # never less than 16, whatever a row takes


def test_the_digest_depends_on_the_content_only(tmp_path, table):
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
    assert concatenate(parts)["a"].dtype == parts[1]["a"].dtype
    numbers = [pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [np.nan, 3.0]})]
    assert concatenate(numbers)["a"].tolist()[0::3] == [1.0, 3.0]
