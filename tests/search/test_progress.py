"""Progress of a search: lines, bars and curves on a terminal and in a notebook, and the logger."""

import io
import logging
import sys

import pytest

from medley.core.progress_bar import in_notebook
from medley.model.records import Record
from medley.search.progress import Progress
from medley.search.progress_views import sparkline
from medley.search.trial import TrialResult


def run(progress):
    """A search of two trials, of three epochs each."""
    best = None
    with progress.running(2, 3, None):
        for trial, scores in enumerate(([0.9, 0.8, 0.7], [0.6, 0.5, 0.4])):
            progress.begin(trial)
            for epoch, score in enumerate(scores):
                progress.step(3)
                progress.record(Record(epoch, 1.0, 0.1, {"loss": score}, {"loss": score}), score)
            result = TrialResult(trial, "complete", scores[-1], seconds=3.0)
            best = result
            progress.end(result, best)


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 2), (2, 8)])
def test_lines_by_verbosity_and_records_of_the_logger_whatever_it_is(capsys, caplog, verbose, lines):
    with caplog.at_level(logging.DEBUG, "medley"):
        run(Progress(verbose))
    printed = capsys.readouterr()
    assert (len(printed.out.splitlines()), printed.err) == (lines, "")
    levels = [record.levelname for record in caplog.records if record.name == "medley"]
    assert (levels.count("INFO"), levels.count("DEBUG")) == (2, 6)
    assert "trial 1 (2/2): complete  score 0.4000" in caplog.text


def test_nothing_is_logged_where_nobody_asks(capsys):
    run(Progress(0))
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_bars_and_live_curves(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    progress = Progress(1)
    with progress.running(2, 3, None):
        progress.begin(0)
        for epoch, score in enumerate([0.9, 0.8, 0.7]):
            progress.step(3)
            progress.record(Record(epoch, 1.0, 0.1, {"loss": score}, {"loss": score}), score)
        view = progress._view
        view._bars.refresh()
        progress.end(TrialResult(0, "complete", 0.7), None)
        progress.log("a line that stays")
    text = terminal.getvalue()
    assert "trial 0: score 0.9 █▅▁ 0.7, best 0.7" in text
    assert "a line that stays" in text
    assert "trials" in text


def test_a_notebook_shows_bars_without_widgets(monkeypatch, capsys):
    pytest.importorskip("IPython", reason="IPython is not installed")
    shown = []

    class Handle:
        def update(self, html):
            shown.append(html.data)

    monkeypatch.setattr("IPython.display.display", lambda html, display_id: Handle())
    monkeypatch.setattr("medley.search.progress.in_notebook", lambda: True)
    run(Progress(1))
    assert any('<progress value="1" max="2"' in html for html in shown)
    assert any("trials: score 0.7 █▁ 0.4, best 0.4" in html for html in shown)
    assert shown[-1] == ""  # removed at the end; the lines stay
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_this_process_is_no_notebook():
    assert not in_notebook()


def test_a_long_curve_keeps_its_lowest_points():
    line = sparkline([1.0] * 100 + [0.0] + [1.0] * 100, width=10)
    assert len(line) == 10
    assert line.count("▁") == 1
