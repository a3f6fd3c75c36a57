"""Methods of models whose work is done by packages above this one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from medley.core.registry import operation
from medley.model.affinity import TaskAffinity
from medley.model.attribution import Attributions
from medley.model.importance import Importance
from medley.tables.predict_options import OnUnreadable
from medley.tables.predictor import Predictor

StudentSize = Literal["small", "medium", "large"]
"""How large the network of a distilled model is."""


class ModelOperations(Predictor, ABC):
    """Reports on a model, explanations, and distillation: methods call registered functions (`registry.operation`)."""

    def report(
        self, path: str | Path, x: Any = None, y: Any = None, *, root: str | Path | None = None, examples: bool = True
    ) -> Path:
        """Writes a report on the model: one HTML file that needs nothing else, or a model card.

        Args:
            path: `<name>.html`; `<name>.md` for a model card in Markdown with a YAML head (`MODEL_CARD.md`);
                `<name>.json` for the numbers behind the page.
            x: labelled rows that the model has not learnt, as in `evaluate`: metrics, plots and examples are of these.
                Left out, the report shows the predictions for validation rows that the model keeps.
            y: as in `evaluate`.
            root: as in `predict`.
            examples: whether the report shows rows, with their images and texts; private columns are never shown.

        Returns:
            The path of the file.

        Raises:
            ConfigError, DataError: a row or an argument breaks a rule, or the file cannot be written.
        """
        return operation("report.page")(self, path, x, y, root=root, examples=examples)

    def _repr_html_(self) -> str:
        return operation("report.notebook")(self)

    def importance(
        self,
        x: Any,
        y: Any = None,
        *,
        groups: Mapping[str, Sequence[str]] | Literal["associated"] | None = None,
        repeats: int = 5,
        time_limit: float | None = 60.0,
        max_rows: int | None = 2000,
        sample_weight: Any = None,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
        seed: int = 0,
        verbose: int = 1,
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
            time_limit: seconds, or None; all columns are permuted once before any is again, and the result lists what
                was left out.
            max_rows: of more rows, as many are drawn at random.
            sample_weight: as in `evaluate`.
            root: as in `predict`.
            on_unreadable: as in `predict`.
            seed: of the permutations.
            verbose: 1 shows a bar on a terminal or in a notebook, 0 nothing.

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
            verbose=verbose,
        )

    def attribute(
        self,
        x: Any,
        target: str | None = None,
        label: Any = None,
        *,
        background: Any = None,
        samples: int = 64,
        steps: int = 8,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
        seed: int = 0,
        verbose: int = 1,
    ) -> Attributions:
        """What each column of a row, each word of its texts and each pixel of its images added to its prediction.

        Columns of other rows are exchanged for those of the row, one after the other, in random orders: the mean change
        is the Shapley value of a column, and the sum over columns is the prediction minus the mean prediction for the
        other rows, exactly. Texts are exchanged word by word. What an image, recording or series adds is located by
        integrated gradients. All parts of a model take part: linear paths, embeddings, members of ensembles. Sources
        are in `report/exchange_paths.py` and `report/integrated_gradients.py`.

        Args:
            x: as in `predict`: the rows to explain.
            target: the head whose output is explained; all, if left out.
            label: the class whose probability is explained; by default the most probable one.
            background: as `x`: the rows that each row is compared with, such as validation rows. Left out, each row is
                compared with one in which every cell is missing.
            samples: orders per row; more give smaller standard errors.
            steps: of the integrals; 0 leaves out pixels and steps of series, which is faster.
            root: as in `predict`.
            on_unreadable: as in `predict`.
            seed: of the orders.
            verbose: 1 shows a bar on a terminal or in a notebook, 0 nothing.

        Returns:
            One attribution per row and target: probabilities of classes, numbers in the unit of the target.

        Raises:
            ConfigError, DataError: an argument or a row breaks a rule.
        """
        return operation("report.attribution")(
            self,
            x,
            target,
            label,
            background=background,
            samples=samples,
            steps=steps,
            root=root,
            on_unreadable=on_unreadable,
            seed=seed,
            verbose=verbose,
        )

    def distil(
        self,
        x: Any,
        y: Any = None,
        *,
        size: StudentSize = "medium",
        label_weight: float = 0.5,
        epochs: int | None = None,
        batch_size: int | None = None,
        validation_split: float = 0.2,
        root: str | Path | None = None,
        seed: int = 0,
        time_limit: float | None = None,
    ) -> Self:
        """Trains one small network, the student, to predict what this model predicts: less accurate, but faster.

        The student has the inputs and targets of this model, and no linear path, folds, neighbouring rows or pretrained
        encoders. Its loss is a mean of two: against the labels, where there are any, and against the outputs of this
        model, the teacher, which tell more than labels do. If the rows are those that the teacher was trained on,
        outputs out of fold are used where it kept them (`validation`). Source: G. Hinton, O. Vinyals, J. Dean,
        "Distilling the Knowledge in a Neural Network", 2015, https://arxiv.org/abs/1503.02531.

        Args:
            x: as in `evaluate`; rows without labels are welcome, and all labels may be missing.
            y: as in `evaluate`.
            size: `"small"`, `"medium"` (one network of two layers of 64 units, or of three of 128), or `"large"` (four
                of the latter).
            label_weight: weight of the loss against labels, from 0 to 1.
            epochs: number of epochs; chosen by the inputs if left out.
            batch_size: rows per step; chosen by the number of rows if left out.
            validation_split: fraction of the rows by which the best epoch is chosen and the price is measured. For the
                rows that the teacher was trained on, its own validation rows, or one of its folds.
            root: as in `predict`.
            seed: of the split, the initial weights, and the order of rows.
            time_limit: seconds for the training, or None.

        Returns:
            A model of its own. `metadata["distilled"]` says what it was distilled from; its `"price"` lists metrics on
            validation rows, size and speed of both.

        Raises:
            ConfigError, DataError: an argument or a row breaks a rule.
        """
        return operation("auto.distil")(
            self,
            x,
            y,
            size=size,
            label_weight=label_weight,
            epochs=epochs,
            batch_size=batch_size,
            validation_split=validation_split,
            root=root,
            seed=seed,
            time_limit=time_limit,
        )

    def task_affinity(
        self,
        x: Any,
        y: Any = None,
        *,
        max_rows: int | None = 1000,
        sample_weight: Any = None,
        root: str | Path | None = None,
        seed: int = 0,
    ) -> TaskAffinity:
        """Whether training for one task helps another: gradients compared, and gains of single steps.

        Nothing is trained: steps are taken in a copy of the network, and gains are measured on other rows than those of
        a step. Source: C. Fifty et al., "Efficiently Identifying Task Groupings for Multi-Task Learning", NeurIPS
        2021.

        Args:
            x: as in `evaluate`: labelled rows, best such that the model has not learnt.
            y: as in `evaluate`.
            max_rows: of more rows, as many are drawn at random.
            sample_weight: as in `evaluate`.
            root: as in `predict`.
            seed: of the drawing, and of the halves of which one is used for steps.

        Raises:
            ConfigError, DataError: an argument or a row breaks a rule, or fewer than two tasks have labels.
        """
        return operation("report.task_affinity")(
            self, x, y, max_rows=max_rows, sample_weight=sample_weight, root=root, seed=seed
        )
