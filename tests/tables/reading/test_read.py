"""Tables of every form, and errors for what is not a table."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import feather, ipc

from medley.errors import DataError
from medley.tables.reading.read import Table, batches, read

ROWS = pd.DataFrame({"age": [3, 5, 7], "sex": ["f", "m", None], "size": [0.5, None, 2.0]})


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def assert_same_rows(frame, expected=ROWS):
    assert list(frame.columns) == list(expected.columns)
    assert frame["age"].tolist() == expected["age"].tolist()
    assert frame["sex"].fillna("").tolist() == expected["sex"].fillna("").tolist()
    assert np.array_equal(frame["size"].astype(float), expected["size"].astype(float), equal_nan=True)


def save(path, frame=ROWS):
    ending = "".join(path.suffixes)
    if ".parquet" in ending:
        frame.to_parquet(path)
    elif ending in (".feather", ".arrow"):
        feather.write_feather(pyarrow.Table.from_pandas(frame), str(path))
    elif ".json" in ending and "l" not in ending:
        path.write_text(json.dumps(json.loads(frame.to_json(orient="records"))))
    elif "jsonl" in ending or "ndjson" in ending:
        text = frame.to_json(orient="records", lines=True).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in ending else ",")
    return path


FILES = [
    *("t.csv", "t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.csv.zip", "t.tsv", "T.CSV", "t.txt", "t.parquet"),
    *("t.jsonl", "t.ndjson", "t.jsonl.gz", "t.json", "t.feather", "t.arrow"),
]


@pytest.mark.parametrize("name", FILES)
def test_all_file_formats_give_the_same_table(tmp_path, name):
    path = save(tmp_path / name)
    for source in (path, str(path)):
        table = read(source)
        assert_same_rows(table.frame)
        assert table.root == tmp_path
        assert table.origin == str(path)
        assert table.notes == ()


@pytest.mark.parametrize("name", FILES)
def test_batches_give_all_rows(tmp_path, name):
    frames = list(batches(save(tmp_path / name), rows=2))
    assert [len(frame) for frame in frames] == [2, 1]
    assert_same_rows(pd.concat(frames))


def test_arrow_streams_and_zstandard_are_read(tmp_path):
    table = pyarrow.Table.from_pandas(ROWS)
    with ipc.new_stream(str(tmp_path / "t.arrow"), table.schema) as stream:
        stream.write_table(table)
    assert_same_rows(read(tmp_path / "t.arrow").frame)
    with pyarrow.output_stream(str(tmp_path / "t.csv.zst"), compression="zstd") as packed:
        packed.write(ROWS.to_csv(index=False).encode())
    assert_same_rows(read(tmp_path / "t.csv.zst").frame)


def test_gzip_is_recognised_by_content(tmp_path):
    (tmp_path / "t.csv").write_bytes(gzip.compress(ROWS.to_csv(index=False).encode()))
    assert_same_rows(read(tmp_path / "t.csv").frame)


def test_columns_stored_as_an_index_become_columns(tmp_path):
    ROWS.set_index("age").to_parquet(tmp_path / "named.parquet")
    assert set(read(tmp_path / "named.parquet").frame.columns) == {"age", "sex", "size"}
    ROWS.iloc[[2, 0]].to_parquet(tmp_path / "numbered.parquet")
    assert list(read(tmp_path / "numbered.parquet").frame.columns) == ["age", "sex", "size"]


class Relation:
    """What DuckDB's relations are to others: something that offers an Arrow stream."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "form", ["pandas", "polars", "table", "batch", "reader", "relation", "columns", "rows", "numpy"]
)
def test_frames_of_all_libraries_give_the_same_table(form):
    arrow = pyarrow.Table.from_pandas(ROWS)
    columns = {"age": [3, 5, 7], "sex": ["f", "m", None], "size": np.array([0.5, np.nan, 2.0])}
    if form == "polars":
        source = pytest.importorskip("polars").DataFrame({**columns, "size": [0.5, None, 2.0]})
    elif form == "numpy":
        kinds = [("age", "i8"), ("sex", "O"), ("size", "f8")]
        source = np.array(list(zip(*columns.values(), strict=True)), dtype=kinds)
    else:
        rows = [{"age": 3, "sex": "f", "size": 0.5}, {"age": 5, "sex": "m"}, {"age": 7, "size": 2.0}]
        batch = arrow.to_batches()[0]
        source = {
            "pandas": ROWS,
            "table": arrow,
            "batch": batch,
            "reader": pyarrow.RecordBatchReader.from_batches(arrow.schema, [batch]),
            "relation": Relation(arrow),
            "columns": columns,
            "rows": rows,
        }[form]
    table = read(source)
    assert_same_rows(table.frame)
    assert table.root == Path()
    assert table.origin == "the table"


