"""Resolves the argument `pretrained=` of blocks to a pretrained model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medley.errors import warn
from medley.nn.hub import first_cached


def pretrained_problem(pretrained: Any) -> Iterator[str]:
    """Yields an error if a field `pretrained` has an invalid value.

    >>> list(pretrained_problem("auto")), list(pretrained_problem(3))
    ([], ["pretrained must be True, False, 'auto', a folder or a name on the hub, got 3."])
    """
    if not (pretrained is None or isinstance(pretrained, bool) or (isinstance(pretrained, str) and pretrained)):
        yield f"pretrained must be True, False, 'auto', a folder or a name on the hub, got {pretrained!r}."


def choose_pretrained(pretrained: Any, names: Sequence[str], block: str) -> str | None:
    """The pretrained model selected by a field `pretrained`, or None for training from scratch.

    Args:
        pretrained: True selects the first of `names`; `"auto"` the first in the hub's local cache, without network
            access; another string is the folder or name of the model itself.
        names: names of models on the hub.
        block: the name of the block in warnings.

    Warns:
        MedleyWarning: with `"auto"`, none of the models is in the cache.
    """
    if pretrained is True:
        return names[0]
    if pretrained != "auto":
        return pretrained or None
    cached = first_cached(names)
    if cached is None:
        warn(f"{block}: no pretrained model in the hub's local cache ({', '.join(names)}); training from scratch.")
    return cached
