"""Which pretrained model is meant where one may be named, or be left to what this machine has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medley.errors import warn
from medley.nn.hub import first_cached


def pretrained_problem(pretrained: Any) -> Iterator[str]:
    """A sentence where a field `pretrained` holds nothing that it may.

    >>> list(pretrained_problem("auto")), list(pretrained_problem(3))
    ([], ["pretrained must be True, False, 'auto', a folder or a name on the hub, got 3."])
    """
    if not (pretrained is None or isinstance(pretrained, bool) or (isinstance(pretrained, str) and pretrained)):
        yield f"pretrained must be True, False, 'auto', a folder or a name on the hub, got {pretrained!r}."


def chosen(pretrained: Any, names: Sequence[str], what: str) -> str | None:
    """The pretrained model that a field `pretrained` means, or None for learning from scratch.

    Args:
        pretrained: True takes the first of `names`; `"auto"` the first that is in the hub's cache, and asks no network;
            another word is the model itself.
        names: models by their names on the hub.
        what: what warnings call it.

    Warns:
        MedleyWarning: `"auto"` found nothing.
    """
    if pretrained is True:
        return names[0]
    if pretrained != "auto":
        return pretrained or None
    found = first_cached(names)
    if found is None:
        warn(f"{what}: no pretrained model is in the hub's cache ({', '.join(names)}), so it learns from scratch.")
    return found
