"""Cells of requests: contents of files become bytes, and nothing that names a file is ever opened."""

import base64
import builtins
import io
import os

import numpy as np
import pytest

from medley.serve.body import parse_json
from medley.serve.fields import Field
from medley.serve.files import FileError, file_content
from medley.serve.refusal import Refusal
from medley.serve.rows import checked_rows
from medley.serve.settings import Limits

LIMITS = Limits()


def field(control, name="cell"):
    return Field(name, control, control, "")


def wav(seconds):
    soundfile = pytest.importorskip("soundfile")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(int(8000 * seconds), np.float32), 8000, format="WAV")
    return buffer.getvalue()


def test_contents_of_files_become_bytes(png):
    content = png(7)
    text = base64.b64encode(content).decode()
    folded = "\n".join(text[start : start + 60] for start in range(0, len(text), 60))
    for cell in (content, text, folded, f"data:image/png;base64,{text}"):
        assert file_content(cell, field("image"), LIMITS) == content
        assert file_content(cell, field("images"), LIMITS) == [content]
    assert file_content([text, None, content], field("images"), LIMITS) == [content, content]
    assert [file_content(cell, field("image"), LIMITS) for cell in (None, "", b"")] == [None] * 3
    recording = wav(0.1)
    assert file_content(base64.b64encode(recording).decode(), field("audio"), LIMITS) == recording


OTHERS = (
    "photo.png",
    "/etc/passwd",
    "../../etc/passwd",
    "file:" + "//" + "/etc/passwd",
    "http://127.0.0.1:1/photo.png",
    "https://example.org/a.png",
    "s3://bucket/a.png",
    "data:text/plain,hello",
    "data:image/png;base64,/etc/passwd.png",
    {"path": "/etc/passwd"},
    {"bytes": None, "path": "/etc/passwd"},
    ["/etc/passwd"],
    [{"path": "/etc/passwd"}],
    3,
    [[1, 2], [3, 4]],
)


@pytest.mark.parametrize("control", ["image", "images", "audio"])
@pytest.mark.parametrize("cell", OTHERS, ids=repr)
def test_what_names_a_file_is_refused(control, cell):
    with pytest.raises(FileError):
        file_content(cell, field(control), LIMITS)


@pytest.mark.parametrize("cell", OTHERS, ids=repr)
def test_the_server_opens_no_file_that_a_cell_names(client, row, cell, monkeypatch, tmp_path):
    opened = []

    def watch(module, name):
        function = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda path, *args, **named: opened.append(path) or function(path, *args, **named)
        )

    watch(builtins, "open")
    watch(io, "open")
    watch(os, "open")
    response = client.post("/models/pets/predict", json={"rows": [{**row, "photo": cell}], "on_unreadable": "warn"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["column"] == "photo"
    for name in ("note", "kind", "age"):  # columns without files: what looks like a path is text
        client.post("/models/pets/predict", json={"rows": [{**row, name: cell}], "on_unreadable": "warn"})
    assert not [path for path in opened if "passwd" in str(path) or "photo" in str(path) or "a.png" in str(path)]


def test_images_and_recordings_that_are_too_large_are_refused(png):
    with pytest.raises(FileError, match="12 x 12 pixels; at most 100"):
        file_content(png(1), field("image"), Limits(pixels=100))
    with pytest.raises(FileError, match="lasts 2 seconds; at most 1"):
        file_content(wav(2), field("audio"), Limits(audio_seconds=1))
    with pytest.raises(FileError, match="not an image of a known format"):
        file_content(b"no image", field("image"), LIMITS)
    with pytest.raises(FileError, match="not an audio file"):
        file_content(b"no recording", field("audio"), LIMITS)


def test_cells_are_single_values_unless_their_column_takes_lists():
    fields = [field("number", "age"), field("list", "wave")]
    assert checked_rows([{"age": 3, "wave": [1, 2], "more": {}}], fields, LIMITS) == [{"age": 3, "wave": [1, 2]}]
    with pytest.raises(Refusal) as refused:
        checked_rows([{"age": [3], "wave": None}, {"age": {}, "wave": [{}]}], fields, LIMITS)
    assert [(cell.row, cell.column) for cell in refused.value.cells] == [(0, "age"), (1, "age"), (1, "wave")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not a number in JSON"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b"[" * 5 + b"]" * 5, "more than 4 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "more than 4 levels"),
        (b"1" * 10_000, "not JSON"),
    ],
)
def test_json_keeps_to_its_standard_and_to_the_depth(body, message):
    with pytest.raises(Refusal, match=message) as refused:
        parse_json(body, 4)
    assert refused.value.status == 400
