"""Cells that cannot be read are reported with row, column and content, or are an error."""

import warnings

import numpy as np
import pytest

from medley.core.row_reporting import WarningCollector, using_row_numbers
from medley.errors import ConfigError, DataError, UnreadableCellWarning
from medley.tables.columns.infer import infer
from medley.tables.columns.unreadable import check_policy, report_unreadable
from medley.tables.reading.read import read
from medley.tables.view import InputFeed, TableView

TRAINING = {
    "weight": ["1 kg", "2.5 kg", "3 kg"] * 9,
    "ratio": [0.5, 0.25, 0.75] * 9,
    "born": ["2024-01-01", "2024-02-01", "2024-03-01"] * 9,
    "is_new": ["yes", "no", "yes"] * 9,
    "kind": ["cat", "dog", "emu"] * 9,
}


def view():
    feeds = [InputFeed("table", tuple(TRAINING), "tabular.input")]
    return TableView(infer(TRAINING), feeds, {})


def report(rows, on_unreadable="warn"):
    table = read(rows)
    report_unreadable(table, view().schema, view().unparsed(table), on_unreadable)


def test_readable_and_missing_cells_are_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report({name: cells[:3] for name, cells in TRAINING.items()})
        report({name: [None, "n/a", ""] for name in TRAINING})
        report(
            {
                **{name: cells[:2] for name, cells in TRAINING.items()},
                "weight": ["500 g", "2 lbs"],
                "kind": ["new", "?"],
            }
        )


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("weight", "$50", "row 1, column 'weight': '$50' is not a number (kg)"),
        ("weight", "fifty", "row 1, column 'weight': 'fifty' is not a number (kg)"),
        ("weight", "3 cm", "row 1, column 'weight': '3 cm' is not a number (kg)"),
        ("ratio", "50 %", "row 1, column 'ratio': '50 %' is not a number"),
        ("ratio", np.inf, "row 1, column 'ratio': inf is not a number"),
        ("ratio", "-Infinity", "row 1, column 'ratio': '-Infinity' is not a number"),
        ("born", "soon", "row 1, column 'born': 'soon' is not a time"),
        ("is_new", "perhaps", "row 1, column 'is_new': 'perhaps' is not a boolean"),
    ],
)
def test_unreadable_cells_are_reported(column, cell, message):
    rows = {name: cells[:2] for name, cells in TRAINING.items()}
    rows[column] = [rows[column][0], cell]
    with pytest.warns(UnreadableCellWarning, match="^1 cell cannot be read and counts as missing") as caught:
        report(rows)
    assert message in str(caught[0].message)
    with pytest.raises(DataError) as error:
        report(rows, "raise")
    assert message in str(error.value)


def test_batches_are_reported_at_once_with_the_rows_of_the_caller():
    rows = {name: cells[:20] for name, cells in TRAINING.items()}
    rows["ratio"] = ["much"] * 20

    def report_batches():
        with WarningCollector():
            for start in (0, 20):
                with using_row_numbers(start + np.arange(20)):
                    report(rows)

    with pytest.warns(UnreadableCellWarning) as caught:
        report_batches()
    assert len(caught) == 1
    text = str(caught[0].message)
    assert text.startswith("40 cells cannot be read and count as missing")
    assert "row 9, column 'ratio'" in text
    assert text.endswith("- and 30 more")


def test_policies_are_checked():
    with pytest.raises(ConfigError, match=r"on_unreadable must be \"warn\" or \"raise\", got 'rise'\. Did you mean"):
        check_policy("rise")
