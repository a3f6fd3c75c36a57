"""Nothing printed is untested: the ```python blocks of the README and the docs run, file by file.

The blocks of one file run in order and share their names, in an empty folder; then its `medley` commands run there, on
what the blocks wrote. Other lines of ```bash and ```console blocks are not run.
"""

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest

from medley.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[^`]*)$")
# Spellings under which Python could be shown without being run.
UNTESTED_PYTHON = {"py", "python3", "pycon", "ipython", "doctest"}


SHORT = ["--trials", "1", "--epochs", "1", "-q"]


def python_source(markdown: str) -> str:
    """The Python blocks of a text, every other line blank, so that line numbers agree with the text's."""
    lines, fence, language = [], None, ""
    for line in markdown.splitlines():
        mark = FENCE.match(line)
        if mark and fence is None:
            fence, language = mark, mark["language"].strip()
            lines.append("")
        elif mark and fence is not None and mark["ticks"] >= fence["ticks"] and not mark["language"].strip():
            fence = None
            lines.append("")
        elif fence is not None and language == "python":
            lines.append(line.removeprefix(fence["indent"]))
        else:
            lines.append("")
    return "\n".join(lines) + "\n"


def commands(markdown: str) -> list[list[str]]:
    """The `medley` commands of a text's shell blocks, as arguments."""
    shell = re.findall(r"^```(?:bash|console)\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in shell for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == ["medley"]]


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def pages_with_python() -> list[Path]:
    return [page for page in pages() if page.exists() and python_source(page.read_text("utf-8")).strip()]


@pytest.mark.parametrize("page", pages_with_python(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    source = python_source(page.read_text("utf-8"))
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    file = tmp_path / "page.py"  # a real file, so that tracebacks and inspect find the lines
    file.write_text(source, "utf-8")
    # A real module too: dataclasses and pickling of functions look their names up in it.
    module = ModuleType("page")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(workplace)
    exec(compile(source, str(file), "exec"), module.__dict__)
    for arguments in commands(page.read_text("utf-8")):
        assert main([*arguments, *(SHORT if arguments[0] == "fit" else [])]) == 0, arguments


def test_no_python_is_shown_that_does_not_run():
    shown = {
        f"{page.relative_to(ROOT)}: ```{mark['language'].strip()}"
        for page in pages()
        if page.exists()
        for line in page.read_text("utf-8").splitlines()
        if (mark := FENCE.match(line)) and mark["language"].strip().split(" ")[0] in UNTESTED_PYTHON
    }
    assert not shown, "write ```python, whose blocks run as tests"


def test_blocks_share_lines_and_names_with_their_page():
    page = "Text\n```python\nx = 1\n```\n\n```bash\nrm x\n```\n- item\n\n  ```python\n  y = x + 1\n  ```\n"
    source = python_source(page)
    assert source.splitlines()[2] == "x = 1"
    assert source.splitlines()[11] == "y = x + 1"
    assert "rm" not in source


def test_commands_are_read_with_their_comments_and_quotes():
    page = (
        "```console\nmake demo\nmedley fit 'my pets.csv' --target price  # minutes\n```\n```bash\nmedley blocks\n```\n"
    )
    assert commands(page) == [["fit", "my pets.csv", "--target", "price"], ["blocks"]]