def test_a_callers_frame_keeps_its_index_and_is_not_changed():
    frame = pd.DataFrame({0: [1, 2], 1: ["a", "b"]}, index=[7, 9])
    table = read(frame)
    assert list(table.frame.columns) == ["0", "1"]
    assert list(table.frame.index) == [7, 9]
    assert list(frame.columns) == [0, 1]


def test_arrays_of_images_and_lists_can_be_columns():
    table = read({"photo": np.zeros((2, 8, 8, 3), np.uint8), "tags": [["a"], ["a", "b"]], "vector": np.ones((2, 4))})
    assert table.frame["photo"][1].shape == (8, 8, 3)
    assert table.frame["tags"][1] == ["a", "b"]
    assert table.frame["vector"][0].tolist() == [1, 1, 1, 1]


def test_the_root_can_be_set_and_a_table_is_not_read_twice(tmp_path):
    assert read(ROWS, root=tmp_path).root == tmp_path
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir()
    here.mkdir()
    table = read(save(tmp_path / "t.csv"), root=str(elsewhere))
    assert table.root == elsewhere
    assert read(table) is table
    assert read(table, root=here).root == here
    for source in (table, ROWS, tmp_path / "t.csv"):
        with pytest.raises(DataError, match="root is 'nowhere', which is not a folder"):
            read(source, root="nowhere")
    assert len(table) == 3
    assert isinstance(table, Table)


def test_a_folder_of_files_is_one_table(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "README.txt").write_text("What this is.")
    (tmp_path / ".hidden.csv").write_text("other\n1\n")
    save(tmp_path / "a.csv", ROWS.iloc[:1])
    save(tmp_path / "b.parquet", ROWS.iloc[1:][["size", "age", "sex"]])
    table = read(tmp_path)
    assert_same_rows(table.frame)
    assert table.root == tmp_path
    assert list(table.frame.index) == [0, 1, 2]
    assert_same_rows(pd.concat(list(batches(tmp_path))))


def test_files_of_a_folder_must_have_the_same_columns(tmp_path):
    save(tmp_path / "a.csv")
    save(tmp_path / "b.csv", ROWS.rename(columns={"sex": "gender"}))
    for reader in (read, lambda path: list(batches(path))):
        with pytest.raises(DataError, match=r"'b.csv' lacks 'sex' and has 'gender' in addition"):
            reader(tmp_path)


def test_a_folder_without_tables_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"has no table file \(.csv"):
        read(tmp_path)


def test_columns_are_read_as_text_on_request(tmp_path):
    path = write(tmp_path / "t.csv", "code,age\n12,3\n7,4\n")
    assert read(path).frame["code"].tolist() == [12, 7]
    for frame in (read(path, as_text=["code"]).frame, next(batches(path, as_text=["code"]))):
        assert frame["code"].tolist() == ["12", "7"]
        assert frame["age"].tolist() == [3, 4]


