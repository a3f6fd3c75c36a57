"""A project on disk: `project.json`, a line per trial in `trials.jsonl`, the best models under `trials/`."""

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
    """Writes a search down as it goes, so that a killed one can be resumed and a finished one opened.

    Args:
        folder: the project's folder.

    A folder looks like this: `project.json` (what the project is about), `trials.jsonl` (one line per finished
    trial), `trials/<number>/` (a saved model each, the best only).
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def exists(self) -> bool:
        """Whether a project is here."""
        return (self.folder / "project.json").is_file()

    def begin(self, digest: str, *, overwrite: bool, choices: Mapping[str, Any] | None = None) -> str | None:
        """Opens the project of this digest, or makes room for it.

        Args:
            digest: tells data, graph and settings apart.
            overwrite: delete what is here.
            choices: what the time limit decided before the search, for a call that resumes it.

        Returns:
            A sentence to report (another project was moved aside, a search is resumed), or None.
        """
        told = None
        if overwrite and self.exists:
            self._clear()
        elif self.exists and self._about().get("digest") != digest:
            aside = self._aside()
            self.folder.rename(aside)
            told = f"{self.folder} held another project (other data or settings); it was moved to {aside}."
        else:
            told = self._resume()
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"digest": digest, "choices": dict(choices or {})}
        write_file(self.folder / "project.json", json.dumps(about).encode())
        return told

    def _resume(self) -> str | None:
        lines, results = self._lines(), self.results()
        done = [one for one in results if one.state == "complete"]
        if not done:  # what made all trials fail may be mended by now
            self._clear()
            return None
        if not self._holds(min(done, key=_rank)):
            self._clear()
            return f"{self.folder} lacks the model of its best trial, so its {len(results)} trials are run again."
        # Anew without the line that a killed run was writing, else the next one would be glued to it.
        write_file(self.folder / "trials.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        return f"{self.folder} holds {len(results)} trials of this project; the search resumes from there."

    def results(self) -> list[TrialResult]:
        """All trials that have been written down."""
        return [_outcome(line) for line in self._lines()]

    def add(self, result: TrialResult, trial: optuna.trial.FrozenTrial) -> None:
        """Writes a trial down, with all that samplers and pruners know of it."""
        from optuna.distributions import distribution_to_json

        told = {
            "params": trial.params,
            "distributions": {name: distribution_to_json(one) for name, one in trial.distributions.items()},
            "curve": trial.intermediate_values,
            "system": trial.system_attrs,
        }
        line = {**asdict(result), "asked": told}
        with (self.folder / "trials.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def replay(self, study: optuna.Study) -> None:
        """Tells a sampler of the trials that were written down."""
        from optuna.distributions import json_to_distribution
        from optuna.trial import TrialState, create_trial

        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        for line in self._lines():
            told = line["asked"]
            study.add_trial(
                create_trial(
                    state=states[line["state"]],
                    value=line["score"] if line["state"] == "complete" else None,
                    params=told["params"],
                    distributions={name: json_to_distribution(one) for name, one in told["distributions"].items()},
                    intermediate_values={int(epoch): value for epoch, value in told["curve"].items()},
                    system_attrs=told["system"],
                )
            )

    def save(self, number: int, model: Model) -> None:
        """Writes a trial's model; one that holds parts without a registered name stays in memory only."""
        try:
            model.save(self.folder / "trials" / str(number))
        except ArtifactError as error:
            warn(f"The model of trial {number} is kept in memory only, so a new process cannot open it: {error}")

    def load(self, number: int, device: torch.device | str) -> Model:
        """Reads a trial's model."""
        return load(self.folder / "trials" / str(number), device)

    def retain(self, numbers: list[int]) -> None:
        """Deletes the models of all other trials."""
        for one in (self.folder / "trials").glob("*"):
            if one.is_dir() and one.name not in map(str, numbers):
                shutil.rmtree(one)

    def best(self) -> int | None:
        """The number of the best trial whose model is here."""
        here = [one for one in self.results() if one.state == "complete" and self._holds(one)]
        return min(here, key=_rank).number if here else None

    def _holds(self, result: TrialResult) -> bool:
        return (self.folder / "trials" / str(result.number) / "model.json").is_file()

    @property
    def choices(self) -> dict[str, Any]:
        """What the time limit decided when the project began; empty where there is none."""
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
        found = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:  # the line that a killed run was writing
                break
        return found

    def _clear(self) -> None:
        # Only what a project writes is deleted: the folder may hold other things of the caller's.
        shutil.rmtree(self.folder / "trials", ignore_errors=True)
        for name in ("trials.jsonl", "project.json"):
            (self.folder / name).unlink(missing_ok=True)

    def _aside(self) -> Path:
        number = 1
        while (aside := self.folder.with_name(f"{self.folder.name}-before-{number}")).exists():
            number += 1
        return aside


def _rank(result: TrialResult) -> tuple[float, int]:
    return result.score, result.number


def _outcome(line: dict[str, Any]) -> TrialResult:
    told = {key: value for key, value in line.items() if key != "asked"}
    return TrialResult(**{**told, "records": [Record(**record) for record in told["records"]]})
