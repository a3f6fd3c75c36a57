"""Structured logs: one line of JSON per event, without the content of any cell."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import suppress
from typing import Any

_LOGGER = logging.getLogger("medley.serve")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event, and what the event adds."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "details", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class StderrHandler(logging.Handler):
    """Writes to the standard error stream of that moment: it may have been replaced, and the former one closed."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line; without a stream that is open, there is nobody to tell."""
        with suppress(ValueError, AttributeError, OSError):
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()


def log(event: str, *, level: int = logging.INFO, error: BaseException | None = None, **details: Any) -> None:
    """Logs an event.

    Args:
        event: what happened.
        level: as in `logging`.
        error: whose traceback is logged.
        details: what identifies the event; never cells.
    """
    _LOGGER.log(level, event, extra={"details": details}, exc_info=error)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Writes the logs of the server, and those of uvicorn, as lines of JSON."""
    handler = StderrHandler()
    handler.setFormatter(JsonFormatter())
    for name in ("medley.serve", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
