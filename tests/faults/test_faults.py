"""Whatever ends a process, nothing is lost: what was there is whole, and the same call ends in the same bits.

`MEDLEY_FAULTS=1000` tries about as many faults in all instead of a few (`benchmarks/faults.py` prints them as a table).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = int(os.environ.get("MEDLEY_FAULTS", "0"))

CASES = [
    ("search", "kill", 4),
    ("search", "interrupt", 2),
    ("save", "kill", 0),
    ("save", "disk full", 3),
    ("medley fit", "kill", 3),
]
LONG = [
    (scenario, fault)
    for scenario in ("search", "save", "medley fit", "medley fit --overwrite")
    for fault in ("kill", "random kill", "disk full", "read-only", "interrupt", "terminate")
]


def run(scenario, fault, count):
    command = [sys.executable, str(Path(__file__).parent / "runner.py"), scenario, fault, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])["results"], done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="each fault strikes a fork of a process")
@pytest.mark.parametrize(
    ("scenario", "fault", "count"), [(*case, COUNT // len(LONG)) for case in LONG] if COUNT else CASES
)
def test_nothing_is_lost(scenario, fault, count):
    results, errors = run(scenario, fault, count)
    assert results
    lost = [result for result in results if not result["survived"]]
    assert not lost, f"{len(lost)} of {len(results)} lost: {lost[:5]}\n{errors[-4000:]}"
