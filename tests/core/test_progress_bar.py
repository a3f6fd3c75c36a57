"""The progress bar: on a terminal, in a notebook, and nowhere else."""

import io
import sys

import pytest

from medley.core import progress_bar as bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_shown_in_a_pipe(capsys):
    with bars.progress_bar("rows", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with bars.progress_bar("rows", 3) as advance:
        advance(2)
    assert "rows" in terminal.getvalue()
    assert "2/3" in terminal.getvalue()


def test_a_notebook_shows_a_bar_that_is_removed(monkeypatch):
    pytest.importorskip("IPython", reason="IPython is not installed")
    shown = []

    class Handle:
        def update(self, html):
            shown.append(html.data)

    monkeypatch.setattr("IPython.display.display", lambda html, display_id: Handle())
    monkeypatch.setattr(bars, "in_notebook", lambda: True)
    monkeypatch.setattr(bars, "REDRAW_SECONDS", -1.0)
    with bars.progress_bar("rows", 1200) as advance:
        advance(1000)
    assert 'value="1000" max="1200"' in shown[0]
    assert "1,000 of 1,200" in shown[0]
    assert shown[-1] == ""
