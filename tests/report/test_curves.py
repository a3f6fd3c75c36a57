"""Figures of a search."""

import pytest

from medley.errors import NotFittedError
from medley.report.curves import plot_search

pytest.importorskip("matplotlib")


def result(number, score, state="complete"):
    curves = [{"loss": score + 1 - i, "val_loss": score + 2 - i} for i in range(2)]
    return {"number": number, "state": state, "score": score, "curves": curves}


def test_every_trial_and_the_best_curves_are_drawn(tmp_path):
    trials = [result(0, 0.9), result(1, 0.5), result(2, 0.7, "pruned"), result(3, float("inf"), "failed")]
    figure = plot_search(trials, curves=2)
    scores, curves = figure.axes
    assert [len(points.get_offsets()) for points in scores.collections] == [2, 1]
    assert list(scores.lines[0].get_ydata()) == [0.9, 0.5, 0.5]
    assert {text.get_text() for text in curves.get_legend().get_texts()} == {
        *("trial 1", "trial 1, training"),
        *("trial 2", "trial 2, training"),
    }
    figure.savefig(tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 10_000


def test_a_search_without_scores_is_reported():
    with pytest.raises(NotFittedError, match="call fit first"):
        plot_search([result(0, float("inf"), "failed")])
