"""The folder of a project: its trials and its best models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medley.core.files import write_file
from medley.errors import ArtifactError, warn
from medley.model.artifact import load
from medley.model.model import Model
from medley.model.records import Record
from medley.search.trial import TrialResult

if TYPE_CHECKING:
    import optuna


class Store:
    """The folder of a project: records a search, so that it can be resumed if interrupted, and opened if finished.

    The folder contains `project.json` (a checksum of data and settings), `trials.jsonl` (one line per finished
    trial), and `trials/<number>/` (the saved models of the best trials).

    Args:
        folder: the project's folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def exists(self) -> bool:
        """Whether the folder contains a project."""
        return (self.folder / "project.json").is_file()

    def begin(self, digest: str, *, overwrite: bool, choices: Mapping[str, Any] | None = None) -> str | None:
        """Opens the project with this digest, or creates it.

        Args:
            digest: a checksum of data, graph and settings.
            overwrite: whether to delete an existing project.
            choices: what the time limit decided before the search; a call that resumes it uses them again.

        Returns:
            A message for the user (another project was moved aside, a search is resumed), or None.
        """
        message = None
        if overwrite and self.exists:
            self._clear()
        elif self.exists and self._about().get("digest") != digest:
            aside = self._next_free_name()
            self.folder.rename(aside)
            message = f"{self.folder} held another project (other data or settings); it was moved to {aside}."
        else:
            message = self._resume()
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"digest": digest, "choices": dict(choices or {})}
        write_file(self.folder / "project.json", json.dumps(about).encode())
        return message

    def _resume(self) -> str | None:
        lines, results = self._lines(), self.results()
        done = [result for result in results if result.state == "complete"]
        if not done:  # the cause of the failures may have been fixed
            self._clear()
            return None
        if not self.has_model(min(done, key=_rank).number):
            self._clear()
            return f"{self.folder} lacks the model of its best trial, so its {len(results)} trials are run again."
        # Written again without the incomplete line of a killed run, since the next line would be appended to it.
        write_file(self.folder / "trials.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        return f"{self.folder} holds {len(results)} trials of this project; the search resumes from there."

    def results(self) -> list[TrialResult]:
        """The results of all finished trials."""
        return [_result(line) for line in self._lines()]

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
        line = {**asdict(result), "asked": optuna_state}
        with (self.folder / "trials.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def replay(self, study: optuna.Study) -> None:
        """Adds the recorded trials to a study."""
        from optuna.distributions import json_to_distribution
        from optuna.trial import TrialState, create_trial

        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        for line in self._lines():
            optuna_state = line["asked"]
            study.add_trial(
                create_trial(
                    state=states[line["state"]],
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
            )

    def save(self, number: int, model: Model) -> None:
        """Saves a trial's model; warns if it cannot be saved, since it contains parts without a registered name."""
        try:
            model.save(self.folder / "trials" / str(number))
        except ArtifactError as error:
            warn(f"The model of trial {number} is kept in memory only, so a new process cannot open it: {error}")

    def load(self, number: int, device: torch.device | str) -> Model:
        """Reads a trial's model."""
        return load(self.folder / "trials" / str(number), device)

    def retain(self, numbers: list[int]) -> None:
        """Deletes the models of all other trials."""
        for folder in (self.folder / "trials").glob("*"):
            if folder.is_dir() and folder.name not in map(str, numbers):
                shutil.rmtree(folder)

    def best(self) -> int | None:
        """The number of the best trial whose model is saved; None if there is none."""
        with_model = [
            result for result in self.results() if result.state == "complete" and self.has_model(result.number)
        ]
        return min(with_model, key=_rank).number if with_model else None

    def has_model(self, number: int) -> bool:
        """Whether the model of a trial is saved."""
        return (self.folder / "trials" / str(number) / "model.json").is_file()

    @property
    def choices(self) -> dict[str, Any]:
        """What the time limit decided when the project was created; empty without a project."""
        choices = self._about().get("choices") if self.exists else None
        return choices if isinstance(choices, dict) else {}

    def _about(self) -> dict[str, Any]:
        try:
            about = json.loads((self.folder / "project.json").read_text(encoding="utf-8"))
        except ValueError:
            return {}
        return about if isinstance(about, dict) else {}

    def _lines(self) -> list[dict[str, Any]]:
        path = self.folder / "trials.jsonl"
        if not path.is_file():
            return []
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:  # the incomplete line of a killed run
                break
        return lines

    def _clear(self) -> None:
        # Only the files of a project are deleted: the folder may contain other files of the caller.
        shutil.rmtree(self.folder / "trials", ignore_errors=True)
        for name in ("trials.jsonl", "project.json"):
            (self.folder / name).unlink(missing_ok=True)

    def _next_free_name(self) -> Path:
        number = 1
        while (aside := self.folder.with_name(f"{self.folder.name}-before-{number}")).exists():
            number += 1
        return aside


def _rank(result: TrialResult) -> tuple[float, int]:
    return result.score, result.number


def _result(line: dict[str, Any]) -> TrialResult:
    fields = {key: value for key, value in line.items() if key != "asked"}
    return TrialResult(**{**fields, "records": [Record(**record) for record in fields["records"]]})