def test_the_error_for_a_missing_file_lists_similar_names(tmp_path):
    save(tmp_path / "houses.csv")
    with pytest.raises(DataError, match=r"no file .*'.*house.csv'\. The folder has 'houses.csv'\."):
        read(tmp_path / "house.csv")
    with pytest.raises(DataError, match=r"no file .*q.csv'\. The folder has 'houses.csv'\."):
        read(tmp_path / "q.csv")
    with pytest.raises(DataError, match=r"no folder .*nowhere' either"):
        read(tmp_path / "nowhere" / "t.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jpg", b"\xff\xd8\xff\0", "it is not a text file"),
        ("t.csv", b"a,b\n", r"holds no rows: its columns are 'a', 'b'\."),
        ("t.parquet", b"a,b\n1,2\n", "t.parquet' cannot be read as a table"),
        ("t.feather", b"a,b\n1,2\n", "t.feather' cannot be read as a table"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12], "t.csv.gz' cannot be read as a table"),
        ("t.csv.zip", b"PK\x03\x04nothing", "t.csv.zip' cannot be read as a table"),
        ("t.jsonl", b'{"a": 1}\n\n{"a": 2\n', "t.jsonl' cannot be read as a table: line 3 is not valid JSON"),
        ("t.jsonl", b'{"a": 1}\n7\n', "line 2 is not an object with names"),
        ("t.json", b'[{"a": 1}, 7]', "element 1 is not an object with names"),
        ("t.json", b'[{"a": 1}, 7', "it is not valid JSON"),
        ("t.jsonl", b"", "t.jsonl' has no columns"),
    ],
)
def test_a_file_that_is_not_a_table_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "The table holds no rows: an empty list"),
        ({}, "has no columns"),
        ({"a": []}, "holds no rows: its columns are 'a'"),
        ({"a": [1, 2], "b": [1]}, "same number of rows, got 'a': 2, 'b': 1"),
        ({"age": 3, "sex": "f"}, r"'age' is a single int; one row is a list of one dict"),
        (np.zeros((2, 3)), r"named columns, got a ndarray of shape \(2, 3\); give its columns names"),
        (pd.Series([1, 2]), r"got a Series of shape \(2,\); one row is row.to_frame\(\).T"),
        (pd.Series([1]), r"got a Series of shape \(1,\)"),
        (pyarrow.array([1]), "A table is the path of a file"),
        (7, "A table is the path of a file or folder, .*; got a int"),
        ([1, 2], "got a list"),
    ],
)
def test_an_object_that_is_not_a_table_is_an_error(table, message):
    with pytest.raises(DataError, match=message):
        read(table)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pyarrow.table([[1], [2]], names=["a", "a"]),
        pyarrow.Table.from_pandas(pd.DataFrame({"a": [1]})).append_column("a", pyarrow.array([2])),
    ],
)
def test_a_name_used_twice_is_changed_and_noted(table):
    table = read(table)
    assert table.frame.to_dict("list") == {"a": [1], "a_2": [2]}
    assert table.notes == ("The table: 'a' names 2 columns; they are called 'a', 'a_2'.",)


def test_a_lazy_frame_must_be_collected():
    polars = pytest.importorskip("polars")
    with pytest.raises(DataError, match=r"LazyFrame.*pass table.collect\(\)"):
        read(polars.LazyFrame({"a": [1]}))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.jsonl", "t.feather", "t.json"])
def test_batches_have_the_requested_columns(tmp_path, name):
    whole = list(batches(save(tmp_path / name), rows=2))
    first = whole[0].columns[1]
    some = list(batches(tmp_path / name, rows=2, only=[first, "nowhere"]))
    assert [list(part.columns) for part in some] == [[first]] * len(whole)
    for part, full in zip(some, whole, strict=True):
        pd.testing.assert_series_equal(part[first], full[first])


def test_one_row_group_is_read_in_pieces(tmp_path):
    frame = pd.DataFrame({"a": range(100), "b": ["word"] * 100})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=100)
    frame.to_feather(tmp_path / "t.feather", chunksize=30)
    for name in ("t.parquet", "t.feather"):
        parts = list(batches(tmp_path / name, rows=40))
        assert max(map(len, parts)) <= 40
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), frame)


def test_categories_of_arrow_with_unsigned_codes_are_read():
    codes, values = pyarrow.array([1, 0, None], pyarrow.uint32()), pyarrow.array(["a", "b"])
    frame = read(pyarrow.table({"kind": pyarrow.DictionaryArray.from_arrays(codes, values)})).frame
    assert frame["kind"].tolist()[:2] == ["b", "a"]
    assert frame["kind"].isna().tolist() == [False, False, True]
    assert str(frame["kind"].dtype) == "category"
