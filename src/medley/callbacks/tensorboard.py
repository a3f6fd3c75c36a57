"""Writes a search to TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from medley.callbacks.callback import Callback, Logs, finite_numbers, hyperparameters
from medley.errors import MissingDependencyError


class TensorBoard(Callback):
    """Writes the metrics of every epoch, a folder per trial, for `tensorboard --logdir FOLDER`.

    At the end of a trial, its hyperparameters are written with its score (tab "HParams").

    Args:
        folder: of the event files; trial 3 is written to `trial_3` in it.

    Raises:
        MissingDependencyError: tensorboard is not installed (`medley[tracking]`).
    """

    is_essential: ClassVar[bool] = False

    def __init__(self, folder: str | Path = "runs") -> None:
        self.folder = Path(folder)
        self._writers: dict[int, Any] = {}
        self._writer_class = _summary_writer()

    def on_train_begin(self, logs: Logs) -> None:
        self._writers[self.trial] = self._writer_class(str(self.folder / f"trial_{self.trial}"))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for name, value in finite_numbers(logs).items():
            self._writers[self.trial].add_scalar(name, value, epoch)

    def on_train_end(self, logs: Logs) -> None:
        writer = self._writers.pop(self.trial)
        values = {
            name: value if isinstance(value, int | float | str | bool) else str(value)
            for name, value in hyperparameters(logs).items()
        }
        score = finite_numbers({"hparam/score": logs["score"]})
        if values and score:
            writer.add_hparams(values, score, run_name=".")
        writer.close()

    def on_search_end(self, logs: Logs) -> None:
        for writer in self._writers.values():  # of trials that were interrupted
            writer.close()
        self._writers.clear()


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        message = "The callback TensorBoard needs tensorboard."
        raise MissingDependencyError(message, package="tensorboard", extra="tracking") from error
    return SummaryWriter
