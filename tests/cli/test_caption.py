"""`medley caption`."""

import json

import pandas as pd
import pytest
from PIL import Image

from medley.cli.main import main
from medley.testing.tiny_writers import COLOURS, tiny_room


def run(capsys, *arguments):
    code = main(["caption", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def model(tiny_writer):
    return tiny_writer("vision-encoder-decoder")


@pytest.fixture
def rooms(tmp_path):
    """A table of six rooms, two of which have a caption; one has no image."""
    (tmp_path / "images").mkdir()
    colours = [list(COLOURS)[row % 3] for row in range(5)]
    for row, colour in enumerate(colours):
        Image.fromarray(tiny_room(colour, 5 * row)).save(tmp_path / "images" / f"{row}.png")
    frame = pd.DataFrame(
        {
            "code": [f"00{row}" for row in range(6)],
            "photo": [f"images/{row}.png" for row in range(5)] + [None],
            "caption": ["mine", None, "  ", None, "yours", None],
        }
    )
    frame.to_csv(tmp_path / "rooms.csv", index=False)
    return tmp_path / "rooms.csv"


def test_empty_cells_are_filled_and_others_are_unchanged(capsys, rooms, model, tmp_path):
    out = tmp_path / "out.csv"
    code, printed, err = run(capsys, rooms, "--image", "photo", "--model", model, "-o", out)
    assert (code, printed) == (0, "")
    assert err == "3 captions written, 3 rows unchanged\n"
    before, after = (pd.read_csv(path, dtype=str) for path in (rooms, out))
    assert list(after.columns) == ["code", "photo", "caption"]
    pd.testing.assert_frame_equal(after[["code", "photo"]], before[["code", "photo"]])
    assert after["caption"].fillna("").tolist() == ["mine", "a green room", "a blue room", "a red room", "yours", ""]


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("out.parquet", pd.read_parquet),
        ("out.tsv", lambda path: pd.read_csv(path, sep="\t")),
        ("out.jsonl", lambda path: pd.read_json(path, lines=True)),
    ],
)
def test_a_column_of_another_name_and_other_formats(capsys, rooms, model, tmp_path, name, reader):
    out = tmp_path / name
    arguments = (rooms, "--image", "photo", "--model", model, "--column", "text", "--max-length", 2, "-o", out)
    assert run(capsys, *arguments)[0] == 0
    captioned = reader(out)
    assert list(captioned.columns) == ["code", "photo", "caption", "text"]
    assert captioned["text"].tolist()[:5] == ["a red", "a green", "a blue", "a red", "a green"]
    assert captioned["caption"].tolist()[0] == "mine"


def test_captions_are_printed_as_csv(capsys, rooms, model):
    code, printed, err = run(capsys, rooms, "--image", "photo", "--model", model, "--num-beams", 2)
    assert (code, err) == (0, "")
    assert "001,images/1.png,a green room" in printed


def test_images_are_found_under_the_root(capsys, rooms, model, tmp_path):
    moved = tmp_path / "tables" / "rooms.csv"
    moved.parent.mkdir()
    rooms.rename(moved)
    code, _, err = run(capsys, moved, "--image", "photo", "--model", model, "--column", "text")
    assert code == 2
    assert "none of 6 cells has an image" in err
    assert "no such file" in err
    assert run(capsys, moved, "--image", "photo", "--model", model, "--root", tmp_path)[0] == 0


def test_images_that_cannot_be_read_are_reported(capsys, rooms, model, tmp_path):
    (tmp_path / "images" / "1.png").unlink()
    code, printed, err = run(capsys, rooms, "--image", "photo", "--model", model)
    assert code == 0
    assert "warning: 1 of 6 images cannot be read" in err
    assert "001,images/1.png,\n" in printed
    code, printed, err = run(capsys, rooms, "--image", "photo", "--model", model, "--on-bad-file", "raise")
    assert (code, printed) == (2, "")
    assert "row 1 ('images/1.png'): no such file" in err


def test_all_errors_are_reported_at_once(capsys, rooms, tmp_path):
    arguments = (rooms, "--image", "foto", "--model", tmp_path / "none", "--column", "foto", "-o", tmp_path / "out.xls")
    code, printed, err = run(capsys, *arguments)
    assert (code, printed) == (2, "")
    assert err.startswith("medley: 4 errors:")
    for message in (
        "end in .csv",
        "--column foto is the column of images",
        "Did you mean 'photo'",
        "There is no folder",
    ):
        assert message in err
    code, _, err = run(capsys, rooms, "--image", "photo", "--model", tmp_path, "--num-beams", 0, "-o", rooms)
    assert code == 2
    assert "--num-beams must be a whole number" in err
    assert "is the table itself" in err


def test_no_model_is_needed_if_no_caption_is_missing(capsys, rooms, tmp_path):
    frame = pd.read_csv(rooms, dtype=str).assign(caption="mine")
    frame.to_csv(rooms, index=False)
    code, printed, err = run(capsys, rooms, "--image", "photo", "--model", tmp_path / "none")
    assert (code, err) == (0, "")
    assert printed == rooms.read_text()


def test_the_default_model_comes_from_the_hub(capsys, rooms):
    code, _, err = run(capsys, rooms, "--image", "photo")
    assert code == 2
    assert "No pretrained weights for 'Salesforce/blip" in err


def test_several_files_without_a_header(capsys, rooms, model, tmp_path):
    frame = pd.read_csv(rooms, dtype=str)
    for name, rows in (("a.csv", frame[:2]), ("b.csv", frame[2:5])):
        rows.to_csv(tmp_path / name, index=False, header=False)
    tables = (tmp_path / "a.csv", tmp_path / "b.csv", "--no-header")
    code, printed, err = run(capsys, *tables, "--image", "column_2", "--column", "text", "--model", model, "--json")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in printed.splitlines()]
    assert [row["column_1"] for row in rows] == ["000", "001", "002", "003", "004"]
    assert [row["text"] for row in rows] == ["a red room", "a green room", "a blue room", "a red room", "a green room"]
    code, _, err = run(capsys, *tables, "--image", "column_2", "--model", model, "-o", tmp_path / "b.csv")
    assert code == 2
    assert "is the table itself" in err
