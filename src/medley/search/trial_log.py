"""The file of finished trials, one line each: what it holds is read whatever else is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from math import isnan
from pathlib import Path
from typing import Any

from medley.core.files import write_file
from medley.errors import ArtifactError, warn
from medley.model.records import Record
from medley.search.trial import TrialResult

STATES = ("complete", "pruned", "failed", "interrupted")

_NUMBER = (int, float)
_TYPES: dict[str, Any] = {
    "number": int,
    "state": str,
    "score": _NUMBER,
    "params": dict,
    "records": list,
    "best": int,
    "reason": (str, type(None)),
    "seconds": _NUMBER,
    "size": int,
    "scores": dict,
}
_SAMPLER_TYPES = {"params": dict, "distributions": dict, "curve": dict, "system": dict}


class TrialLog:
    """Finished trials as lines of JSON. Lines that cannot be read are reported once, and left out.

    A line that cannot be written, for instance because the disk is full, is kept in memory and written with the next.

    Args:
        path: of the file, which may not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[dict[str, Any]] | None = None
        self._size = 0  # bytes of the file that hold complete lines
        self._unwritten: list[bytes] = []

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines, one per trial, in the order in which they were written.

        Raises:
            ArtifactError: the path is a folder, or cannot be read.
        """
        if self._lines is None:
            self._lines, damage = read_lines(self.path)
            if damage:
                warn(f"{self.path}: {'; '.join(damage)}. These lines are ignored; their trials are run again.")
            self._size = self.path.stat().st_size if self.path.is_file() else 0
        return self._lines

    def results(self) -> list[TrialResult]:
        """The results of the trials."""
        return [result_of(line) for line in self.lines]

    def replace(self, lines: list[dict[str, Any]]) -> None:
        """Writes the file anew, with these lines."""
        self._lines, self._size, self._unwritten = list(lines), 0, []
        content = b"".join(map(_as_bytes, lines))
        try:
            write_file(self.path, content)
            self._size = len(content)
        except OSError as error:
            self._unwritten = [content]
            _warn_of_unwritten(self.path, error)

    def add(self, line: Mapping[str, Any]) -> None:
        """Appends a line; where that fails, the search continues and this is reported once."""
        lines = self.lines
        is_new_problem = not self._unwritten
        self._unwritten.append(_as_bytes(line))
        lines.append(json.loads(self._unwritten[-1]))
        content = b"".join(self._unwritten)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            with os.fdopen(descriptor, "r+b") as file:
                file.truncate(self._size)  # without the half of a line that could not be written
                file.seek(self._size)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if is_new_problem:
                _warn_of_unwritten(self.path, error)
            return
        self._size += len(content)
        self._unwritten = []


def read_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Reads what can be read of a file of trials.

    Args:
        path: of the file, which may not exist.

    Returns:
        The lines, of each trial the first; what is wrong with the others. A last line that is incomplete is neither: a
        process was killed while it wrote it.

    Raises:
        ArtifactError: the path is a folder, or cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], []
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArtifactError(f"{path} cannot be read: {reason}. Remove it, or choose another project.") from error
    lines: dict[int, dict[str, Any]] = {}
    damage = []
    *complete, last = content.split(b"\n")
    for place, text in enumerate([*complete, last], start=1):
        try:
            line = _checked(json.loads(text.decode("utf-8")))
            if line["number"] in lines:
                raise ValueError(f"trial {line['number']} is there twice")
            lines[line["number"]] = line
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            if text.strip() and place <= len(complete):
                damage.append(f"line {place} is damaged ({_reason(error)})")
    return list(lines.values()), damage


def result_of(line: Mapping[str, Any]) -> TrialResult:
    """The result that a line records."""
    names = {field.name for field in fields(TrialResult)}
    values = {name: value for name, value in line.items() if name in names}  # a later version may add others
    return TrialResult(**{**values, "records": [Record(**record) for record in values["records"]]})


def _checked(line: Any) -> dict[str, Any]:
    """A line whose values are of their types.

    Raises:
        ValueError, TypeError, KeyError: they are not.
    """
    if not isinstance(line, dict):
        raise TypeError(f"it holds {line!r:.40}")
    for values, types in ((line, _TYPES), (line["asked"], _SAMPLER_TYPES)):
        if not isinstance(values, dict):
            raise TypeError("asked is no object")
        for name, kind in types.items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise TypeError(f"{name} is {values[name]!r:.40}")
    is_scored = line["state"] in ("failed", "interrupted") or not isnan(line["score"])
    if line["state"] not in STATES or line["number"] < 0 or not is_scored:
        raise ValueError(f"its state is {line['state']!r:.40}, its score {line['score']}")
    result = result_of(line)
    if result.records and not -1 <= result.best < len(result.records):
        raise ValueError(f"best is {result.best}, of {len(result.records)} epochs")
    for record in result.records:
        for scores in (record.train, record.val):
            if not isinstance(scores, dict) or not all(isinstance(score, _NUMBER) for score in scores.values()):
                raise TypeError("an epoch's scores are no numbers")
    for epoch, value in line["asked"]["curve"].items():
        if int(epoch) < 0 or not isinstance(value, _NUMBER):
            raise TypeError("the curve holds no numbers")
    return line


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "bytes that are no UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return "no JSON"
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _as_bytes(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _warn_of_unwritten(path: Path, error: OSError) -> None:
    warn(
        f"{path} cannot be written ({error.strerror or error}): the search continues in memory, but trials from here "
        "on cannot be resumed unless a later one can be written. Free disk space."
    )
