"""Base class of everything that predicts: accepts rows in any form, returns labels and frames. Does not need torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import numpy as np

from medley.core.codec import TargetCodec
from medley.data.datasets import rows_only
from medley.data.rows import arrange, check_counts
from medley.data.sources import Source
from medley.errors import ConfigError
from medley.tables.answer_forms import checked_frame
from medley.tables.answers import Answers, RowNotes
from medley.tables.columns.schema import Schema
from medley.tables.columns.unreadable import check_policy, report_unreadable
from medley.tables.predict_options import OnUnreadable, PredictOptions, ProbaOptions
from medley.tables.reading.frames import like
from medley.tables.reading.read import Table
from medley.tables.row_counts import has_no_rows, rows_per_pass, without_absent
from medley.tables.row_predictor import RowPredictor
from medley.tables.view import TableView, is_table
from medley.trust.set_decision import with_decision, without_decision
from medley.trust.trust import Trust

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    Frame = TypeVar("Frame", pd.DataFrame, pl.DataFrame)


class Predictor(ABC):
    """Predicts with fitted target codecs and, where there is one, a table view; subclasses compute the raw outputs.

    Args:
        targets: head name -> fitted target codec, in order.
        table: for models that were fitted to a table: how tables are read.
        trust: what is known about how far predictions can be trusted.

    Attributes:
        sources: the encodings that the network reads.
    """

    sources: list[Source]

    def __init__(
        self, targets: Mapping[str, TargetCodec], table: TableView | None = None, trust: Trust | None = None
    ) -> None:
        self.targets = dict(targets)
        self.table = table
        self.trust = trust or Trust()

    @property
    @abstractmethod
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order `predict` takes them."""

    @abstractmethod
    def _compute_raw(self, x: Mapping[str, Any], batch_size: int) -> dict[str, np.ndarray]:
        """Compute raw outputs (B, K) by head name from rows by input name; None is an input absent in all rows."""

    @abstractmethod
    def _row_notes(self, x: Mapping[str, Any], batch_size: int) -> RowNotes:
        """Note how unusual rows are and what they lack, given rows by input name."""

    @property
    def output_names(self) -> list[str]:
        """Names of the heads, in the order `predict` returns them."""
        return list(self.targets)

    @overload
    def predict(self, x: Frame, batch_size: int | None = None, **options: Unpack[PredictOptions]) -> Frame: ...
    @overload
    def predict(self, x: Any, batch_size: int | None = None, **options: Unpack[PredictOptions]) -> Any: ...
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        proba: bool = False,
        interval: float | None = None,
        calibrated: bool = True,
        explain: bool = False,
        on_unreadable: OnUnreadable = "warn",
    ) -> Any:
        """Predict in the types and units of the training targets, in the order of the rows.

        Args:
            x: rows of every input: a list in order, a dict by name (None where an input is absent in all
                rows), or the rows themselves where there is one input. A model that was fitted to a table also takes a
                table: a file, a frame, a dict of columns; additional columns are ignored, and any order will do.
            batch_size: maximum number of rows per forward pass; it only affects memory and speed.
            root: the folder that relative paths in a table's cells start from; by default the folder of the file.
            proba: whether to return the probabilities of `predict_proba` as well; rows are read and run once for both.
            interval: a probability such as 0.9: adds intervals that hold the true number, and sets that hold the true
                class, of so many of the rows that are drawn like the training rows (split-conformal prediction).
            calibrated: whether probabilities are calibrated on validation rows, and numbers with a long tail corrected
                to means, where that has improved them; the predicted classes are the same.
            explain: whether to note for each row how unusual it is among the training rows, and what it lacks.
            on_unreadable: for cells of a table that cannot be read as the kind of their column (another unit, words
                among numbers, infinities): `"warn"` counts them as missing and lists them in one
                `UnreadableCellWarning`, `"raise"` raises a `DataError` that lists them.

        Returns:
            One array for one head; else a list in the heads' order, or a dict by name where `x` was one. For a table, a
            frame with its index (one of polars, for one of polars): a column per target, and `<target>_probability` for
            classes. An empty input gives an empty result. With `proba`, a pair of predictions and probabilities; for a
            table, one frame with a column `<target>_<class>` per class after those of the predictions. With `interval`,
            a `NumberInterval` or `ClassSet` in place of an array; for a table, columns `<target>_low` and
            `<target>_high`, or `<target>_set` with a list of classes. Sets of labels have none. With `explain`, columns
            `unusual` (1: more unusual than all training rows) and `missing` (names of columns, as a list); for other
            inputs, a tuple that ends with `RowNotes`.

        Raises:
            DataError: the rows do not match the training data; all errors are reported at once.
            ConfigError: `interval` is no probability, or needs more validation rows than the model has.
        """
        if self._is_table(x):
            options: dict[str, Any] = {"proba": proba, "interval": interval, "calibrated": calibrated}
            options["explain"] = explain
            return self.predict_frame(x, batch_size, root=root, on_unreadable=on_unreadable, **options)
        answers = Answers(self.targets, self.trust, self.predict_raw(x, batch_size), calibrated)
        results: dict[str, Any] = answers.predictions()
        if interval is not None:
            results |= answers.intervals(interval)
        returned = [self._as_passed(results, x)]
        if proba:
            returned.append(self._as_passed(answers.probabilities(), x))
        if explain:
            returned.append(self._notes(self._inputs_of(x, root, on_unreadable), batch_size))
        return tuple(returned) if len(returned) > 1 else returned[0]

    @overload
    def predict_proba(self, x: Frame, batch_size: int | None = None, **options: Unpack[ProbaOptions]) -> Frame: ...
    @overload
    def predict_proba(self, x: Any, batch_size: int | None = None, **options: Unpack[ProbaOptions]) -> Any: ...
    def predict_proba(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        calibrated: bool = True,
        on_unreadable: OnUnreadable = "warn",
    ) -> Any:
        """Predict class probabilities (B, classes), in the order of `labels`; for numeric targets, the prediction.

        Arguments and errors are those of `predict`. For a table, a frame with a column `<target>_<class>` per class.
        """
        if self._is_table(x):
            options: dict[str, Any] = {"labels": False, "proba": True, "calibrated": calibrated}
            return self.predict_frame(x, batch_size, root=root, on_unreadable=on_unreadable, **options)
        answers = Answers(self.targets, self.trust, self.predict_raw(x, batch_size), calibrated)
        return self._as_passed(answers.probabilities(), x)

    def predict_raw(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        on_unreadable: OnUnreadable = "warn",
    ) -> dict[str, np.ndarray]:
        """Return raw network outputs by head name, each (B, K): logits, or numbers in standardised units.

        They are neither calibrated nor moved by thresholds.
        """
        return self._raw_of_inputs(self._inputs_of(x, root, on_unreadable), batch_size)

    def set_threshold(
        self,
        target: str | None = None,
        *,
        metric: str | None = None,
        precision: float | None = None,
        recall: float | None = None,
        threshold: float | None = None,
        costs: Any = None,
        positive: Any = None,
    ) -> dict[str, Any]:
        """Set how `predict` decides between the classes of a target; save the model afterwards.

        Probabilities stay as they are. Thresholds are of calibrated probabilities, and are chosen on the validation
        rows that the model holds: those of two classes, or of each label of sets. What they reach there is slightly
        better than on new rows.

        Args:
            target: head name; may be left out where only one target has classes.
            metric: chooses the threshold with the best `"f1"`, `"balanced_accuracy"`, `"mcc"` or `"accuracy"`.
            precision: chooses the threshold with the highest recall among those with at least this precision.
            recall: chooses the threshold with the highest precision among those with at least this recall.
            threshold: the probability from which the positive class, or each label, is predicted.
            costs: of errors, for any number of classes: `costs[true][predicted]`, a dict of dicts or a matrix in the
                order of `labels`; the class with the least expected cost is predicted.
            positive: the positive one of two classes; by default, the second of `labels`.

        Returns:
            What was decided: the threshold, and `scores`: name -> value at 0.5 and at the threshold, on validation
            rows.

        Raises:
            ConfigError: not exactly one way to decide is passed, it is wrong, or no threshold reaches it.
        """
        ways = {"metric": metric, "precision": precision, "recall": recall, "threshold": threshold, "costs": costs}
        self.trust, head = with_decision(self.trust, self.targets, target, positive, ways)
        return dict(self.trust.decisions[head].rule)

    def reset_threshold(self, target: str | None = None) -> None:
        """Predict the most probable class again.

        Args:
            target: head name; left out, all targets.

        Raises:
            ConfigError: there is no such target.
        """
        self.trust = without_decision(self.trust, self.targets, target)

    def labels(self, head: str | None = None) -> list[Any] | None:
        """The classes of a head, in the order of its probabilities; None for numeric targets."""
        return self.targets[head or self.output_names[0]].labels

    def _raw_of_inputs(self, x: Any, batch_size: int | None) -> dict[str, np.ndarray]:
        """Return raw outputs of rows per input; a dict of inputs that are named like their columns is no table here."""
        inputs = arrange(x, self.input_names, "x")
        if has_no_rows(inputs):
            return {name: codec.prior[None][:0] for name, codec in self.targets.items()}
        check_counts(without_absent(inputs))
        return self._compute_raw(inputs, rows_per_pass(batch_size))

    def _notes(self, x: Any, batch_size: int | None) -> RowNotes:
        inputs = arrange(x, self.input_names, "x")
        return RowNotes(np.zeros(0), []) if has_no_rows(inputs) else self._row_notes(inputs, rows_per_pass(batch_size))

    def _is_table(self, x: Any) -> bool:
        return self.table is not None and is_table(x, self.input_names, self.table.required)

    def _inputs_of(self, x: Any, root: str | Path | None, on_unreadable: str) -> Any:
        check_policy(on_unreadable)
        if self.table is None or not self._is_table(x):
            return rows_only(x, self.input_names, self.output_names)
        return self._inputs_of_table(self.table.read(x, root), on_unreadable)

    def raw_of_table(
        self, table: Table, batch_size: int | None = None, *, on_unreadable: OnUnreadable = "warn"
    ) -> dict[str, np.ndarray]:
        """Return raw outputs by head name, each (B, K), of the rows of a table that `table.read` read."""
        return self._raw_of_inputs(self._inputs_of_table(table, on_unreadable), batch_size)

    def _inputs_of_table(self, table: Table, on_unreadable: str) -> dict[str, Any]:
        """Input name -> rows of a table; cells that cannot be read are reported."""
        assert self.table is not None
        report_unreadable(table, self.table.schema, self.table.unparsed(table, targets=False), on_unreadable)
        return self.table.x(table)

    def predict_frame(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        labels: bool = True,
        proba: bool = False,
        interval: float | None = None,
        calibrated: bool = True,
        explain: bool = False,
        on_unreadable: OnUnreadable = "warn",
    ) -> Any:
        """Predict a table: the columns of `predict`, of `predict_proba`, or of both.

        Args:
            x: a table.
            batch_size: rows per forward pass.
            root: as in `predict`.
            labels: whether to include the columns of `predict`.
            proba: whether to include those of `predict_proba`, after them.
            interval: as in `predict`; its columns follow those of `predict`.
            calibrated: as in `predict`.
            explain: as in `predict`; its columns are the last ones.
            on_unreadable: as in `predict`.

        Returns:
            A frame of polars for one of polars, else one of pandas.
        """
        check_policy(on_unreadable)
        assert self.table is not None
        rows = self.table.read(x, root, empty=True)
        if len(rows):
            raw = self.raw_of_table(rows, batch_size, on_unreadable=on_unreadable)
            index = rows.index
        else:
            # Predict one dummy row and drop it: only a prediction has the right columns and types.
            raw, index = {name: codec.prior[None] for name, codec in self.targets.items()}, [0]
        options: dict[str, Any] = {"labels": labels, "proba": proba, "interval": interval, "calibrated": calibrated}
        columns = self.answer_columns(raw, **options)
        if explain:
            notes = self._notes(self.table.x(rows), batch_size) if len(rows) else RowNotes(np.zeros(1), [[]])
            columns += [("unusual", notes.unusual), ("missing", notes.missing)]
        frame = checked_frame(columns, index)
        return like(frame if len(rows) else frame.iloc[:0].set_axis(rows.index), x)

    def predictor(
        self,
        *,
        proba: bool = False,
        interval: float | None = None,
        calibrated: bool = True,
        on_unreadable: OnUnreadable = "warn",
    ) -> RowPredictor:
        """Prepare to predict single rows, for servers: `model.predictor()({"age": 3, "kind": "dog"})`.

        Args:
            proba: whether answers hold a probability per class, too.
            interval: as in `predict`.
            calibrated: as in `predict`.
            on_unreadable: as in `predict`.

        Raises:
            ConfigError: the model was not fitted to a table, or `on_unreadable` is no policy.
        """
        check_policy(on_unreadable)
        if self.table is None:
            inputs = ", ".join(self.input_names)
            raise ConfigError(f"The model reads no table of columns: pass its inputs ({inputs}) to predict().")
        # A method with arguments can be pickled; a function defined here could not.
        answer = partial(
            self._answer_table, on_unreadable=on_unreadable, proba=proba, interval=interval, calibrated=calibrated
        )
        return RowPredictor(self.table, answer)

    def _answer_table(self, table: Table, *, on_unreadable: OnUnreadable, **options: Any) -> list[tuple[Any, Any]]:
        return self.answer_columns(self.raw_of_table(table, on_unreadable=on_unreadable), **options)

    def answer_columns(
        self,
        raw: Mapping[str, np.ndarray],
        *,
        labels: bool = True,
        proba: bool = False,
        interval: float | None = None,
        calibrated: bool = True,
    ) -> list[tuple[Any, Any]]:
        """Names and cells of the columns that `predict_frame` returns; without a table, heads are the targets.

        Args:
            raw: head name -> raw outputs (B, K).
            labels: as in `predict_frame`.
            proba: as in `predict_frame`.
            interval: as in `predict_frame`.
            calibrated: as in `predict_frame`.
        """
        view = self.answer_view
        answers = Answers(self.targets, self.trust, raw, calibrated)
        probabilities = answers.probabilities()
        classes = {name: codec.labels for name, codec in self.targets.items()}
        if not labels:
            return view.probabilities(probabilities, classes, quantiles=answers.quantiles(probabilities))
        intervals = {} if interval is None else answers.intervals(interval)
        arguments = (answers.confidence(probabilities), classes, intervals, answers.quantiles(probabilities))
        columns = view.predictions(answers.predictions(), *arguments)
        return [*columns, *(view.probabilities(probabilities, classes, numbers=False) if proba else ())]

    @property
    def answer_view(self) -> TableView:
        """Writes predictions as columns: as the table had them, or under the names of the heads."""
        return self.table or TableView(Schema(()), (), {name: name for name in self.targets})

    def _as_passed(self, results: dict[str, np.ndarray], x: Any) -> Any:
        if isinstance(x, Mapping) and set(x) == set(self.input_names) and len(results) > 1:
            return results
        return next(iter(results.values())) if len(results) == 1 else list(results.values())
