"""Lines of log go to the standard error stream, whatever has become of the one before."""

import io
import json
import logging
import sys

import pytest

from medley.serve.logs import log, log_to_stderr


@pytest.fixture(autouse=True)
def loggers():
    """Leaves the loggers as they were."""
    names = ("medley.serve", "uvicorn.error")
    before = [
        (logging.getLogger(name), logging.getLogger(name).handlers, logging.getLogger(name).level) for name in names
    ]
    yield
    for logger, handlers, level in before:
        logger.handlers, logger.level = handlers, level


def test_a_stream_that_was_replaced_and_closed_is_not_written_to(monkeypatch):
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    log_to_stderr()
    log("loaded", model="pets")
    assert json.loads(first.getvalue())["event"] == "loaded"
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    log("request", status=200)
    (line,) = second.getvalue().splitlines()
    assert json.loads(line) == {"time": json.loads(line)["time"], "level": "info", "event": "request", "status": 200}


def test_without_a_stream_that_is_open_lines_are_dropped(monkeypatch):
    failures = []
    monkeypatch.setattr(logging.Handler, "handleError", lambda handler, record: failures.append(record))
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stderr", stream)
        log_to_stderr()
        log("request")
    assert failures == []
