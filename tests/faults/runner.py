"""Runs a scenario again and again, with a fault each time, and prints what survived as JSON.

    python runner.py SCENARIO FAULT COUNT [SEED]

Faults strike at file events (a file is opened for writing, renamed, removed; a folder is made), which Python reports to
audit hooks, or at random times. COUNT of them are spread over the events; 0 takes every event. Each run is a fork of
this process, which has imported everything already.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
TIMEOUT = 900.0

FAULTS = ("kill", "random kill", "disk full", "read-only", "interrupt", "terminate")


class FileEvents:
    """Counts file events in a folder, and lets a fault strike at one of them.

    Args:
        folder: events elsewhere do not count.
        place: the number of the event, from 1; 0 lets none strike.
        fault: what happens there.
    """

    def __init__(self, folder: Path, place: int, fault: str) -> None:
        self.folder, self.place, self.fault = str(folder), place, fault
        self.count = 0
        self.is_on = True
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.is_on or not (event in EVENTS or (event == "open" and self._is_writing(arguments))):
            return
        if not str(arguments[0]).startswith(self.folder):
            return
        self.count += 1
        if self.count == self.place:
            self._strike()
        elif 0 < self.place < self.count and self.fault in ("disk full", "read-only"):
            self._fail(event)

    @staticmethod
    def _is_writing(arguments: tuple) -> bool:
        path, _, flags = arguments
        return isinstance(path, str) and bool((flags or 0) & WRITING)

    def _strike(self) -> None:
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault == "interrupt":
            signal.raise_signal(signal.SIGINT)
        elif self.fault == "terminate":
            signal.raise_signal(signal.SIGTERM)
        else:
            self._fail("open")

    def _fail(self, event: str) -> None:
        number = errno.ENOSPC if self.fault == "disk full" else errno.EROFS
        if event != "os.remove" or self.fault == "read-only":
            raise OSError(number, os.strerror(number))


def fork(work: Callable[[], object], kill_after: float | None = None) -> tuple[int, float]:
    """Runs `work` in a child; its exit code (the negative signal where one killed it) and seconds."""
    start = time.monotonic()
    child = os.fork()
    if not child:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            work()
            code = 0
        except KeyboardInterrupt:
            code = 130
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - start
        passed = time.monotonic() - start
        if passed > TIMEOUT or (kill_after is not None and passed > kill_after):
            os.kill(child, signal.SIGKILL)
            kill_after = None if kill_after is None else float("inf")
        time.sleep(0.002)


def main() -> int:
    name, fault, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    generator = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    base = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
    os.environ["FAULTS_CACHE"] = str(base / "cache")
    os.environ["MEDLEY_CACHE"] = str(base / "encoded")
    import scenarios

    scenarios.quiet()
    scenario = scenarios.SCENARIOS[name]

    def prepared(label: str) -> Path:
        folder = base / label
        folder.mkdir()
        scenario.prepare(folder)
        return folder

    def watched() -> None:
        events = FileEvents(whole, 0, "none")
        scenario.act(whole)
        (base / "events").write_text(str(events.count))

    # Once without a fault, to import what is imported on first use, and to know what comes out.
    whole = prepared("first")
    scenario.act(whole)
    shutil.rmtree(whole)
    whole = prepared("whole")
    code, seconds = fork(watched)
    assert code == 0, f"it fails without a fault: {code}"
    expected, events = scenario.digest(whole), int((base / "events").read_text())
    is_random = fault == "random kill"
    chosen = list(range(1, events + 1))
    if count and not is_random:
        chosen = sorted(generator.sample(chosen, min(count, events)))
    results = []
    for place in range(count or events) if is_random else chosen:
        folder = prepared(str(place))

        def struck(folder: Path = folder, place: int = place) -> None:
            if not is_random:
                FileEvents(folder, place, fault)
            scenario.act(folder)

        def repeated(folder: Path = folder) -> None:
            scenario.check_after_fault(folder)
            scenario.act(folder)
            assert scenario.digest(folder) == expected, "the result has other bits"

        code, took = fork(struck, generator.uniform(0, seconds) if is_random else None)
        again, _ = fork(repeated)
        results.append({"place": place, "code": code, "seconds": round(took, 3), "survived": again == 0})
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(base, ignore_errors=True)
    print(json.dumps({"events": events, "seconds": seconds, "results": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
