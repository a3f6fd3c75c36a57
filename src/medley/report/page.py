"""The report on a model: one HTML file that needs nothing else, or a model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.core.registry import register
from medley.errors import ConfigError
from medley.report.contents import Options, contents
from medley.report.evidence import Evidence, of_rows, of_validation
from medley.report.model_card import card_of, markdown
from medley.report.render import render_page

if TYPE_CHECKING:
    from medley.model.model import Model

ENDINGS = (".html", ".htm", ".md", ".json")


@register("report.page")
def report(
    model: Model,
    path: str | Path,
    x: Any = None,
    y: Any = None,
    *,
    root: str | Path | None = None,
    examples: bool = True,
) -> Path:
    """Writes a report; see `Model.report`."""
    file = check_path(path)
    ending = file.suffix.lower()
    page_contents = contents(model, evidence_of(model, x, y, root), Options(_title(model), examples))
    card = card_of(page_contents)
    if ending == ".json":
        text = json.dumps(page_contents, ensure_ascii=False, indent=1)
    else:
        text = markdown(card) if ending == ".md" else render_page(page_contents, card)
    try:
        file.write_text(text, "utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror or error}.", argument="path") from error
    return file


def check_path(path: str | Path) -> Path:
    """Checks where a report is to be written, before anything is computed.

    Raises:
        ConfigError: the ending is unknown, or there is no such folder.
    """
    file = Path(path)
    if file.suffix.lower() not in ENDINGS:
        raise ConfigError(f"must end in .html, .md or .json, got {file.name!r}.", argument="path")
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"is in {file.parent}, which is not a folder.", argument="path")
    return file


def evidence_of(model: Model, x: Any = None, y: Any = None, root: Any = None) -> Evidence | None:
    """Predictions for labelled rows, or else those for validation rows that the model keeps.

    Raises:
        DataError: rows or labels break a rule.
    """
    if x is None:
        return of_validation(model)
    return of_rows(model, x, y, root)


def _title(model: Model) -> str:
    names = list(model.table.targets.values()) if model.table is not None else model.output_names
    return f"Model of {', '.join(names[:3])}{' and more' if len(names) > 3 else ''}"
