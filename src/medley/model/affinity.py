"""Affinity of tasks, as measured by `Model.task_affinity`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from medley.core.registry import operation

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class TaskAffinity:
    """How the tasks of a model help or disturb each other.

    Args:
        tasks: their names.
        cosine: (T, T) cosine between the gradients of two tasks' losses by the weights that they share: 1 where they
            pull in the same direction, -1 where in opposite ones; NaN where they share none.
        gain: (T, T) fraction by which one training step for the task of the row lowers the loss of the task of the
            column, on rows that the step does not use; negative where it raises it, NaN where they share no weights.
        shared: (T, T) number of weights that two tasks share, or shared until each kept those of its own best epoch.
        rows: number of rows.
    """

    tasks: tuple[str, ...]
    cosine: np.ndarray
    gain: np.ndarray
    shared: np.ndarray
    rows: int

    @property
    def frame(self) -> pd.DataFrame:
        """A row per pair of tasks: `task`, `other`, `cosine`, `gain`, `shared`."""
        import pandas as pd

        pairs = [(i, j) for i in range(len(self.tasks)) for j in range(len(self.tasks)) if i != j]
        rows = [
            (self.tasks[i], self.tasks[j], self.cosine[i, j], self.gain[i, j], int(self.shared[i, j])) for i, j in pairs
        ]
        return pd.DataFrame(rows, columns=["task", "other", "cosine", "gain", "shared"])

    def plot(self, values: Literal["cosine", "gain"] = "cosine") -> Figure:
        """One of the matrices. Needs `medley[plot]`.

        Args:
            values: which one.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        return operation("report.affinity_plot")(self, values)

    def _repr_html_(self) -> str:
        return operation("report.notebook")(self)
