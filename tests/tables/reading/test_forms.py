"""Forms in which people have tables: JSON by columns, spreadsheets, archives, patterns, streams, URLs, databases."""

import io
import json
import sqlite3
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from medley.errors import ConfigError, DataError, MissingDependencyError
from medley.tables.reading.files import TableFiles
from medley.tables.reading.frames import like
from medley.tables.reading.read import batches, read, source_of
from medley.tables.reading.sql import Query

ROWS = pd.DataFrame({"age": [3, 5, 7], "sex": ["f", "m", "f"], "size": [0.5, 1.5, 2.0]})


def assert_same(table, rows=ROWS):
    frame = table if isinstance(table, pd.DataFrame) else table.frame
    assert frame[list(rows.columns)].to_dict("list") == rows.to_dict("list")


@pytest.fixture
def csv(tmp_path):
    ROWS.to_csv(tmp_path / "pets.csv", index=False)
    return tmp_path / "pets.csv"


@pytest.mark.parametrize("orient", ["columns", "records", "split", "index", "table"])
def test_json_of_every_orientation(tmp_path, orient):
    path = tmp_path / "t.json"
    ROWS.to_json(path, orient=orient)
    assert list(read(path).frame.columns) == list(ROWS.columns)
    assert_same(read(path))
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    assert_same(read(path))
    assert_same(pd.concat(batches(path, 2)))


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ({"age": [3, 5], "tags": [["a"], []]}, [{"age": 3, "tags": ["a"]}, {"age": 5, "tags": []}]),
        ({"data": [{"age": 3}, {"age": 5}], "count": 2}, [{"age": 3}, {"age": 5}]),
        ({"age": 3, "sex": "f"}, [{"age": 3, "sex": "f"}]),
    ],
)
def test_json_objects(tmp_path, value, rows):
    (tmp_path / "t.json").write_text(json.dumps(value))
    assert read(tmp_path / "t.json").frame.to_dict("records") == rows


def test_one_line_of_json_lines_is_a_row(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"tags": ["a", "b"]}\n')
    assert read(tmp_path / "t.jsonl").frame["tags"].tolist() == [["a", "b"]]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n"])
@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_json_that_is_nested_too_deeply_is_an_error(tmp_path, text, name):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=r"cannot be read as a table: .*(too deeply|not valid JSON)"):
        read(tmp_path / name)


def test_the_first_sheet_with_cells_is_read(tmp_path):
    pytest.importorskip("python_calamine")
    pytest.importorskip("openpyxl")
    path = tmp_path / "pets.xlsx"
    rows = ROWS.assign(seen=pd.date_range("2024", periods=3), size=[0.5, None, 2.0])
    with pd.ExcelWriter(path) as book:
        pd.DataFrame().to_excel(book, sheet_name="empty")
        rows.to_excel(book, sheet_name="pets", index=False)
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="other", index=False)
    table = read(path)
    assert table.frame["age"].tolist() == [3, 5, 7]
    assert table.frame["age"].dtype.kind == "i"
    assert np.array_equal(table.frame["size"].astype(float), [0.5, np.nan, 2.0], equal_nan=True)
    assert pd.to_datetime(table.frame["seen"]).tolist() == rows["seen"].tolist()
    assert table.notes == ("Sheet 'pets' of pets.xlsx was read; it also has 'other'.",)
    rows[["age", "size"]].to_excel(path, header=False, index=False)
    assert list(read(path).frame.columns) == ["column_1", "column_2"]
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(DataError, match=r"pets.xlsx' cannot be read as a table"):
        read(path)


def test_a_spreadsheet_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(MissingDependencyError, match=r"pip install 'medley\[excel\]'"):
        read(tmp_path / "t.xlsx")


@pytest.mark.parametrize("name", ["pets.csv", "pets.parquet", "pets.jsonl"])
def test_an_archive_of_one_file_is_a_table(tmp_path, name):
    content = {
        "pets.csv": lambda: ROWS.to_csv(index=False).encode(),
        "pets.parquet": lambda: ROWS.to_parquet(),
        "pets.jsonl": lambda: ROWS.to_json(orient="records", lines=True).encode(),
    }[name]()
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr(f"export/{name}", content)
        archive.writestr(f"__MACOSX/export/._{name}", b"x")
    assert_same(read(tmp_path / "pets.zip"))
    assert_same(pd.concat(batches(tmp_path / "pets.zip", 2)))


def test_an_archive_of_several_files_is_an_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.writestr("b.csv", "x\n1\n")
    with pytest.raises(DataError, match=r"holds 2 files \('a.csv', 'b.csv'\): extract it"):
        read(tmp_path / "pets.zip")


