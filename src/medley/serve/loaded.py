"""A model that is loaded: what predicts, what its columns are, and how several requests are predicted together."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.row_reporting import RowWarning, WarningCollector
from medley.errors import MedleyError
from medley.serve.answers import Answer, answers_of
from medley.serve.fields import Field, Target, fields_of, targets_of
from medley.serve.influence import Influence, RawOutputs, influences
from medley.serve.input_rows import input_fields, input_rows
from medley.serve.refusal import CellError, Refusal, refuse_cells
from medley.serve.rows import Options, Rows
from medley.tables.answers import Answers
from medley.tables.columns.unreadable import describe_expected, shortened
from medley.tables.predictor import Predictor
from medley.tables.view import TableView

_INTERVAL = 0.9
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""An image file of one pixel."""


@dataclass(frozen=True)
class Predicted:
    """The result of a request.

    Args:
        columns: names and cells of the columns of predictions and probabilities.
        answers: per row.
        warnings: cells that were treated as missing, and other remarks on rows.
        influences: per row and target, where asked for.
    """

    columns: Sequence[tuple[Any, Any]]
    answers: Sequence[Answer]
    warnings: Sequence[CellError] = ()
    influences: Sequence[Mapping[str, Sequence[Influence]]] = ()


class Loaded:
    """One version of a model.

    Args:
        name: under which it is served.
        predictor: predicts; was fitted to a table, or to inputs.
        engine: "onnx" or "torch".
        version: changes with the model.
    """

    def __init__(self, name: str, predictor: Predictor, engine: str, version: str) -> None:
        self.name = name
        self.predictor = predictor
        self.engine = engine
        self.version = version
        self.view = predictor.table
        self.fields: list[Field] = input_fields(predictor) if self.view is None else fields_of(predictor, self.view)
        self.targets: list[Target] = targets_of(predictor)
        self.interval = self._usual_interval()

    def state(self) -> dict[str, Any]:
        """The model as JSON values, for clients that make requests for it."""
        return {
            "name": self.name,
            "version": self.version,
            "engine": self.engine,
            "interval": self.interval,
            "reads_table": self.view is not None,
            "fields": [field.state() for field in self.fields],
            "targets": [target.state() for target in self.targets],
        }

    def _usual_interval(self) -> float | None:
        """The probability of the intervals that the page shows; None where the model knows none."""
        prior = {head: codec.prior[None] for head, codec in self.predictor.targets.items()}
        try:
            self.predictor.answer_columns(prior, interval=_INTERVAL)
        except MedleyError:
            return None
        return _INTERVAL

    def warm_up(self) -> None:
        """Predicts an empty and an example row, so that no client waits for what is done only once."""
        images = {"image": _PIXEL, "images": [_PIXEL]}
        example = {field.name: images.get(field.control, field.example) for field in self.fields}
        self.predict([dict.fromkeys(example), example], Options(on_unreadable="warn"))

    def predict(self, rows: Rows, options: Options) -> Predicted:
        """Predicts the rows of one request.

        Raises:
            Refusal: a row cannot be predicted.
        """
        result = self.predict_all([(rows, options)])[0]
        if isinstance(result, Refusal):
            raise result
        return result

    def predict_all(self, requests: Sequence[tuple[Rows, Options]]) -> list[Predicted | Refusal]:
        """Predicts several requests in one pass of the network; each gets what it would have got by itself.

        Args:
            requests: rows as `rows.checked_rows` returns them, of types that agree (`batching.groups_of`), and options.
        """
        rows = [row for request_rows, _ in requests for row in request_rows]
        if not rows:
            raw = {head: codec.prior[None][:0] for head, codec in self.predictor.targets.items()}
            return [self._result_or_refusal([], {}, raw, options) for _, options in requests]
        try:
            raw, remarks = self.compute(rows)
        except MedleyError as error:
            if len(requests) > 1:  # only the request at fault gets the error
                return [result for request in requests for result in self.predict_all([request])]
            return [Refusal(422, str(error))]
        results: list[Predicted | Refusal] = []
        start = 0
        for request_rows, options in requests:
            stop = start + len(request_rows)
            own = {row - start: remarks[row] for row in range(start, stop) if row in remarks}
            part = {head: array[start:stop] for head, array in raw.items()}
            results.append(self._result_or_refusal(request_rows, own, part, options))
            start = stop
        return results

    def compute(self, rows: Rows) -> tuple[dict[str, np.ndarray], dict[int, list[CellError]]]:
        """Raw outputs by head, and by row the remarks on its cells.

        Raises:
            MedleyError: the rows cannot be predicted.
        """
        with WarningCollector() as collector:
            remarks: dict[int, list[CellError]] = {}
            if self.view is None:
                x, unreadable = input_rows(self.predictor, rows)
                for error in unreadable:
                    remarks.setdefault(error.row or 0, []).append(error)
                raw = self.predictor.predict_raw(x)
            else:
                raw = self._raw_of_table(self.view, rows, remarks)
            warnings = list(collector.warnings)
            collector.warnings.clear()  # they are in the answer, and not on the console of the server
        for warning in warnings:
            _add_remarks(warning, remarks)
        return raw, remarks

    def _raw_of_table(self, view: TableView, rows: Rows, remarks: dict[int, list[CellError]]) -> dict[str, np.ndarray]:
        """Raw outputs by head; cells that cannot be read are added to the remarks."""
        table = view.read(rows)
        for name, places in view.unparsed(table, targets=False).items():
            expected = describe_expected(view.schema, name)
            for row in places.tolist():
                message = f"{shortened(table.frame[name].iloc[row])} is not a {expected}."
                remarks.setdefault(row, []).append(CellError(row, name, message))
        return self.predictor.raw_of_table(table)

    def _result_or_refusal(
        self, rows: Rows, remarks: Mapping[int, Sequence[CellError]], raw: RawOutputs, options: Options
    ) -> Predicted | Refusal:
        try:
            return self._result(rows, remarks, raw, options)
        except Refusal as refusal:
            return refusal

    def _result(
        self, rows: Rows, remarks: Mapping[int, Sequence[CellError]], raw: RawOutputs, options: Options
    ) -> Predicted:
        listed = [CellError(row, cell.column, cell.message) for row, cells in remarks.items() for cell in cells]
        if options.on_unreadable == "raise":
            refuse_cells(listed)
        columns = self._columns(raw, options)
        explained = self._influences(rows, raw, options) if options.explain and rows else []
        return Predicted(columns, answers_of(columns, self.targets), listed, explained)

    def _influences(self, rows: Rows, raw: RawOutputs, options: Options) -> list[dict[str, list[Influence]]]:
        def answer(outputs: RawOutputs) -> Answers:
            return Answers(self.predictor.targets, self.predictor.trust, outputs, options.calibrated)

        by_head = influences(lambda changed: self.compute(changed)[0], answer, rows, raw)
        return [{str(target.name): row[target.head] for target in self.targets} for row in by_head]

    def _columns(self, raw: RawOutputs, options: Options) -> list[tuple[Any, Any]]:
        is_empty = not len(next(iter(raw.values())))
        template = {head: codec.prior[None] for head, codec in self.predictor.targets.items()} if is_empty else raw
        try:
            columns = self.predictor.answer_columns(
                template, proba=options.probabilities, interval=options.interval, calibrated=options.calibrated
            )
        except MedleyError as error:  # the model knows no intervals
            raise Refusal(422, str(error)) from None
        return [(name, cells[:0]) for name, cells in columns] if is_empty else columns


def _add_remarks(warning: RowWarning, remarks: dict[int, list[CellError]]) -> None:
    """Adds what a warning says about rows: files that cannot be read."""
    column = warning.prefix.rstrip(": ")
    for item in warning.items:
        if hasattr(item, "reason"):  # unreadable cells are listed completely already
            remarks.setdefault(item.row, []).append(CellError(item.row, column, f"{getattr(item, 'reason')}."))  # noqa: B009
