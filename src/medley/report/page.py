"""The report on a model: one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.core.registry import register
from medley.errors import ConfigError

if TYPE_CHECKING:
    from medley.model.model import Model


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
    from html import escape

    file = Path(path)
    page = (
        f"<!doctype html><meta charset='utf-8'><title>{escape(file.stem)}</title><pre>{escape(model.describe())}</pre>"
    )
    try:
        file.write_text(page, "utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror or error}.", argument="path") from error
    return file
