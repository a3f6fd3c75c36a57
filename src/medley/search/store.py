"""The folder of a project: its trials and its best models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medley.core.files import remove_leftovers, write_file
from medley.errors import ArtifactError, ConfigError, warn
from medley.model.artifact import load
from medley.model.files import DESCRIPTION, read_description
from medley.model.model import Model
from medley.search.execute.shared_folder import EXECUTION
from medley.search.lock import ProjectLock
from medley.search.trial import TrialResult
from medley.search.trial_log import TrialLog, result_of

if TYPE_CHECKING:
    import optuna


class Store:
    """The folder of a project: records a search, so that it can be resumed if interrupted, and opened if finished.

    The folder contains `project.json` (a checksum of data and settings), `trials.jsonl` (one line per finished
    trial), `trials/<number>/` (the saved models of the best trials), and of trials that have not finished
    `checkpoints/<number>/` and `running/<number>.json`. Models that were found damaged are moved to `damaged/`.

    Args:
        folder: the project's folder.

    Attributes:
        log: the lines of finished trials.
        repeats: number of a trial that is run again, or continued -> the values of its parameters.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.log = TrialLog(self.folder / "trials.jsonl")
        self.repeats: dict[int, dict[str, Any]] = {}
        self._lock: ProjectLock | None = None

    @property
    def exists(self) -> bool:
        """Whether the folder contains a project."""
        return (self.folder / "project.json").is_file()

    def begin(
        self, digest: str, *, overwrite: bool, choices: Mapping[str, Any] | None = None, resume: bool = False
    ) -> str | None:
        """Opens the project with this digest, or creates it, and locks it until `end`.

        Args:
            digest: a checksum of data, graph and settings.
            overwrite: whether to delete an existing project.
            choices: what the time limit decided before the search; a call that resumes it uses them again.
            resume: whether only a search that exists is continued.

        Returns:
            A message for the user (another project was moved aside, a search is resumed), or None.

        Raises:
            ConfigError: another process is writing the project, or there is no search to resume.
            ArtifactError: the file of trials cannot be read.
        """
        message = None
        if resume and not self.exists:
            message = f"needs a search to continue, but there is none in {self.folder}."
            raise ConfigError(message, argument="resume")
        self._acquire()
        shutil.rmtree(self.folder / EXECUTION, ignore_errors=True)  # what workers of a killed search shared
        try:
            if overwrite and self.exists:
                self._clear()
            elif self.exists and self._about().get("digest") != digest:
                if resume:
                    message = f"needs the data, columns and settings of the search in {self.folder}, which are others."
                    raise ConfigError(message, argument="resume")
                message = self._move_aside()
            elif self.exists:
                message = self._resume()
            elif self.log.path.exists():  # not ours
                message = self._move_log_aside()
            self._write_about({"digest": digest, "choices": dict(choices or {})})
        except BaseException:
            self.end()
            raise
        return message

    def end(self) -> None:
        """Lets other processes write the project."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _acquire(self) -> None:
        self.end()
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        self._lock = ProjectLock(self.folder)
        self._lock.acquire()

    def _move_aside(self) -> str:
        aside = _next_free_name(self.folder)
        self.folder.rename(aside)
        self.log = TrialLog(self.log.path)
        self._acquire()
        return f"{self.folder} held another project (other data or settings); it was moved to {aside}."

    def _move_log_aside(self) -> str:
        aside = _next_free_name(self.log.path)
        self.log.path.rename(aside)
        self.log = TrialLog(self.log.path)
        return f"{self.log.path} is of no project; it was moved to {aside}."

    def _write_about(self, about: Mapping[str, Any]) -> None:
        try:
            write_file(self.folder / "project.json", json.dumps(about).encode())
        except OSError as error:
            reason = error.strerror or error
            warn(f"{self.folder} cannot be written ({reason}): the search runs in memory and cannot be resumed.")

    def _resume(self) -> str | None:
        lines = self.log.lines
        interrupted = [line for line in lines if line["state"] == "interrupted"]
        finished = {line["number"] for line in lines}
        self.repeats = {number: params for number, params in self._running().items() if number not in finished}
        self.repeats |= {line["number"]: line["asked"]["params"] for line in interrupted}
        lines = [line for line in lines if line["state"] != "interrupted"]
        messages = self._set_damaged_models_aside()
        done = [result_of(line) for line in lines if line["state"] == "complete"]
        if not done:  # the cause of the failures may have been fixed
            self.log.replace([])
            return " ".join(messages) or None
        best = min(done, key=_rank).number
        if not self.has_model(best):
            messages.append(f"{self.folder} lacks the model of its best trial, {best}, so it is run again.")
            self.repeats |= {line["number"]: line["asked"]["params"] for line in lines if line["number"] == best}
            lines = [line for line in lines if line["number"] != best]
        # Written again without the incomplete line of a killed run, since the next line would be appended to it.
        self.log.replace(lines)
        messages.append(f"{self.folder} holds {len(lines)} trials of this project; the search resumes from there.")
        return " ".join(messages)

    def _set_damaged_models_aside(self) -> list[str]:
        messages = []
        for folder in sorted((self.folder / "trials").glob("*")):
            if (folder / DESCRIPTION).is_file():
                remove_leftovers(folder)
                try:
                    read_description(folder)
                except ArtifactError as error:
                    aside = _next_free_name(self.folder / "damaged" / folder.name)
                    aside.parent.mkdir(exist_ok=True)
                    folder.rename(aside)
                    messages.append(f"The model of trial {folder.name} was moved to {aside}: {error}")
        return messages

    def results(self) -> list[TrialResult]:
        """The results of all finished trials."""
        return self.log.results()

    def add(self, result: TrialResult, trial: optuna.trial.FrozenTrial) -> None:
        """Records a trial, with all that samplers and pruners need."""
        from optuna.distributions import distribution_to_json

        optuna_state = {
            "params": trial.params,
            "distributions": {
                name: distribution_to_json(distribution) for name, distribution in trial.distributions.items()
            },
            "curve": trial.intermediate_values,
            "system": trial.system_attrs,
            "user": trial.user_attrs,
        }
        self.log.add({**asdict(result), "asked": optuna_state})
        with suppress(OSError):
            (self._running_folder / f"{result.number}.json").unlink(missing_ok=True)
            self._running_folder.rmdir()  # unless others run

    def note_running(self, number: int, params: Mapping[str, Any]) -> None:
        """Notes the values of a trial that begins: if the search is killed, the trial continues with them.

        The values cannot always be chosen again: with several workers they depend on which trials had finished.
        """
        with suppress(OSError):
            self._running_folder.mkdir(exist_ok=True)
            write_file(self._running_folder / f"{number}.json", json.dumps(dict(params)).encode())

    def _running(self) -> dict[int, dict[str, Any]]:
        """The values of the trials that ran when the search was killed, by number."""
        running = {}
        for path in self._running_folder.glob("*.json"):
            with suppress(OSError, ValueError):
                params = json.loads(path.read_text(encoding="utf-8"))
                if path.stem.isdigit() and isinstance(params, dict):
                    running[int(path.stem)] = params
        return running

    @property
    def _running_folder(self) -> Path:
        return self.folder / "running"

    def replay(self, study: optuna.Study) -> None:
        """Adds the recorded trials to a study."""
        from optuna.distributions import json_to_distribution
        from optuna.trial import TrialState, create_trial

        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        for line in self.log.lines:
            optuna_state = line["asked"]
            try:
                trial = create_trial(
                    state=states.get(line["state"], TrialState.FAIL),
                    value=line["score"] if line["state"] == "complete" else None,
                    params=optuna_state["params"],
                    distributions={
                        name: json_to_distribution(distribution)
                        for name, distribution in optuna_state["distributions"].items()
                    },
                    intermediate_values={int(epoch): value for epoch, value in optuna_state["curve"].items()},
                    system_attrs=optuna_state["system"],
                    user_attrs=optuna_state["user"],
                )
            except (ValueError, TypeError, KeyError) as error:
                warn(f"The tuner does not learn from trial {line['number']}, whose values are damaged: {error}")
                continue
            study.add_trial(trial)

    def save(self, number: int, model: Model) -> None:
        """Saves a trial's model; warns if it cannot be saved, since it contains parts without a registered name."""
        try:
            model.save(self.folder / "trials" / str(number))
        except ArtifactError as error:
            warn(f"The model of trial {number} is kept in memory only, so a new process cannot open it: {error}")

    def adopt(self, number: int, folder: Path) -> None:
        """Takes the folder of a saved model, in this project, as that of a trial."""
        target = self.folder / "trials" / str(number)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)

    def load(self, number: int, device: torch.device | str) -> Model:
        """Reads a trial's model."""
        return load(self.folder / "trials" / str(number), device)

    def retain(self, numbers: list[int]) -> None:
        """Deletes the models of all other trials."""
        for folder in (self.folder / "trials").glob("*"):
            if folder.is_dir() and folder.name not in map(str, numbers):
                shutil.rmtree(folder, ignore_errors=True)

    def checkpoints_folder(self, number: int) -> Path:
        """The folder of the checkpoints of a trial, which may not exist."""
        return self.folder / "checkpoints" / str(number)

    def best(self) -> int | None:
        """The number of the best trial whose model is saved and whole; None if there is none.

        Damaged models are reported.
        """
        finished = [result for result in self.results() if result.state in ("complete", "interrupted")]
        for result in sorted(finished, key=_rank):
            if self.has_model(result.number):
                try:
                    read_description(self.folder / "trials" / str(result.number))
                except ArtifactError as error:
                    warn(f"The model of trial {result.number} is left out: {error}")
                    continue
                return result.number
        return None

    def has_model(self, number: int) -> bool:
        """Whether the model of a trial is saved."""
        return (self.folder / "trials" / str(number) / DESCRIPTION).is_file()

    @property
    def choices(self) -> dict[str, Any]:
        """What the time limit decided when the project was created; empty without a project."""
        choices = self._about().get("choices") if self.exists else None
        return choices if isinstance(choices, dict) else {}

    def unfinished_choices(self, rows: int) -> dict[str, Any]:
        """What the time limit decided about codecs, where a trial has checkpoints and so must have the same codecs.

        Args:
            rows: number of training rows; another number is another project.

        Returns:
            Name of an input -> fields of its declaration.
        """
        choices = self.choices
        if choices.get("rows") != rows or not any((self.folder / "checkpoints").glob("*/*/*.json")):
            return {}
        codecs = choices.get("codecs")
        return codecs if isinstance(codecs, dict) else {}

    def _about(self) -> dict[str, Any]:
        try:
            about = json.loads((self.folder / "project.json").read_text(encoding="utf-8"))
        except (ValueError, OSError, RecursionError):
            return {}
        return about if isinstance(about, dict) else {}

    def _clear(self) -> None:
        # Only the files of a project are deleted: the folder may contain other files of the caller.
        for name in ("trials", "checkpoints", "running"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("trials.jsonl", "project.json"):
            (self.folder / name).unlink(missing_ok=True)
        self.log = TrialLog(self.log.path)


def _next_free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}-before-{number}")).exists():
        number += 1
    return aside


def _rank(result: TrialResult) -> tuple[float, int]:
    return result.score, result.number
