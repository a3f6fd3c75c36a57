"""Fills the templates of reports. All text is escaped, except for SVG, whose texts are escaped where it is drawn."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from medley import __version__
from medley.report.svg import svg

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(report: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    """The HTML page of a report.

    Args:
        report: as `contents` returns it.
        card: as `card_of` returns it.
    """
    from markupsafe import Markup

    script = read_template("report.js")
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            card=card,
            style=Markup(read_template("report.css") + read_template("page.css")),
            script=Markup(script),
            script_hash=digest,
            version=__version__,
        )
    )


def render_view(view: Mapping[str, Any]) -> str:
    """The HTML of an object in a notebook.

    Args:
        view: `title`, `note`, `facts`, `figures`, `open_tables`, `tables` and `drawing`.
    """
    from markupsafe import Markup

    template = environment().get_template("notebook.html.j2")
    return template.render(view=view, style=Markup(read_template("report.css")))


@cache
def environment() -> Environment:
    """The templates, with `shown` for cells, `svg` for figures and `drawn` for drawings."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("medley.report", "templates")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters["shown"] = shown
    templates.filters["svg"] = lambda figure: Markup(svg(figure))
    templates.filters["drawn"] = Markup
    return templates


@cache
def read_template(name: str) -> str:
    """The text of a file beside the templates."""
    return (files("medley.report") / "templates" / name).read_text("utf-8").strip()


def shown(value: Any) -> str:
    """A cell as text: numbers with four significant digits, whole ones in full.

    >>> shown(1234567), shown(0.123456), shown(1e-17), shown("text"), shown(12345.678)
    ('1,234,567', '0.1235', '0', 'text', '12,346')
    """
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) < 1e-3:
        return f"{value:.2g}" if abs(value) > 1e-9 else "0"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
