"""Faults of every kind, and what survived them: a table.

    python benchmarks/faults.py [--count 1000] [--seed 0]

Each fault strikes a fork of a process that searches, saves, or runs `medley fit`; afterwards the same call is repeated.
It survived if nothing was lost in between and the repeated call ends in the bits of one that was never disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

RUNNER = Path(__file__).resolve().parents[1] / "tests" / "faults" / "runner.py"
SCENARIOS = ("search", "save", "medley fit", "medley fit --overwrite")
FAULTS = ("kill", "random kill", "disk full", "read-only", "interrupt", "terminate")
SHARES = {"kill": 0.4, "random kill": 0.3}
"""Of all faults; the others share the rest."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Print what survived faults of every kind.")
    parser.add_argument("--count", type=int, default=1_000, help="faults in all, about")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rest = (1 - sum(SHARES.values())) / (len(FAULTS) - len(SHARES))
    tried = lost = 0
    print("| while | fault | tried | survived | lost | file events |")
    print("|---|---|--:|--:|--:|--:|")
    start = time.monotonic()
    for scenario in SCENARIOS:
        for fault in FAULTS:
            count = max(round(args.count * SHARES.get(fault, rest) / len(SCENARIOS)), 1)
            command = [sys.executable, str(RUNNER), scenario, fault, str(count), str(args.seed)]
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
            if done.returncode:
                print(done.stderr, file=sys.stderr)
                return 1
            report = json.loads(done.stdout.splitlines()[-1])
            survived = sum(result["survived"] for result in report["results"])
            tried, lost = tried + len(report["results"]), lost + len(report["results"]) - survived
            row = (scenario, fault, len(report["results"]), survived, len(report["results"]) - survived)
            print("|", " | ".join(map(str, (*row, report["events"]))), "|", flush=True)
            if survived < len(report["results"]):
                print(done.stderr[-2_000:], file=sys.stderr)
    print(f"\n{tried} faults, {lost} lost, {time.monotonic() - start:.0f} s")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
