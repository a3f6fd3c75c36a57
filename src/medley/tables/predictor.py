"""What any predictor does around its numbers: rows of every form in, labels and frames out. Knows no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.arguments import check_whole_number
from medley.core.codec import TargetCodec
from medley.data.rows import arrange, check_counts, count
from medley.errors import ConfigError, DataError, ErrorCollector
from medley.tables.reading.read import Table
from medley.tables.view import TableView, is_table

if TYPE_CHECKING:
    import pandas as pd


class Predictor(ABC):
    """Fitted target codecs, and the way a table is read, around something that computes raw outputs.

    Args:
        targets: head name -> fitted target codec, in order.
        table: for models that were fitted to a table: how they read one.
    """

    def __init__(self, targets: Mapping[str, TargetCodec], table: TableView | None = None) -> None:
        self.targets = dict(targets)
        self.table = table

    @property
    @abstractmethod
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order `predict` takes them."""

    @abstractmethod
    def _raw(self, x: Mapping[str, Any], batch_size: int) -> dict[str, np.ndarray]:
        """Raw outputs by head name, each (B, K), of rows by input name; None is an input that is wholly absent."""

    @property
    def output_names(self) -> list[str]:
        """Names of the heads, in the order `predict` returns them."""
        return list(self.targets)

    def predict(self, x: Any, batch_size: int | None = None, *, root: str | Path | None = None) -> Any:
        """Predictions in the types and units of the training targets, in the rows' order.

        Args:
            x: rows of every input: a list in order, a dict by name (None where an input is wholly absent), or the
                rows themselves where there is one input. A model that was fitted to a table also takes a table: a
                file, a frame, a dict of columns; columns may be more, and in another order.
            batch_size: rows per pass; bounds memory only.
            root: the folder that paths in a table's cells count from; a file's own folder, if left out.

        Returns:
            One array for one head; else a list in the heads' order, or a dict by name where `x` was one. For a table a
            frame with its index: a column per target, and `<target>_probability` for classes. No rows give none.

        Raises:
            DataError: the rows do not fit what was trained on; all errors at once.
        """
        if self._is_table(x):
            return self.predict_frame(x, batch_size, root=root)
        raw = self.predict_raw(x, batch_size)
        return self._shaped({name: _read(codec.decode, raw[name], codec) for name, codec in self.targets.items()}, x)

    def predict_proba(self, x: Any, batch_size: int | None = None, *, root: str | Path | None = None) -> Any:
        """Probabilities (B, classes) per classification head (columns as in `labels`); for numbers, the prediction.

        Args and errors: as `predict`. For a table, a frame with a column `<target>_<class>` per class.
        """
        if self._is_table(x):
            return self.predict_frame(x, batch_size, root=root, labels=False, proba=True)
        raw = self.predict_raw(x, batch_size)
        sure = {name: _read(codec.probabilities, raw[name], codec) for name, codec in self.targets.items()}
        return self._shaped(sure, x)

    def predict_raw(
        self, x: Any, batch_size: int | None = None, *, root: str | Path | None = None
    ) -> dict[str, np.ndarray]:
        """Raw network outputs by head name, each (B, K): logits, or numbers in standardised units."""
        named = arrange(self._x(x, root), self.input_names, "x")
        if _is_empty(named):
            return {name: codec.prior[None][:0] for name, codec in self.targets.items()}
        check_counts(given(named))
        return self._raw(named, rows_per_pass(batch_size))

    def labels(self, head: str | None = None) -> list[Any] | None:
        """The classes of a head in the order of its probabilities; None for numbers."""
        return self.targets[head or self.output_names[0]].labels

    def _is_table(self, x: Any) -> bool:
        return self.table is not None and is_table(x, self.input_names, self.table.required)

    def _x(self, x: Any, root: str | Path | None) -> Any:
        return self.table.x(self.table.read(x, root)) if self.table is not None and self._is_table(x) else x

    def predict_frame(
        self,
        x: Any,
        batch_size: int | None = None,
        *,
        root: str | Path | None = None,
        labels: bool = True,
        proba: bool = False,
    ) -> pd.DataFrame:
        """As `predict` of a table, `predict_proba`, or both at once.

        Args:
            x: a table.
            batch_size: rows per pass.
            root: as in `predict`.
            labels: whether to have the columns of `predict`.
            proba: whether to have those of `predict_proba`, behind them.
        """
        assert self.table is not None
        known = self.table.read(x, root, empty=True)
        if len(known):
            return self._frame(known, self.predict_raw(self.table.x(known), batch_size), labels=labels, proba=proba)
        # A row is predicted and left out: only predictions tell which columns there are, and of which types.
        one = replace(known, frame=known.frame.reset_index(drop=True).reindex([0]))
        raw = {name: codec.prior[None] for name, codec in self.targets.items()}
        return self._frame(one, raw, labels=labels, proba=proba).iloc[:0].set_axis(known.frame.index)

    def _frame(self, table: Table, raw: Mapping[str, np.ndarray], *, labels: bool, proba: bool) -> pd.DataFrame:
        assert self.table is not None
        sure = {name: self.targets[name].probabilities(one) for name, one in raw.items()}
        classes = {name: codec.labels for name, codec in self.targets.items()}
        if not labels:
            return self.table.probabilities(table, sure, classes)
        decoded = {name: self.targets[name].decode(one) for name, one in raw.items()}
        found = self.table.predictions(table, decoded, sure, classes)
        more = self.table.probabilities(table, sure, classes) if proba else found.iloc[:, :0]
        return found.assign(**{name: more[name] for name in more.columns if name not in found.columns})

    def _shaped(self, found: dict[str, np.ndarray], x: Any) -> Any:
        if isinstance(x, Mapping) and set(x) == set(self.input_names) and len(found) > 1:
            return found
        return next(iter(found.values())) if len(found) == 1 else list(found.values())


def _read(read: Callable[[np.ndarray], np.ndarray], raw: np.ndarray, codec: TargetCodec) -> np.ndarray:
    """Raw outputs read by a codec; of no rows, the form that a row would have."""
    return read(raw) if len(raw) else read(codec.prior[None])[:0]


def _is_empty(x: Mapping[str, Any]) -> bool:
    try:
        return {count(values) for values in given(x).values()} == {0}
    except DataError:  # whoever counts them next tells what is wrong
        return False


def given(x: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that have rows to count: one that is None is wholly absent."""
    return {name: values for name, values in x.items() if values is not None}


def rows_per_pass(batch_size: Any) -> int:
    """The rows that go through a network at once; 1024 where the caller does not say.

    Raises:
        ConfigError: it is not a whole number of at least 1.

    >>> rows_per_pass(None), rows_per_pass(64)
    (1024, 64)
    """
    if batch_size is None:
        return 1024
    rows = int(batch_size) if isinstance(batch_size, np.integer) else batch_size
    errors = ErrorCollector()
    check_whole_number(errors, rows, "batch_size")
    errors.raise_if_any(ConfigError)
    return rows
