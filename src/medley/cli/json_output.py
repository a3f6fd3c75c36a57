"""The option `--json`: one JSON document on the standard output, for other programs, instead of text."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any


def add_json(parser: argparse.ArgumentParser, help: str = "print one JSON document instead of text") -> None:
    """Add the option to a command."""
    parser.add_argument("--json", action="store_true", help=help)


def print_json(document: Any) -> None:
    """Print a document of dicts, lists, dataclasses, numbers and texts; numbers that JSON lacks are null.

    >>> print_json({"score": float("nan"), "classes": (1, 2)})
    {
      "score": null,
      "classes": [
        1,
        2
      ]
    }
    """
    print(json.dumps(_plain(document), ensure_ascii=False, indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
