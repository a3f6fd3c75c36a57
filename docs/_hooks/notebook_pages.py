"""A page per notebook of `docs/notebooks`: its texts and code, with a link to the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files


def on_files(files: Files, *, config: Any) -> Files:
    """Adds a page for each notebook, the notebook itself, and the list of both."""
    lines = []
    for path in sorted(Path(config.docs_dir, "notebooks").glob("*.ipynb")):
        content = path.read_text("utf-8")
        page = to_markdown(json.loads(content), path.name)
        title = page.split("\n", 1)[0].lstrip("# ")
        lines.append(f"- [{title}]({path.stem}.md)")
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
        files.append(File.generated(config, f"notebooks/{path.name}", content=content))
    index = files.get_file_from_path("notebooks/index.md")
    files.remove(index)
    files.append(File.generated(config, index.src_uri, content=index.content_string + "\n" + "\n".join(lines) + "\n"))
    return files


def to_markdown(notebook: dict[str, Any], name: str) -> str:
    """The cells of a notebook as a page; its first cell holds the title."""
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        cells.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join([cells[0], f"[Download this notebook]({name})", *cells[1:]]) + "\n"
