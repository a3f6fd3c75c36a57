"""The page at `/`: one file of HTML with its style and script, which asks the other routes for everything else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

router = APIRouter()


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page."""
    html, policy = _page()
    return HTMLResponse(html, headers={"content-security-policy": policy})


@cache
def _page() -> tuple[str, str]:
    """The page, and a policy that lets nothing run or load but what is in it."""
    html = _part("page.html")
    for part in ("page.css", "page.js"):
        html = html.replace(f"/* {part} */", _part(part))
    hashes = {tag: " ".join(map(_hash, re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL))) for tag in _TAGS}
    return html, (
        f"default-src 'none'; script-src {hashes['script']}; style-src {hashes['style']}; img-src blob: data:; "
        "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _part(name: str) -> str:
    return files("medley.serve").joinpath(name).read_text(encoding="utf-8")


_TAGS = ("script", "style")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
