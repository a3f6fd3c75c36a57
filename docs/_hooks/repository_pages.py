"""Pages of the site that are files of the repository's root, and links between the site and the repository.

Pages and root files link to each other by relative paths, which work in a checkout. On the site, links to a root file
that is also a page lead to that page, and links to anything else outside `docs/` become plain text.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from mkdocs.structure.files import File, Files

PAGES = {"SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"\[(?P<text>[^\]\[]+)\]\((?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
FENCED = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the root files and the list of decisions."""
    root = posixpath.dirname(config.config_file_path)
    for source, page in PAGES.items():
        with open(posixpath.join(root, source), encoding="utf-8") as file:
            files.append(File.generated(config, page, content=file.read()))
    records = sorted((file for file in files if file.src_uri.startswith("decisions/0")), key=lambda file: file.src_uri)
    index = files.get_file_from_path("decisions/index.md")
    lines = [f"- [{_title(record.content_string)}]({posixpath.basename(record.src_uri)})" for record in records]
    files.remove(index)
    files.append(File.generated(config, index.src_uri, content=index.content_string + "\n" + "\n".join(lines) + "\n"))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Rewrites links that leave `docs/`."""
    location = page.file.src_uri
    origin = next((source for source, target in PAGES.items() if target == location), f"docs/{location}")

    def site_link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match["path"]))
        anchor = match["anchor"] or ""
        if target == "docs/decisions":
            target = "docs/decisions/index.md"
        if target in PAGES:
            target = f"docs/{PAGES[target]}"
        if not target.startswith("docs/"):
            return match["text"]
        path = posixpath.relpath(target.removeprefix("docs/"), posixpath.dirname(location) or ".")
        return f"[{match['text']}]({path}{anchor})"

    parts, end = [], 0
    for fence in FENCED.finditer(markdown):
        parts += [LINK.sub(site_link, markdown[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, LINK.sub(site_link, markdown[end:])])


def _title(markdown: str) -> str:
    return markdown.lstrip("# ").split("\n", 1)[0]
