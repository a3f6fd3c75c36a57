"""medley beside hand-written PyTorch: epochs, images, searches, predictions and new processes, in one run.

Each contender runs in a process of its own. Processes take turns, an epoch at a time, so that a busy machine disturbs
all alike; the figures are medians of ratios. One thread each, float32, batches of 64, Adam, the same layers
(`speed_networks.py`, `speed_loops.py`). Parts: (a) digits and a question; (b) small images and a table; (c) text and a
table; (d) JPEG files; (e) 20 trials of (a); (f) predictions; (g) new processes; (h) growth with rows.

Run: `python benchmarks/speed.py [--parts abcdefgh] [--rows 60000] [--rounds 5] [--quick] [--device cuda]`.
`--quick` takes a few thousand rows and files. `--peers autokeras=PYTHON,ludwig=PYTHON` adds other libraries to parts b
and c, each run by the Python of an environment of its own (`speed_peers.py`); one that does not run is reported. By
scores, libraries are compared in `equal_time.py`.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import IO

RIVAL = "best eager loop"


def serve(part: str, name: str, rows: int) -> None:
    """Runs an epoch of a contender for each line of the standard input, and prints its seconds."""
    import torch
    from speed_loops import LOOPS
    from speed_networks import WORK

    torch.set_num_threads(1)
    loop = LOOPS[name](WORK[part], rows)
    for _ in sys.stdin:
        print(f"seconds {next(loop)}", flush=True)


class Contender:
    """A contender in its process.

    Args:
        part: "a", "b" or "c".
        name: of the contender.
        rows: number of rows of an epoch.
    """

    def __init__(self, part: str, name: str, rows: int) -> None:
        self.name = name
        self._start([sys.executable, __file__, "--serve", part, name, "--rows", str(rows)], os.environ)

    def _start(self, command: list[str], variables: Mapping[str, str]) -> None:
        environment = {**variables, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr(), text=True, env=environment
        )

    def _stderr(self) -> IO[str] | None:
        """Where errors are written; None for the terminal."""
        return None

    def epoch(self) -> float:
        """Seconds of the next epoch."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # a process that has ended prints nothing
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise ContenderError(f"{self.name} failed.")

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


class ContenderError(Exception):
    """A contender does not run."""


class Peer(Contender):
    """Another library, in an environment of its own.

    Args:
        part: "b" or "c".
        name: a key of `speed_peers.MODULES`.
        python: the program that runs it.
        file: of the rows.
    """

    def __init__(self, part: str, name: str, python: str, file: Path) -> None:
        self.name = name
        self._errors = file.with_name(f"{name}.txt")
        threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [python, str(Path(__file__).with_name("speed_peers.py")), name, part, str(file)]
        self._start(command, {**variables, **threads})

    def _stderr(self) -> IO[str]:
        return self._errors.open("w")

    def reason(self) -> str:
        """The last error that it wrote before it ended, or its last line."""
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        errors = [line for line in lines if "Error: " in line]
        return (errors or lines or ["it ended without a message"])[-1].strip()


def started_peers(part: str, rows: int, peers: Mapping[str, str], folder: Path) -> Iterator[Peer]:
    """The peers whose first epoch runs; of the others, the reason is printed."""
    import numpy as np
    from speed_networks import WORK

    _, (first, numbers), classes, answers = WORK[part].rows(rows)
    file = folder / "rows.npz"
    np.savez(file, first=np.asarray(first), numbers=numbers, classes=classes, answers=answers)
    for name, python in peers.items():
        try:
            peer = Peer(part, name, python, file)
        except OSError as error:
            print(f"({part}) {name}: is not installed: {error}", flush=True)
            continue
        try:
            peer.epoch()
        except ContenderError:
            peer.close()
            print(f"({part}) {name}: does not run: {peer.reason()}", flush=True)
        else:
            yield peer


def epochs(
    part: str, rows: int, rounds: int, peers: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str, float, float]]:
    """Contender, its seconds per epoch, and the ratio to the best eager loop; the first epoch is not counted."""
    from speed_loops import LOOPS

    contenders = [Contender(part, name, rows) for name in LOOPS]
    first = {contender.name: contender.epoch() for contender in contenders}
    if peers and part in "bc":
        with tempfile.TemporaryDirectory() as folder:
            contenders += started_peers(part, rows, peers, Path(folder))
    seconds = [{contender.name: contender.epoch() for contender in contenders} for _ in range(rounds)]
    for contender in contenders:
        name = contender.name
        ratio = median(times[name] / times[RIVAL] for times in seconds)
        yield part, name, median(times[name] for times in seconds), ratio
        if "compile" in name and name != "medley, eager":
            yield part, f"{name}: first epoch", first[name], first[name] / median(times[RIVAL] for times in seconds)
        contender.close()


