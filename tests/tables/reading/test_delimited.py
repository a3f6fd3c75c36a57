"""Text files: delimiter and encoding are detected, errors name the line."""

import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.errors import DataError
from medley.tables.reading.delimited import delimited_batches, layout_of, read_delimited
from medley.tables.reading.header import Header


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def frame_of(path):
    return read_delimited(path)[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
def test_the_delimiter_is_detected_whatever_the_file_name(tmp_path, delimiter, name):
    lines = ["id,note,x", '1,"a, b; c|d",2.5', "2,,3.5"]
    text = "\n".join(delimiter.join(next(csv.reader([line]))).replace("a, b; c|d", '"a, b; c|d"') for line in lines)
    frame = frame_of(write(tmp_path / name, text + "\n"))
    assert list(frame.columns) == ["id", "note", "x"]
    assert frame["note"].tolist()[0] == "a, b; c|d"
    assert frame["x"].tolist() == [2.5, 3.5]


def test_commas_in_numbers_do_not_separate_cells(tmp_path):
    frame = frame_of(write(tmp_path / "t.csv", "price;size\n1,5;2,5\n3,0;4,5\n"))
    assert frame["price"].tolist() == ["1,5", "3,0"]


def test_one_column_of_texts_may_hold_commas(tmp_path):
    frame = frame_of(write(tmp_path / "t.csv", "review\ngood, cheap, fast\nbad\nwell, no\n"))
    assert frame["review"].tolist() == ["good, cheap, fast", "bad", "well, no"]


@given(
    rows=st.lists(
        st.tuples(st.text("ab ,;|\t\"'\n", max_size=6), st.integers(0, 9), st.text("xyz", min_size=1)), min_size=1
    ),
    delimiter=st.sampled_from(",;|\t"),
)
def test_what_the_csv_module_writes_is_read(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([("note", "count", "word"), *rows])
    frame = frame_of(path)
    assert list(frame.columns) == ["note", "count", "word"]
    assert frame["count"].tolist() == [row[1] for row in rows]
    assert frame["word"].tolist() == [row[2] for row in rows]


def test_spaces_after_delimiters_are_ignored(tmp_path):
    frame = frame_of(write(tmp_path / "t.csv", 'age, sex\n3, f\n5, "m"\n'))
    assert list(frame.columns) == ["age", "sex"]
    assert frame["sex"].tolist() == ["f", "m"]


def test_digits_with_leading_zeros_stay_text(tmp_path):
    frame = frame_of(write(tmp_path / "t.csv", "zip,count,share\n00501,10,0.5\n99501,0,0\n"))
    assert frame["zip"].tolist() == ["00501", "99501"]
    assert frame["count"].tolist() == [10, 0]
    assert frame["share"].tolist() == [0.5, 0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings_are_detected(tmp_path, encoding):
    path = write(tmp_path / "t.csv", "Größe,Ort\n1,Köln\n", encoding)
    frame, note = read_delimited(path)
    assert list(frame.columns) == ["Größe", "Ort"]
    assert frame["Ort"].tolist() == ["Köln"]
    assert note == ""


@pytest.mark.parametrize("rows", [1, 30_000])
def test_other_encodings_are_detected_and_noted(tmp_path, rows):
    path = write(tmp_path / "t.csv", "id,Ort\n" + "1,Bonn\n" * (rows - 1) + "2,Köln €\n", "cp1252")
    frame, note = read_delimited(path)
    assert frame["Ort"].tolist()[-1] == "Köln €"
    assert note.startswith(f"t.csv is not UTF-8 (line {rows + 1}) and was read as Windows-1252;")
    assert pd.concat(delimited_batches(path, 999))["Ort"].tolist()[-1] == "Köln €"


def test_bytes_outside_windows_1252_are_read_as_latin_1(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,\x81\xe9\n")
    assert read_delimited(tmp_path / "t.csv")[1].endswith("read as Latin-1; save it as UTF-8 if characters look wrong.")


def test_a_text_of_a_megabyte_is_a_cell(tmp_path):
    path = write(tmp_path / "t.csv", 'id,note\n1,"' + "word, " * 200_000 + '"\n2,short\n')
    frame = frame_of(path)
    assert frame["note"].str.len().tolist() == [1_200_000, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("a:b:c\n1:2:3\n4:5:6\n", "is read as one column, 'a:b:c': its cells seem to be separated by ':'"),
        ("a,b\n1,2\n1,2,3\n", r"line 3 has 3 cells, where 2 are expected; put cells that hold ',' between quotes"),
        ("a,b\n1,2,3\n4,5,6\n", "its rows have more cells than its first line has names"),
        ('a,b\n1,"2\n3,4\n', "EOF inside string"),
    ],
)
def test_errors_say_what_is_wrong(tmp_path, text, message):
    path = write(tmp_path / "t.csv", text)
    for reader in (read_delimited, lambda path: list(delimited_batches(path, 10))):
        with pytest.raises(DataError, match=message):
            reader(path)


def test_a_binary_file_is_an_error(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n\0\1\2")
    with pytest.raises(DataError, match=r"it is not a text file \(line 3 contains a zero byte\)"):
        layout_of(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("0.5,1\n2.5,3\n", None, 2),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,virginica\n", None, 3),
        ("p,x,s\n" + "e,x,y\np,b,s\n" * 3, None, 7),
        ("18,?,red\n15,130,blue\n16,140,red\n17,150,red\n", None, 4),
        ("0,1,2\n0.5,1.5,7\n2.5,3.5,9\n", ["0", "1", "2"], 2),
        ("country,2019,2020\nNorway,5.3,5.4\nChad,15.9,16.4\n", ["country", "2019", "2020"], 2),
        ("town,state\nBonn,NRW\nKiel,SH\nKoeln,NRW\n", ["town", "state"], 3),
        ("age,sex\n3,f\n", ["age", "sex"], 1),
        ("a,b\n", ["a", "b"], 0),
        ("x,y,x\n1,2,3\n", ["x", "y", "x_2"], 1),
        (",y\n0,2\n1,5\n", ["Unnamed: 0", "y"], 2),
    ],
)
def test_whether_the_first_line_holds_names_is_decided_by_the_cells(tmp_path, text, names, rows):
    path = write(tmp_path / "t.csv", text)
    frame, note = read_delimited(path)
    expected = names or [f"column_{number}" for number in range(1, len(frame.columns) + 1)]
    assert list(frame.columns) == expected
    assert len(frame) == rows
    assert ("has no line of names" in note) == (names is None)
    assert pd.concat(delimited_batches(path, 1)).shape == frame.shape


def test_the_caller_decides_whether_the_first_line_holds_names(tmp_path):
    path = write(tmp_path / "t.csv", "0.5,1\n2.5,3\n")
    assert list(read_delimited(path, header=Header(True))[0].columns) == ["0.5", "1"]
    assert len(read_delimited(write(tmp_path / "n.csv", "a,b\n1,2\n"), header=Header(False))[0]) == 2
    header = Header(names=frozenset(["0.5"]))
    assert list(read_delimited(path, header=header)[0].columns) == ["0.5", "1"]
    numbered = Header(names=frozenset(["column_1"]))
    assert len(read_delimited(write(tmp_path / "w.csv", "a,b\n1,2\n"), header=numbered)[0]) == 2


def test_a_name_used_twice_is_noted(tmp_path):
    frame, note = read_delimited(write(tmp_path / "t.csv", "a,a,a_2,a\n1,2,3,4\n"))
    assert frame.to_dict("list") == {"a": [1], "a_3": [2], "a_2": [3], "a_4": [4]}
    assert "'a' names 3 columns; they are called 'a', 'a_3', 'a_4'" in note


@pytest.mark.parametrize("start", ["sep=;\n", '"sep=;"\n', "SEP=;\r\n"])
def test_the_first_line_of_excel_sets_the_delimiter(tmp_path, start):
    path = write(tmp_path / "t.csv", f"{start}a,b;c\n1,5;2\n")
    assert frame_of(path).to_dict("list") == {"a,b": ["1,5"], "c": [2]}
    assert len(pd.concat(delimited_batches(path, 10))) == 1


def test_lines_of_delimiters_above_the_names_are_skipped(tmp_path):
    assert frame_of(write(tmp_path / "t.csv", ",,\n,,\na,b,c\n1,2,3\n")).to_dict("list") == {
        "a": [1],
        "b": [2],
        "c": [3],
    }


@pytest.mark.parametrize(
    "text",
    [
        "mpg weight name\n18.0 3504 buick\n15.0 3693 ford\n",
        "  mpg   weight name\n 18.0   3504 buick \n 15.0   3693 ford\n",
        'mpg weight\t"name"\n18.0   3504\t"buick"\n15.0 3693\t"ford"\n',
    ],
)
def test_cells_may_be_separated_by_spaces(tmp_path, text):
    path = write(tmp_path / "t.data", text)
    assert frame_of(path).to_dict("list") == {"mpg": [18, 15], "weight": [3504, 3693], "name": ["buick", "ford"]}
    assert list(pd.concat(delimited_batches(path, 1)).columns) == ["mpg", "weight", "name"]


def test_quoted_words_may_hold_spaces_where_spaces_separate_cells(tmp_path):
    frame = frame_of(write(tmp_path / "t.data", '18.0 3504 "buick skylark"\n15.0 3693 "ford torino"\n'))
    assert frame["column_3"].tolist() == ["buick skylark", "ford torino"]


@pytest.mark.parametrize("delimiter", ["^", "~", "\x01"])
def test_rare_delimiters_are_detected(tmp_path, delimiter):
    text = "\n".join(delimiter.join(row) for row in (["a", "b"], ["1", "x"], ["2", "y"]))
    assert frame_of(write(tmp_path / "t.csv", text)).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("cells", ["1,5;c;-0,25", "1.234,5;c;2.000,0", "1'234.5;c;7", "12.5.2020;c;1"])
def test_a_word_above_numbers_is_a_name_however_they_are_written(tmp_path, cells):
    path = write(tmp_path / "t.csv", "\n".join(["x;c;y", *[cells] * 5]) + "\n")
    assert list(read_delimited(path)[0].columns) == ["x", "c", "y"]


def test_comment_lines_before_the_header_are_skipped_and_noted(tmp_path):
    path = write(tmp_path / "t.csv", "# made by hand\n# on a Sunday\nid,x\n1,2.5\n2,#3\n")
    frame, note = read_delimited(path)
    assert frame.to_dict("list") == {"id": [1, 2], "x": ["2.5", "#3"]}
    assert note == "2 comment lines at the start of t.csv were skipped."
    assert [len(batch) for batch in delimited_batches(path, 1)] == [1, 1]
    assert list(frame_of(write(tmp_path / "n.csv", "#id,x\n1,2\n")).columns) == ["#id", "x"]
    with pytest.raises(DataError, match="line 4 has 3 cells, where 2 are expected"):
        frame_of(write(tmp_path / "long.csv", "# by hand\nid,x\n1,2\n1,2,3\n"))
