"""Tables in files, and targets named by their columns."""

import gzip

import numpy as np
import pandas as pd
import pytest

from medley.auto.target_columns import read_table, split_target
from medley.errors import DataError

ROWS = "age,sex,survived\n3,f,1\n5,m,0\n7,f,1\n"


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.csv.gz", "rows.parquet", "ROWS.CSV"])
def test_files_of_all_kinds_are_read_alike(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".parquet"):
        pd.DataFrame({"age": [3, 5, 7], "sex": ["f", "m", "f"], "survived": [1, 0, 1]}).to_parquet(path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(ROWS.encode()))
    else:
        path.write_text(ROWS.replace(",", "\t") if name.endswith(".tsv") else ROWS)
    for source in (path, str(path)):
        frame = read_table(source)
        assert list(frame.columns) == ["age", "sex", "survived"]
        assert frame["age"].tolist() == [3, 5, 7]
        assert frame["sex"].tolist() == ["f", "m", "f"]


def test_what_is_no_path_stays_what_it_is():
    for rows in (np.zeros((2, 2)), pd.DataFrame({"a": [1]}), [[1, 2]], {"a": [1]}):
        assert read_table(rows) is rows


def test_a_named_target_leaves_the_table(tmp_path):
    path = write(tmp_path, "rows.csv", ROWS)
    frame = pd.read_csv(path)
    for table in (path, frame, {name: frame[name].tolist() for name in frame}):
        x, y = split_target(table, "survived")
        assert list(x.columns) == ["age", "sex"]
        assert y.tolist() == [1, 0, 1]
    assert list(frame.columns) == ["age", "sex", "survived"], "the caller's frame is not changed"


def test_several_named_targets_are_columns_side_by_side(tmp_path):
    x, y = split_target(write(tmp_path, "rows.csv", ROWS), ["survived", "age"])
    assert list(x.columns) == ["sex"]
    assert y.to_numpy().tolist() == [[1, 3], [0, 5], [1, 7]]


def test_a_frame_of_another_library_takes_a_name_too():
    polars = pytest.importorskip("polars")
    x, y = split_target(polars.DataFrame({"age": [3, 5], "survived": [1, 0]}), "survived")
    assert list(x.columns) == ["age"]
    assert y.tolist() == [1, 0]


def test_labels_stay_labels_though_they_are_words(tmp_path):
    path = write(tmp_path, "rows.csv", ROWS)
    labels = ["age", "sex", "age"]  # one per row: the names of columns are no more than words here
    x, y = split_target(path, labels)
    assert y is labels
    assert x.shape == (3, 3)


def test_whole_labels_with_a_gap_come_as_they_were_written(tmp_path):
    path = write(tmp_path, "rows.csv", "age,survived,size\n3,1,0.5\n5,,\n7,0,1.0\n")
    assert split_target(path, "survived")[1].tolist() == [1, None, 0]
    size = split_target(path, "size")[1]
    assert size.dtype == np.float64
    assert np.isnan(size[1])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("surived", r"no column 'surived'.*Did you mean 'survived'"),
        (["survived", "fare"], "no column 'fare'"),
        (None, "y must be the name of the target column of .*rows.csv"),
    ],
)
def test_a_missing_target_column_is_an_error(tmp_path, y, message):
    with pytest.raises(DataError, match=message):
        split_target(write(tmp_path, "rows.csv", ROWS), y)


def test_a_name_needs_columns_with_names():
    with pytest.raises(DataError, match="'survived' names a column, but x is a ndarray without column names"):
        split_target(np.zeros((3, 2)), "survived")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nothing.csv", None, "There is no file .*nothing.csv"),
        ("rows.parquet", ROWS, "rows.parquet' cannot be read as a table"),
        ("empty.csv", "", "empty.csv' cannot be read as a table"),
        ("header.csv", "age,sex\n", "holds no rows.*'age', 'sex'"),
        ("ragged.csv", "a,b\n1,2\n1,2,3\n", "ragged.csv' cannot be read as a table.*line 3"),
        ("wide.csv", "a,b\n1,2,3\n4,5,6\n", "wide.csv' cannot be read as a table: its rows have more cells"),
    ],
)
def test_a_file_that_is_not_a_table_is_an_error(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(path)
