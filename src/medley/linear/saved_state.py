"""The saved state of a linear path: its rules, and how its parts must fit each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from medley.core.codec import LinearLink
from medley.core.linear import LinearFeatures
from medley.core.rules import Array, Either, Fields, Flag, Items, Json, Maybe, Named, StateRules, Text, Whole, require
from medley.linear.neighbours import COUNTS, LocalMeans

INTERCEPT = "intercept"

RULES = StateRules(
    heads=Items(Items(Either(Text(), Whole(1, 1_000_000)), 4), low=1),
    models=Items(Fields({"blocks": Maybe(Items(Whole(), 1))}), low=1),
    mean=Array(np.float32, ("M",)),
    scale=Array(np.float32, ("M",)),
    local_mean=Array(np.float32, ("L",)),
    local_scale=Array(np.float32, ("L",)),
    widths=Named(Items(Items(Either(Flag(), Whole()), 2), low=1), "inputs"),
    choices=Json(),
    fingerprint=Text(),
    features=Named(Fields({"kind": Text(), "place": Whole(), "state": Json()}), "inputs"),
    components=Whole(0, 10_000),
)


def read_head(name: Any, link: Any, answers: Any, raw: Any) -> tuple[str, LinearLink, int, int]:
    """An entry of the state's heads: name, link, number of answers, number of raw outputs.

    Raises:
        ArtifactError: the numbers do not fit the link.
    """
    has_types = isinstance(name, str) and isinstance(answers, int) and isinstance(raw, int)
    require(has_types and link in get_args(LinearLink), "heads must hold names, links and two numbers.")
    require(raw == answers - (link == "ordered") and raw > 0, f"heads must have outputs that fit {link!r}.")
    return name, link, answers, raw


def read_width(width: Any, is_alone: Any) -> tuple[int, bool]:
    """An entry of the state's widths: number of features of a block, and whether it has a model of its own.

    Raises:
        ArtifactError: it is something else.
    """
    require(not isinstance(width, bool) and isinstance(is_alone, bool), "widths must hold numbers and flags.")
    return width, is_alone


def block_widths(
    features: Mapping[str, LinearFeatures],
    widths: Mapping[str, Sequence[tuple[int, bool]]],
    heads: Sequence[tuple[str, LinearLink, int, int]],
    local: LocalMeans,
) -> list[int]:
    """The number of features of each block, that of local means last.

    Args:
        features: input name -> restored features.
        widths: input name -> entries of its blocks.
        heads: entries of the heads.
        local: restored local means.

    Raises:
        ArtifactError: the parts do not fit each other.
    """
    require(set(widths) == set(features), "widths and features must name the same inputs.")
    for name, part in features.items():
        sizes = [width for width, _ in widths[name]]
        require(part.widths in (None, sizes), f"widths of {name!r} must be {part.widths}, got {sizes}.")
    answers = sum(width for _, _, width, _ in heads)
    require(not local.planes or len(local.mean) == answers, "local.mean must have a number for each answer.")
    counts = [part.number_count for part in features.values()]
    columns = sum(count or 0 for count in counts)
    is_inside = None in counts or all(place < columns for plane in local.planes for place in plane)
    require(is_inside, f"local.planes must name numeric columns, of which there are {columns}.")
    means = [len(local.planes) * len(COUNTS) * answers] if local.planes else []
    return [width for name in features for width, _ in widths[name]] + means


def weight_rules(
    models: Sequence[Mapping[str, Any]], widths: Sequence[int], worthy: Sequence[int], answers: int
) -> StateRules:
    """The rules of the models' arrays, which have a row for each feature of the blocks that a model reads.

    Args:
        models: entries of the models.
        widths: number of features of each block.
        worthy: those of the blocks that have principal components.
        answers: number of answers of all heads.

    Raises:
        ArtifactError: a model names a block that there is not.
    """
    rules: dict[str, Array] = {}
    for index, model in enumerate(models):
        chosen = range(len(widths)) if model["blocks"] is None else model["blocks"]
        require(all(block < len(widths) for block in chosen), "models must name blocks that there are.")
        rules[f"weights_{index}"] = Array(np.float16, (sum(widths[block] for block in chosen), answers))
        rules[f"{INTERCEPT}_{index}"] = Array(np.float32, (answers,))
    rules |= {f"components_{index}": Array(np.float16, (width, None)) for index, width in enumerate(worthy)}
    return StateRules(**rules)
