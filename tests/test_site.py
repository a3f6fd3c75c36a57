"""The documentation site: it builds without warnings, is complete, and needs no network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import medley
from medley import extend, plot

pytest.importorskip("mkdocs", reason="the extra medley[docs] is not installed")

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
# What a page loads from elsewhere; links that a reader may follow are no such thing.
LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//|<link[^>]*\shref=[\"']?(?:https?:)?//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def navigation_pages() -> set[str]:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    return set(re.findall(r"[\w/-]+\.md\b", text.split("\nnav:\n")[1].split("\ntheme:\n")[0]))


def test_every_page_is_in_the_navigation():
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert {page for page in pages - navigation_pages() if not page.startswith("decisions/0")} == set()


def test_every_decision_is_listed(site):
    index = (site / "decisions" / "index.html").read_text("utf-8")
    records = [page.stem for page in (DOCS / "decisions").glob("0*.md")]
    assert [record for record in records if f"{record}.html" not in index] == []


def test_every_public_name_is_in_the_reference(site):
    pages = "".join(page.read_text("utf-8") for page in (site / "reference").glob("*.html"))
    names = [f"medley.{name}" for name in medley.__all__ if name not in {"__version__", "extend", "plot"}]
    names += [f"medley.extend.{name}" for name in extend.__all__] + [f"medley.plot.{name}" for name in plot.__all__]
    assert [name for name in names if f'id="{name}"' not in pages] == []


def test_pages_load_nothing_from_elsewhere(site):
    assert [page.name for page in site.rglob("*.html") if LOADED.search(page.read_text("utf-8"))] == []


def test_notebooks_run(tmp_path):
    """One after the other in one kernel, whose imports take longer than all cells; names and folders are not shared."""
    nbformat = pytest.importorskip("nbformat", reason="the extra medley[docs] is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra medley[docs] is not installed")
    together = nbformat.v4.new_notebook()
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        (tmp_path / path.stem).mkdir()
        empty = f"%reset -f\nimport os\nos.chdir({str(tmp_path / path.stem)!r})  # {path.name}\ndel os"
        together.cells += [nbformat.v4.new_code_cell(empty), *notebook.cells]
    nbclient.NotebookClient(together, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all(cell.execution_count for cell in together.cells if cell.cell_type == "code")


def test_the_citation_names_this_version():
    assert (
        re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)[1] == medley.__version__
    )


def test_scores_of_the_performance_page_are_those_of_the_stored_results():
    def rows(path: Path) -> list[str]:
        return re.findall(r"^\| \w+ \| .* \| (?:auc|r2|accuracy) \|.*$", path.read_text("utf-8"), re.MULTILINE)

    assert rows(DOCS / "performance.md") == rows(ROOT / "benchmarks" / "results" / "two-cores-no-gpu.md")


def test_notebooks_are_saved_without_outputs():
    cells = [cell for path in NOTEBOOKS for cell in json.loads(path.read_text("utf-8"))["cells"]]
    assert [cell["source"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
