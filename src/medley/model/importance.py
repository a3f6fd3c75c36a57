"""Importance of columns, inputs and modalities, as measured by `Model.importance`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from medley.core.registry import operation
from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Level = Literal["modality", "input", "group", "column"]
OVERALL = "all tasks"
"""Name under which the mean over tasks of their relative losses is measured."""


@dataclass(frozen=True)
class Measurement:
    """How much worse predictions are without something.

    Args:
        level: `"column"` or `"group"` (cells permuted between rows), `"input"` or `"modality"` (absent in all rows).
        name: of the column, group, input or modality.
        members: the columns or inputs that it consists of.
        task: of the predictions, or `"all tasks"`.
        metric: `"loss"`, `"relative_loss"` (the loss divided by that of the best constant prediction; for all tasks,
            their mean), or a metric of the task.
        values: how much worse the metric is, one value per repetition; positive where it is worse.
    """

    level: Level
    name: str
    members: tuple[str, ...]
    task: str
    metric: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean of the repetitions."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """The standard deviation of the repetitions; NaN for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else float("nan")


@dataclass(frozen=True)
class Importance:
    """Importance of columns, groups, inputs and modalities for each task.

    Args:
        measurements: by level, name, task and metric.
        scores: task -> metric -> score of the model as it is.
        rows: number of rows that were predicted.
        left_out: what could not be measured in the time limit.
        seconds: that the measurement took.
    """

    measurements: tuple[Measurement, ...]
    scores: Mapping[str, Mapping[str, float]]
    rows: int
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks."""
        return list(self.scores)

    @property
    def frame(self) -> pd.DataFrame:
        """A row per measurement: `level`, `name`, `task`, `metric`, `importance`, `std`, `repeats`."""
        import pandas as pd

        columns = ["level", "name", "task", "metric", "importance", "std", "repeats"]
        rows = [(m.level, m.name, m.task, m.metric, m.mean, m.std, len(m.values)) for m in self.measurements]
        return pd.DataFrame(rows, columns=columns)

    def ranking(
        self, level: Level = "column", task: str | None = None, metric: str = "relative_loss"
    ) -> list[Measurement]:
        """The measurements of one level, the most important first.

        Args:
            level: as of `Measurement`.
            task: its name; left out, that of a single task, or all tasks together.
            metric: as of `Measurement`.

        Raises:
            ConfigError: nothing of this name was measured.
        """
        task = task or (self.tasks[0] if len(self.tasks) == 1 else OVERALL)
        for value, argument in ((task, "task"), (metric, "metric")):
            names = sorted({getattr(measurement, argument) for measurement in self.measurements})
            if names and value not in names:
                raise ConfigError(
                    f"is {value!r}, which was not measured.{did_you_mean(value, names)}", argument=argument
                )
        chosen = [m for m in self.measurements if (m.level, m.task, m.metric) == (level, task, metric)]
        return sorted(chosen, key=lambda measurement: -measurement.mean)

    def plot(
        self, level: Level = "column", task: str | None = None, metric: str = "relative_loss", top: int = 20
    ) -> Figure:
        """Bars, the longest first. Needs `medley[plot]`.

        Args:
            level: as of `ranking`, like the next two.
            task: likewise.
            metric: likewise.
            top: number of bars.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        return operation("report.importance_plot")(self, level, task, metric, top)

    def _repr_html_(self) -> str:
        return operation("report.notebook")(self)
