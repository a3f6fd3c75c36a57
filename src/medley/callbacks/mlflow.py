"""Writes a search to MLflow."""

from __future__ import annotations

from time import time
from typing import Any, ClassVar

from medley.callbacks.callback import Callback, Logs, finite_numbers, hyperparameters
from medley.errors import MissingDependencyError


class MLflow(Callback):
    """Writes a run of MLflow per search, with a nested run per trial: metrics by epoch, hyperparameters, score.

    Args:
        experiment: its name; created if there is none.
        tracking_uri: of a server, or a local store: `"sqlite:///mlflow.db"`.
        run_name: of the search.

    Raises:
        MissingDependencyError: mlflow is not installed (`medley[tracking]`).
    """

    is_essential: ClassVar[bool] = False

    def __init__(
        self, experiment: str = "medley", tracking_uri: str = "sqlite:///mlflow.db", run_name: str | None = None
    ) -> None:
        self.experiment, self.tracking_uri, self.run_name = experiment, tracking_uri, run_name
        self._mlflow = _mlflow()
        self._client: Any = None
        self._experiment_id = ""
        self._search: str | None = None
        self._runs: dict[int, str] = {}

    def on_search_begin(self, logs: Logs) -> None:
        self._client = self._mlflow.MlflowClient(tracking_uri=self.tracking_uri)
        known = self._client.get_experiment_by_name(self.experiment)
        self._experiment_id = self._client.create_experiment(self.experiment) if known is None else known.experiment_id
        self._search = self._client.create_run(self._experiment_id, run_name=self.run_name).info.run_id

    def on_train_begin(self, logs: Logs) -> None:
        tags = {"mlflow.parentRunId": self._search}
        run = self._client.create_run(self._experiment_id, tags=tags, run_name=f"trial {self.trial}")
        self._runs[self.trial] = run.info.run_id

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._log(self._runs[self.trial], logs, epoch)

    def on_train_end(self, logs: Logs) -> None:
        run = self._runs.pop(self.trial)
        # Metrics of the last epoch remain: those of the trained model are those of its best epoch.
        self._log(run, {name: logs[name] for name in ("score", "seconds", "size")}, 0)
        for name, value in hyperparameters(logs).items():
            self._client.log_param(run, _allowed(name), str(value)[:500])
        self._client.set_tag(run, "state", logs["state"])
        self._client.set_terminated(run, "FAILED" if logs["state"] == "failed" else "FINISHED")

    def on_search_end(self, logs: Logs) -> None:
        for run in self._runs.values():
            self._client.set_terminated(run, "KILLED")
        self._runs.clear()
        if self._search is not None:
            self._log(self._search, logs, 0)
            self._client.set_terminated(self._search)

    def _log(self, run: str, logs: Logs, step: int) -> None:
        now = int(time() * 1000)
        metric = self._mlflow.entities.Metric
        numbers = finite_numbers(logs)
        self._client.log_batch(
            run, metrics=[metric(_allowed(name), value, now, step) for name, value in numbers.items()]
        )


def _allowed(name: str) -> str:
    """A name with the characters that MLflow allows."""
    return "".join(letter if letter.isalnum() or letter in "_-. /:" else "_" for letter in name)


def _mlflow() -> Any:
    try:
        import mlflow  # pyright: ignore[reportMissingImports]
        import mlflow.entities  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        message = "The callback MLflow needs mlflow-skinny."
        raise MissingDependencyError(message, package="mlflow-skinny", extra="tracking") from error
    return mlflow
