"""Which columns of a table start from a pretrained encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from medley.auto.table.plan import Plan
from medley.core.input import Input
from medley.errors import ConfigError, did_you_mean
from medley.image.pretrained import IMAGE_MODELS
from medley.nn.hub import find, first_cached
from medley.tables.view import Feed
from medley.text.pretrained import TEXT_MODELS

_MODELS = {"text": TEXT_MODELS, "image": IMAGE_MODELS}
_MODALITY = {"text": "text", "image": "image", "images": "image", "slots": "image"}
_WORDS = {"text": "texts", "image": "images"}


def with_pretrained(plan: Plan, asked: Any, say: Callable[[str], None]) -> Plan:
    """A plan whose inputs of texts and images know the pretrained encoder that is searched among the others.

    Args:
        plan: as inferred.
        asked: `"auto"` (one that is in the hub's cache; no network is asked), None or False, True, the folder or name
            of a model (for columns of the kind that it reads), or a dict from column to such.
        say: told what is taken where it is left to us, a line per column.

    Raises:
        ConfigError: a column of that name has no texts or images, or a model is nowhere.
    """
    feeds = [feed for feed in plan.view.feeds if feed.form in _MODALITY]
    inputs = {str(one.name): one for one in plan.inputs}
    for feed, name in _by_feed(feeds, asked).items():
        inputs[feed] = _given(inputs[feed], name, _MODALITY[_form(feeds, feed)], say)
    return replace(plan, inputs=[inputs[str(one.name)] for one in plan.inputs])


def _by_feed(feeds: list[Feed], asked: Any) -> dict[str, Any]:
    if isinstance(asked, Mapping):
        columns = {column: feed.name for feed in feeds for column in (feed.name, *feed.columns)}
        for column in asked:
            if column not in columns:
                hint = did_you_mean(column, columns) if columns else ""
                raise ConfigError(f"pretrained names {column!r}, which is no column of texts or images here.{hint}")
        return {columns[column]: name for column, name in asked.items()}
    if isinstance(asked, str) and asked != "auto":
        kind = _modality(asked)
        return {feed.name: asked for feed in feeds if _MODALITY[feed.form] == kind}
    if not (asked is None or isinstance(asked, bool) or asked == "auto"):
        raise ConfigError(
            "pretrained must be 'auto', None, a folder, a name on the hub, or a dict from column to such, "
            f"got {asked!r}."
        )
    return {feed.name: asked for feed in feeds}


def _given(one: Input, name: Any, modality: str, say: Callable[[str], None]) -> Input:
    if name == "auto":
        name = first_cached(_MODELS[modality])
        if name is None:
            say(
                f"{one.name}: learns from scratch, as the hub's cache holds no pretrained encoder of "
                f"{_WORDS[modality]}; give pretrained a name or a folder to start from one"
            )
        else:
            say(f"{one.name}: may start from {name}, which the hub's cache holds; pretrained=None learns from scratch")
    if isinstance(name, str):
        find(name)  # what is nowhere is told before anything is trained
    return replace(one, pretrained=name) if name else one  # type: ignore[call-arg]


def _form(feeds: list[Feed], name: str) -> str:
    return next(feed.form for feed in feeds if feed.name == name)


def _modality(name: str) -> str:
    from medley.nn.backbone_config import read_config

    found = find(name)
    try:
        read_config(found, "text")
    except ConfigError:
        read_config(found, "image")
        return "image"
    return "text"
