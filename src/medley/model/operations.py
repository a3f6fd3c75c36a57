"""Methods of models whose work is done by packages above this one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from medley.core.registry import operation
from medley.model.importance import Importance
from medley.tables.predictor import OnUnreadable, Predictor


class ModelOperations(Predictor, ABC):
    """Reports and explanations of a model: each method calls a registered function (`core.registry.operation`)."""

    def report(
        self, path: str | Path, x: Any = None, y: Any = None, *, root: str | Path | None = None, examples: bool = True
    ) -> Path:
        """Writes a report on the model: one HTML file that needs nothing else, or a model card.

        Args:
            path: `<name>.html`, or `<name>.md` for a model card in Markdown with a YAML head (`MODEL_CARD.md`).
            x: labelled rows that the model has not learnt, as in `evaluate`: figures, plots and examples are of these.
                Left out, the report holds what the model knows of its training.
            y: as in `evaluate`.
            root: as in `predict`.
            examples: whether the report shows rows, with their images and texts; private columns are never shown.

        Returns:
            The path of the file.

        Raises:
            ConfigError, DataError: a row or an argument breaks a rule, or the file cannot be written.
        """
        return operation("report.page")(self, path, x, y, root=root, examples=examples)

    def importance(
        self,
        x: Any,
        y: Any = None,
        *,
        groups: Mapping[str, Sequence[str]] | Literal["associated"] | None = None,
        repeats: int = 5,
        time_limit: float | None = None,
        max_rows: int | None = 2000,
        sample_weight: Any = None,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Importance:
        """How much worse predictions are without each column, input and modality, for every task.

        The cells of a column, or of a group of columns together, are permuted between rows; inputs and modalities are
        absent in all rows, as the network takes them. Nothing is trained. Source of permutation importance: L. Breiman,
        "Random Forests", Machine Learning 45 (2001).

        Args:
            x: as in `evaluate`: labelled rows that the model has not learnt.
            y: as in `evaluate`.
            groups: columns that are also permuted together: a dict from a name to columns, or `"associated"` for those
                that nearly determine each other, as each of them alone seems unimportant.
            repeats: permutations of each column.
            time_limit: seconds; all columns are permuted once before any is again, and the result lists what was left.
            max_rows: of more rows, as many are drawn at random.
            sample_weight: as in `evaluate`.
            root: as in `predict`.
            on_unreadable: as in `predict`.
            seed: of the permutations.
            progress: called with the number of finished measurements, and of all.

        Raises:
            ConfigError, DataError: an argument or a row breaks a rule.
        """
        return operation("report.importance")(
            self,
            x,
            y,
            groups=groups,
            repeats=repeats,
            time_limit=time_limit,
            max_rows=max_rows,
            sample_weight=sample_weight,
            root=root,
            on_unreadable=on_unreadable,
            seed=seed,
            progress=progress,
        )
