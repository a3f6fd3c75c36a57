"""What type checkers of users know: the types of a program, and the words that arguments take."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from medley.balance.choose import NAMES
from medley.core import words
from medley.fusion.merge import FUSIONS
from medley.heads import loss_and_metric_names as names
from medley.search.tuners import TUNERS
from medley.tables.columns.kind import kind_names
from medley.tables.columns.targets import target_heads

PROGRAM = Path(__file__).with_name("program.py")
ROOT = Path(__file__).resolve().parents[2]


def run(*command):
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )


def test_pyright_knows_the_types_of_a_program():
    pytest.importorskip("pyright", reason="medley[dev] is not installed")
    result = run("pyright", "-p", str(PROGRAM.parent), "--pythonpath", sys.executable)
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
def test_mypy_knows_the_types_of_a_program(tmp_path):
    pytest.importorskip("mypy", reason="medley[test] is not installed")
    settings = ("--config-file", str(PROGRAM.with_name("mypy.ini")), "--cache-dir", str(tmp_path))
    result = run("mypy", *settings, str(PROGRAM))
    assert result.returncode == 0, result.stdout


def test_words_are_those_that_are_accepted():
    assert set(get_args(words.ClassLoss)) == set(names.CLASS_LOSSES)
    assert set(get_args(words.OrderedLoss)) == set(names.ORDERED_LOSSES)
    assert set(get_args(words.NumberLoss)) == set(names.NUMBER_LOSSES)
    assert set(get_args(words.ClassMetric)) == set(names.CLASS_METRICS)
    assert set(get_args(words.OrderedMetric)) == set(names.ORDERED_METRICS)
    assert set(get_args(words.NumberMetric)) == set(names.NUMBER_METRICS)
    assert set(get_args(words.MergeType)) == set(FUSIONS)
    assert set(get_args(words.TunerName)) == set(TUNERS)
    targets = {name for head in target_heads() for name in head.target_kinds}
    assert set(get_args(words.KindName)) == {*kind_names(), *targets}
    assert set(get_args(words.BalancerName)) == set(NAMES)
