"""Saved models without example cells of their training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medley.tables.view import TableView

WITHHELD = "not saved (examples=False)"
"""Takes the place of a sentence that may quote cells."""


def without_examples(view: TableView | None, metadata: Mapping[str, Any]) -> tuple[TableView | None, dict[str, Any]]:
    """A view and metadata that quote no cell.

    Example values of columns are left out, as are the reasons for their kinds and tasks, and the messages about files
    that could not be read, all of which quote cells. What the model needs to predict stays: categories, words, classes.

    Args:
        view: how the model reads a table, where it does.
        metadata: of the model.
    """
    safe = dict(metadata)
    if "tasks" in safe:
        safe["tasks"] = {name: {**task, **_withheld(task, "reason")} for name, task in safe["tasks"].items()}
    if "left_out" in safe:
        safe["left_out"] = dict.fromkeys(safe["left_out"], WITHHELD)
    if "leaks" in safe:
        safe["leaks"] = [{**leak, **_withheld(leak, "how")} for leak in safe["leaks"]]
    if "unreadable_rows" in safe:
        safe["unreadable_rows"] = {
            name: [{key: value for key, value in entry.items() if key == "row"} for entry in entries]
            for name, entries in safe["unreadable_rows"].items()
        }
    return None if view is None else view.without_examples(WITHHELD), safe


def _withheld(entry: Mapping[str, Any], key: str) -> dict[str, str]:
    return {key: WITHHELD} if key in entry else {}
