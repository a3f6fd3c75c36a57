"""What a search shows of its best model: in a notebook, and as a report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from medley.graph.graph import Graph
from medley.model.model import Model
from medley.report.notebook import search_view


class BestModelViews(ABC):
    """A report and a notebook's view of the best model of a search.

    Attributes:
        graph: as declared.
    """

    graph: Graph

    @abstractmethod
    def export_model(self) -> Model:
        """The best model."""

    def report(
        self, path: str | Path, x: Any = None, y: Any = None, *, root: str | Path | None = None, examples: bool = True
    ) -> Path:
        """Writes a report on the best model: `Model.report`, with the same arguments.

        Raises:
            NotFittedError: nothing is fitted.
            ConfigError, DataError: a row or an argument breaks a rule, or the file cannot be written.
        """
        return self.export_model().report(path, x, y, root=root, examples=examples)

    def _repr_html_(self) -> str:
        return search_view(self.graph, self.export_model, type(self).__name__)
