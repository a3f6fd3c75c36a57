"""Damaged files are refused by an error of ours, or read; none ends the process."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "damaged_files.py"
FEW = 120
"""Files of an ordinary run; `pytest --damaged-files 1000` makes more."""


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_damaged_files_give_no_tracebacks_and_no_crashes(tmp_path, pytestconfig):
    count = pytestconfig.getoption("--damaged-files") or FEW
    failures, outcomes, number = [], Counter(), 0
    while number < count:
        command = [sys.executable, str(SCRIPT), str(tmp_path), str(number), str(count - number)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = process.stdout.splitlines()
        assert lines, process.stderr
        outcomes.update(line.split("] ")[-1].split(" ")[0] or "crash" for line in lines)
        failures += [line for line in lines if "] FOREIGN" in line]
        if process.returncode:  # the last file ended the process
            failures.append(f"{lines[-1]} ended the process with code {process.returncode}")
        number += len(lines)
    assert not failures, "\n".join(failures)
    assert outcomes["refused"] > count / 10, outcomes
    assert outcomes["read"] > count / 20, outcomes
