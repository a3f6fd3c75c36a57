"""Checkpoints of the trial that is running: where a killed search resumes it, in the middle of an epoch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from medley.core.files import write_file
from medley.errors import ArtifactError, warn
from medley.train.state import TrainingState

INTERVAL = 30.0
"""Default number of seconds between two checkpoints."""

MAX_COST = 0.02
"""Fraction of the time that writing checkpoints may take: where one takes long, they are written less often."""

MOST_ATTEMPTS = 5
"""At creating a folder."""

COPIES = ("a", "b")
"""Names of the two checkpoints that are kept of each stage, of which the older one is replaced."""

_KEY = "trial.json"

Take = Callable[[], TrainingState]


class TrialCheckpoints:
    """Writes checkpoints of a trial's training every so many seconds, and reads them back.

    Args:
        folder: for the checkpoints of this trial; None keeps none.
        interval: seconds between two checkpoints; None is `INTERVAL`.
        is_interrupted: asked after each step; where it is true, a checkpoint is written at once and `KeyboardInterrupt`
            raised.

    Attributes:
        seconds: that the trial ran before the checkpoint that it continues from.
        is_used: whether a state was handed out.
    """

    def __init__(
        self, folder: Path | None, interval: float | None = None, is_interrupted: Callable[[], bool] = lambda: False
    ) -> None:
        self.folder = folder
        self.interval = INTERVAL if interval is None else interval
        self.is_interrupted = is_interrupted
        self.seconds = 0.0
        self.is_used = False
        self._due = monotonic() + self.interval
        self._copy: dict[str, int] = {}

    def begin(self, key: str) -> None:
        """Keeps the checkpoints that are there if they are of the same training, and removes them otherwise.

        Args:
            key: a checksum of all that the training is made from.
        """
        if self.folder is None:
            return
        try:
            content = json.loads((self.folder / _KEY).read_text(encoding="utf-8"))
            is_same = isinstance(content, dict) and content.get("key") == key
        except (OSError, ValueError):
            is_same = False
        if not is_same:
            self.remove()
            self._try(lambda folder: (_create(folder), write_file(folder / _KEY, _json(key))))

    def state(self, stage: str) -> TrainingState | None:
        """The latest state of a stage that can be read, or None; damaged ones are reported.

        Args:
            stage: `"first"` or `"main"`.
        """
        states: list[tuple[int, TrainingState]] = []
        for place, copy in enumerate(COPIES):
            path = None if self.folder is None else self.folder / f"{stage}-{copy}"
            if path is None or not path.is_dir():
                continue
            try:
                states.append((place, TrainingState.load(path)))
            except ArtifactError as error:
                if any(path.glob("*.json")):
                    warn(f"A checkpoint is ignored: {error}")
        if not states:
            return None
        place, state = max(states, key=lambda entry: (entry[1].is_over, entry[1].step, len(entry[1].records)))
        self._copy[stage] = 1 - place
        self.seconds += state.elapsed
        self.is_used = True
        return state

    def offer(self, stage: str, take: Take) -> None:
        """Writes a checkpoint if it is time.

        Args:
            stage: of the training.
            take: gives the state.

        Raises:
            KeyboardInterrupt: the search was interrupted; the checkpoint is written.
        """
        if self.is_interrupted():
            self.save(stage, take)
            raise KeyboardInterrupt
        if self.folder is not None and monotonic() >= self._due:
            self.save(stage, take)

    def save(self, stage: str, take: Take) -> None:
        """Writes a checkpoint now, in place of the older one."""
        if self.folder is None:
            return
        start = monotonic()
        copy = self._copy.get(stage, 0)
        self._try(lambda folder: take().save(folder / f"{stage}-{COPIES[copy]}"))
        self._copy[stage] = 1 - copy
        end = monotonic()
        self._due = end + max(self.interval, (end - start) / MAX_COST)

    def remove(self) -> None:
        """Removes the checkpoints."""
        self._copy, self.seconds, self.is_used = {}, 0.0, False
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # others have checkpoints too
                self.folder.parent.rmdir()

    def _try(self, write: Callable[[Path], object]) -> None:
        """Writes; after a failure no more checkpoints are written, which is reported."""
        assert self.folder is not None
        try:
            write(self.folder)
        except OSError as error:
            warn(f"No checkpoints are kept: {self.folder} cannot be written ({error.strerror or error}).")
            self.folder = None


def _create(folder: Path) -> None:
    """Creates a folder and those above it, of which another trial may remove one that is empty in between."""
    for _ in range(MOST_ATTEMPTS - 1):
        with suppress(FileNotFoundError):
            folder.mkdir(parents=True)
            return
    folder.mkdir(parents=True)


def _json(key: str) -> bytes:
    return json.dumps({"key": key}).encode()
