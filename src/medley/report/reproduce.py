"""How to repeat a training: versions, seed, plan and command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from medley.core.versions import versions
from medley.report.figures import table

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.view import TableView


def reproduce_section(model: Model, view: TableView | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The section on how to repeat the training.

    Args:
        model: a model.
        view: how it reads a table; None if it does not.
        metadata: of the model, without what must not be shown.
    """
    trained, present = metadata.get("versions") or {}, versions()
    names = list(dict.fromkeys([*present, *trained]))
    rows = [[name, trained.get(name), present.get(name)] for name in names]
    section: dict[str, Any] = {
        "seed": metadata.get("seed"),
        "tables": [table(["", "of the training", "of this report"], rows, "Versions")],
        "command": None,
        "python": None,
    }
    if view is not None:
        section["command"] = _command(view, metadata)
        section["python"] = _python(view, metadata)
    plan = metadata.get("plan")
    section["plan"] = json.dumps(plan, indent=2, ensure_ascii=False) if plan else None
    return section


def _command(view: TableView, metadata: Mapping[str, Any]) -> str:
    """A command that trains again; the name of the table is the reader's."""
    words = ["medley", "fit", "TABLE"]
    words += [word for column in view.targets.values() for word in ("--target", column)]
    words += [word for column in view.private for word in ("--private", column)]
    words += ["--plan", "MODEL_DIR", "--seed", str(metadata.get("seed", 0)), "-o", "again"]
    return shlex.join(words)


def _python(view: TableView, metadata: Mapping[str, Any]) -> str:
    private = f", private={list(view.private)!r}" if view.private else ""
    targets = list(view.targets.values())
    return (
        'import medley as md\n\nmodel = md.load("MODEL_DIR")\n'
        f'md.fit(TABLE, {targets!r}, plan=model.metadata["plan"], seed={metadata.get("seed", 0)!r}{private})'
    )
