"""Time on a machine that others use, too."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

TICK = 0.05


class RunningClock:
    """Seconds in which this process runs: those in which it is stopped or waits for a core do not count.

    Each twentieth of a second counts as far as it is covered by CPU time of this process. On a quiet machine this is
    wall time, but for waiting for files. Where others take part of two cores from a process that would use both, up to
    half of the loss goes unnoticed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._last = (time.perf_counter(), time.process_time())
        threading.Thread(target=self._run, daemon=True).start()

    def __call__(self) -> float:
        with self._lock:
            now = (time.perf_counter(), time.process_time())
            self._seconds += min(now[0] - self._last[0], now[1] - self._last[1])
            self._last = now
            return self._seconds

    def _run(self) -> None:
        while True:
            time.sleep(TICK)
            self()


class OthersClock:
    """CPU seconds that other processes use on the cores of this one."""

    def __init__(self) -> None:
        self._began = self._busy() - time.process_time()

    def __call__(self) -> float | None:
        """Seconds since this was made; None where Linux does not say."""
        if not STAT.is_file():
            return None
        return max(self._busy() - time.process_time() - self._began, 0.0)

    def _busy(self) -> float:
        if not STAT.is_file():
            return 0.0
        cores = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        lines = [line.split() for line in STAT.read_text().splitlines()]
        # user, nice, system, idle, waiting for files, interrupts, soft interrupts, stolen
        used = [[*line[1:4], *line[6:9]] for line in lines if line[0] in cores]
        return sum(int(ticks) for line in used for ticks in line) / os.sysconf("SC_CLK_TCK")


STAT = Path("/proc/stat")
running = RunningClock()
