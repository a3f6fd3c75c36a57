"""The `--pretrained` option: pretrained encoders of texts and images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_pretrained(parser: argparse.ArgumentParser) -> None:
    """Add `--pretrained`."""
    parser.add_argument(
        "--pretrained",
        metavar="[COLUMN=]MODEL",
        action="append",
        help="a pretrained model for texts and images: a folder, or a name on the Hugging Face hub; none trains from "
        "scratch (default: models in the local cache)",
    )


def pretrained_of(options: Sequence[str] | None) -> str | dict[str, str | None] | None:
    """Parse the option into the argument `pretrained` of `medley.fit`.

    >>> pretrained_of(None), pretrained_of(["none"]), pretrained_of(["models/bert"])
    ('auto', None, 'models/bert')
    >>> pretrained_of(["review=models/bert", "photo=none"])
    {'review': 'models/bert', 'photo': None}
    """
    if not options:
        return "auto"
    if len(options) == 1 and "=" not in options[0]:
        return None if options[0] == "none" else options[0]
    pairs = [option.partition("=") for option in options]
    return {column: None if name == "none" else name for column, _, name in pairs}
