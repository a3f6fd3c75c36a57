"""The file of trials is read whatever is in it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medley.errors import ArtifactError
from medley.search.trial_log import TrialLog, read_lines, result_of

ASKED = {"params": {}, "distributions": {}, "curve": {"0": 1.0}, "system": {}}
RECORD = {"epoch": 0, "seconds": 1.0, "learning_rate": 0.1, "train": {"loss": 1.0}, "val": {}}
LINE = {
    "number": 0, "state": "complete", "score": 1.0, "params": {}, "records": [RECORD], "best": 0, "reason": None,
    "seconds": 1.0, "size": 9, "scores": {}, "asked": ASKED,
}  # fmt: skip


def line(number=0, **changes):
    return json.dumps({**LINE, "number": number, **changes}).encode() + b"\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trials.jsonl"


NOISE = [
    b"\xff\xfe\x00", b"3", b"{}", b"[]", b"null", b'"text"', b"{", b"[" * 9_999, b'{"number": 1}', b"NaN",
    line(1, state="odd"), line(1, score=None), line(1, score=float("nan")), line(1, params=[]), line(1, records=3),
    line(1, records=[3]), line(1, records=[{"epoch": 0}]), line(1, records=[{**RECORD, "val": 3}]), line(1, best=7),
    line(1, asked=None), line(1, asked={}), line(1, asked={**ASKED, "curve": {"x": 1}}), line(True), line(-1),
    line("0"), line(1, reason=3), line(1, size="x"), line(1, records=[{**RECORD, "odd": 3}]),
]  # fmt: skip


@pytest.mark.parametrize("noise", NOISE, ids=lambda noise: repr(noise[:30]))
def test_noise_is_reported_once_and_left_out(path, noise):
    path.write_bytes(line(0) + noise.strip() + b"\n" + line(2))
    log = TrialLog(path)
    with pytest.warns(UserWarning, match="line 2 is damaged"):
        assert [result.number for result in log.results()] == [0, 2]
    assert len(log.results()) == 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_a_foreign_error(tmp_path_factory, noise):
    path = tmp_path_factory.getbasetemp() / "noise.jsonl"
    path.write_bytes(line(0) + noise + b"\n" + line(1))
    lines, _ = read_lines(path)
    assert {entry["number"] for entry in lines} >= {0, 1}
    assert all(result_of(entry) for entry in lines)


def test_of_two_lines_of_a_trial_the_first_counts(path):
    path.write_bytes(line(0, score=1.0) + line(0, score=2.0))
    lines, damage = read_lines(path)
    assert [entry["score"] for entry in lines] == [1.0]
    assert damage == ["line 2 is damaged (trial 0 is there twice)"]


def test_what_a_later_version_adds_is_left_out(path):
    path.write_bytes(line(0, colour="red"))
    assert TrialLog(path).results()[0].number == 0


def test_the_half_line_of_a_killed_process_is_no_damage(path):
    path.write_bytes(line(0) + line(1)[:50])
    assert [len(part) for part in read_lines(path)] == [1, 0]


def test_a_folder_of_that_name_is_reported(path):
    path.mkdir()
    with pytest.raises(ArtifactError, match=r"trials\.jsonl cannot be read: .*Remove it"):
        read_lines(path)


def test_no_file_is_no_trials(path):
    assert read_lines(path) == ([], [])
