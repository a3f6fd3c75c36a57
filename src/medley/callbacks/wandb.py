"""Writes a search to Weights & Biases."""

from __future__ import annotations

from pathlib import Path
from time import strftime
from typing import Any, ClassVar, Literal

from medley.callbacks.callback import Callback, Logs, finite_numbers, hyperparameters
from medley.errors import MissingDependencyError


class WandB(Callback):
    """Writes a run of Weights & Biases per trial, all of one group: metrics by epoch, hyperparameters, score.

    Args:
        project: its name.
        mode: `"online"`, or `"offline"`: runs are written to `directory`, and `wandb sync` uploads them.
        directory: of the files of runs; default: the current one.
        group: name of the search; default: the time at which it begins.

    Raises:
        MissingDependencyError: wandb is not installed (`medley[tracking]`).
    """

    is_essential: ClassVar[bool] = False

    def __init__(
        self,
        project: str = "medley",
        mode: Literal["online", "offline"] = "online",
        directory: str | Path | None = None,
        group: str | None = None,
    ) -> None:
        self.project, self.mode, self.directory, self.group = project, mode, directory, group
        self._wandb = _wandb()
        self._runs: dict[int, Any] = {}

    def on_search_begin(self, logs: Logs) -> None:
        self.group = self.group or strftime("search %Y-%m-%d %H:%M:%S")

    def on_train_begin(self, logs: Logs) -> None:
        self._runs[self.trial] = self._wandb.init(
            project=self.project,
            mode=self.mode,
            dir=None if self.directory is None else str(self.directory),
            group=self.group,
            name=f"trial {self.trial}",
            reinit="create_new",  # trials may run side by side
            settings=self._wandb.Settings(silent=True),
        )

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._runs[self.trial].log(finite_numbers(logs), step=epoch)

    def on_train_end(self, logs: Logs) -> None:
        run = self._runs.pop(self.trial)
        run.config.update(hyperparameters(logs))
        run.summary.update({**finite_numbers({"score": logs["score"]}), "state": logs["state"]})
        run.finish(exit_code=1 if logs["state"] == "failed" else 0)

    def on_search_end(self, logs: Logs) -> None:
        for run in self._runs.values():
            run.finish(exit_code=255)
        self._runs.clear()


def _wandb() -> Any:
    try:
        import wandb  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        message = "The callback WandB needs wandb."
        raise MissingDependencyError(message, package="wandb", extra="tracking") from error
    return wandb
