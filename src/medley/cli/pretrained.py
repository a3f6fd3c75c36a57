"""The option that names pretrained encoders."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_pretrained(parser: argparse.ArgumentParser) -> None:
    """Adds `--pretrained`."""
    parser.add_argument(
        "--pretrained",
        metavar="[COLUMN=]MODEL",
        action="append",
        help="a folder, or a name on the hub, that texts and images may start from; none learns from scratch "
        "(default: what the hub's cache holds)",
    )


def pretrained_of(words: Sequence[str] | None) -> str | dict[str, str | None] | None:
    """What was asked for, as `medley.fit` takes it.

    >>> pretrained_of(None), pretrained_of(["none"]), pretrained_of(["models/bert"])
    ('auto', None, 'models/bert')
    >>> pretrained_of(["review=models/bert", "photo=none"])
    {'review': 'models/bert', 'photo': None}
    """
    if not words:
        return "auto"
    if len(words) == 1 and "=" not in words[0]:
        return None if words[0] == "none" else words[0]
    pairs = [word.partition("=") for word in words]
    return {column: None if name == "none" else name for column, _, name in pairs}