def images(count: int, rounds: int) -> Iterator[tuple[str, str, float, float]]:
    """Decoding of JPEG files, beside Pillow's best rate on all cores."""
    from speed_calls import medley_seconds, pillow_seconds, write_images

    os.environ["MEDLEY_CACHE"] = "off"
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(Path(folder), count)
        medley_seconds(paths[:8])
        times = [(pillow_seconds(paths, cores), medley_seconds(paths)) for _ in range(rounds)]
    yield "d", f"Pillow, {cores} threads", median(hand for hand, _ in times), 1.0
    yield "d", "medley", median(ours for _, ours in times), median(ours / hand for hand, ours in times)


def search(rows: int, trials: int, runs: int, executors: list[str]) -> Iterator[tuple[str, str, float, float]]:
    """Trials of 3 epochs of (a), beside as many runs by hand: wall and CPU seconds."""
    from speed_calls import search_by_hand, search_by_medley

    wall, cpu = (trials * seconds for seconds in search_by_hand(rows, runs, 3))
    yield "e", f"{trials} runs of the best eager loop", wall, 1.0
    yield "e", f"{trials} runs of the best eager loop, CPU", cpu, 1.0
    for executor in executors:
        seconds = search_by_medley(rows, trials, 3, None if executor == "auto" else executor)
        name = "as it chooses" if executor == "auto" else executor
        yield "e", f"medley, {name}", seconds[0], seconds[0] / wall
        yield "e", f"medley, {name}, CPU", seconds[1], seconds[1] / cpu


def predict(rows: int) -> Iterator[tuple[str, str, float, float]]:
    """One row and all rows, beside the bare network."""
    from speed_calls import predictions

    seconds = predictions(rows)
    for name, value in seconds.items():
        yield "f", name, value, value / seconds[f"bare, {name.partition(', ')[2]}"]


def starts(rounds: int) -> Iterator[tuple[str, str, float, float]]:
    """New processes: wall seconds, and CPU seconds over those of `import torch`."""
    from speed_calls import STARTS, small_table, start_seconds

    with tempfile.TemporaryDirectory() as folder:
        places = small_table(Path(folder))
        programs = {name: program.format(**places) for name, program in STARTS.items()}
        times = [{name: start_seconds(program) for name, program in programs.items()} for _ in range(rounds)]
    for name in programs:
        extra = median(each[name][1] - each["import torch"][1] for each in times)
        yield "g", f"{name} ({extra:+.2f} CPU s)", median(each[name][0] for each in times), float("nan")


def growth(rows: int) -> Iterator[tuple[str, str, float, float]]:
    """Epochs of (a) with more and more rows: microseconds per row should not grow."""
    from speed_calls import growth as measure

    for count, hand, ours in measure(rows):
        yield "h", f"{count} rows, {1e6 * ours / count:.1f} us a row", ours, ours / hand


def main() -> None:
    """Prints all figures, and writes them to a file named after the hardware."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="abcdefgh")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--runs", type=int, help="runs by hand in part e, scaled to all trials (default: one per trial)"
    )
    parser.add_argument("--executors", default="auto,serial", help="of part e; the first compiles, if it does")
    parser.add_argument("--quick", action="store_true", help="few rows: to see that everything runs")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--device", default="cpu", help="of parts a, b and c: cpu or cuda")
    parser.add_argument("--peers", default="", help="other libraries in parts b and c: name=python,name=python")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        part, name = args.serve
        serve(part, name, args.rows)
        return
    os.environ["SPEED_DEVICE"] = args.device
    peers = dict(peer.split("=", 1) for peer in args.peers.split(",") if peer)
    rows, files, trials = (4_000, 400, 6) if args.quick else (args.rows, 5_000, 20)
    parts = {
        **{part: lambda part=part: epochs(part, rows, args.rounds, peers) for part in "abc"},
        "d": lambda: images(files, args.rounds),
        "e": lambda: search(rows, trials, args.runs or trials, args.executors.split(",")),
        "f": lambda: predict(4_000 if args.quick else 100_000),
        "g": lambda: starts(args.rounds),
        "h": lambda: growth(1_000 if args.quick else 4_000),
    }
    lines = [("part", "contender", "seconds", "ratio")]
    chosen = args.parts.replace(",", "")
    if unknown := set(chosen) - parts.keys():
        parser.error(f"--parts names letters from a to h, such as aeg; got {''.join(sorted(unknown))!r}.")
    for part in chosen:
        for row in parts[part]():
            lines.append((row[0], row[1], f"{row[2]:.4f}", f"{row[3]:.3f}"))
            print(f"({row[0]}) {row[1]:45} {row[2]:9.3f} s   x {row[3]:.2f}", flush=True)
    if not args.quick:
        name = f"speed-{platform.machine()}-{os.cpu_count()}-cores-{args.device}.csv"
        args.results.mkdir(parents=True, exist_ok=True)
        with (args.results / name).open("w", newline="") as file:
            csv.writer(file).writerows(lines)


if __name__ == "__main__":
    main()