def test_folders_of_hive_become_columns(tmp_path):
    for year, rows in ((2023, ROWS.iloc[:1]), (2024, ROWS.iloc[1:])):
        folder = tmp_path / f"year={year}" / "region=north%20east"
        folder.mkdir(parents=True)
        rows.to_parquet(folder / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()
    table = read(tmp_path)
    assert_same(table, ROWS.assign(year=[2023, 2024, 2024], region="north east"))
    some = pd.concat(batches(tmp_path, only=["year", "age"]))
    assert some.to_dict("list") == {"age": [3, 5, 7], "year": [2023, 2024, 2024]}


def test_patterns_and_lists_of_files(tmp_path, monkeypatch):
    (tmp_path / "2024").mkdir()
    for name, rows in (("a", ROWS.iloc[:2]), ("b", ROWS.iloc[2:])):
        rows.to_csv(tmp_path / "2024" / f"{name}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    for table in ("2024/*.csv", "**/[ab].csv", ["2024/a.csv", "2024/b.csv"], ["2024/*.csv"]):
        assert_same(read(table))
        assert_same(pd.concat(batches(table, 1)))
    assert read("2024/*.csv").root.name == "2024"
    with pytest.raises(DataError, match=r"No table file matches '2024/\*.parquet'"):
        read("2024/*.parquet")
    with pytest.raises(DataError, match=r"no table file .* Its subfolders have some: pass '.*\*\*/\*.csv'"):
        read(tmp_path)


def test_streams_and_the_standard_input(csv, monkeypatch):
    text = csv.read_text()
    for stream in (io.StringIO(text), io.BytesIO(ROWS.to_parquet()), io.BytesIO(text.encode())):
        assert_same(read(stream))
    with csv.open() as file:
        assert_same(read(file))
    with pytest.raises(DataError, match="The stream cannot be read"):
        read(file)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    source = source_of("-")
    assert_same(read(source))
    assert_same(read(source))
    copy = source.paths[0]
    del source
    assert not copy.exists()


def test_remote_files_are_copied(csv):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://forms/pets.csv", "wb") as file:
        file.write(csv.read_bytes())
    for table in ("memory://forms/pets.csv", "memory://forms/*.csv", "memory://forms", f"file://{csv}"):
        assert_same(read(table))
    for table, message in (
        ("memory://forms/cats.csv", "There is no file 'memory://forms/cats.csv'"),
        ("memory://forms/*.parquet", "No table file matches"),
        ("floppy://pets.csv", "of kind 'floppy' are not known"),
    ):
        with pytest.raises(DataError, match=message):
            read(table)


@pytest.mark.parametrize(
    ("url", "module"), [("s3://b/x.csv", "s3fs"), ("gs://b/x.csv", "gcsfs"), ("s3://b/x", "fsspec")]
)
def test_a_url_without_its_package_says_what_to_install(monkeypatch, url, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf"needs {module}.*pip install 'medley\[remote\]'"):
        read(url)


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "pets.db")
    ROWS.to_sql("pets", connection, index=False)
    connection.commit()
    yield connection
    connection.close()


def test_databases(database, tmp_path):
    sqlalchemy = pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path / 'pets.db'}"
    engine = sqlalchemy.create_engine(uri)
    for connection in (database, uri, engine):
        assert_same(read(Query("SELECT * FROM pets", connection)))
        assert_same(read(Query("pets", connection)))
        assert_same(read(source_of("SELECT * FROM pets", connection=connection)))
    engine.dispose()
    assert_same(read(uri))
    assert_same(pd.concat(batches(uri, 2)))


@pytest.mark.parametrize(
    ("sql", "connection", "message"),
    [
        ("SELECT * FROM pets", None, "A query needs a database: pass connection="),
        ("SELECT * FROM cats", "sqlite:///pets.db", r"the query 'SELECT \* FROM cats' cannot be read: .*no such table"),
        ("cats", "sqlite:///pets.db", "There is no table 'cats' in the database; it has 'pets'"),
        ("pets", "sqlite:///dogs.db", "There is no file 'dogs.db'"),
        ("pets", 7, "A connection is one of SQLAlchemy, DuckDB .*; got a int"),
        ("SELECT * FROM pets WHERE age > 99", "sqlite:///pets.db", "The query .* holds no rows"),
    ],
)
@pytest.mark.usefixtures("database")
def test_errors_of_databases(tmp_path, monkeypatch, sql, connection, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        read(Query(sql, connection))


def test_duckdb(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "pets.duckdb")) as connection:
        connection.execute("CREATE TABLE pets (age INTEGER, sex VARCHAR, size DOUBLE)")
        connection.execute("INSERT INTO pets VALUES (3, 'f', 0.5), (5, 'm', 1.5), (7, 'f', 2.0)")
        assert_same(read(Query("SELECT * FROM pets", connection)))
        assert_same(read(connection.sql("SELECT * FROM pets")))
    assert_same(read(f"duckdb:///{tmp_path / 'pets.duckdb'}"))


def test_data_sets_of_hugging_face():
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset.from_pandas(ROWS)
    assert_same(read(dataset))
    assert_same(read(dataset.select([2, 0])), ROWS.iloc[[2, 0]].reset_index(drop=True))
    with pytest.raises(DataError, match=r"DatasetDict of several splits \('train'\): pass one"):
        read(datasets.DatasetDict(train=dataset))
    with pytest.raises(DataError, match="load it without streaming=True"):
        read(dataset.to_iterable_dataset())


def test_a_frame_is_like_the_table():
    polars = pytest.importorskip("polars")
    assert isinstance(like(ROWS, polars.DataFrame({"a": [1]})), polars.DataFrame)
    assert like(ROWS, ROWS) is ROWS


def test_a_source_can_be_read_several_times(csv):
    source = source_of(str(csv), header=False)
    assert isinstance(source, TableFiles)
    assert len(read(source)) == len(read(source)) == 4
    assert source_of(source) is source
    assert len(read(source_of(source, header=True))) == 3
    with pytest.raises(ConfigError, match="header must be True, False or \"auto\", got 'yes'"):
        source_of(str(csv), header="yes")


def test_formats_are_recognised_by_content_where_the_name_says_nothing(tmp_path):
    for content in (ROWS.to_parquet(), ROWS.to_csv(index=False).encode(), ROWS.to_json().encode()):
        (tmp_path / "table").write_bytes(content)
        assert_same(read(tmp_path / "table"))
