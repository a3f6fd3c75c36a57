"""What any predictor does around its numbers: rows of every form in, labels and frames out. Knows no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.codec import TargetCodec
from medley.data.forms import arrange, check_counts
from medley.data.table_view import TableView, is_table
from medley.errors import ConfigError


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
            frame with its index: a column per target, and `<target>_probability` for classes.

        Raises:
            DataError: the rows do not fit what was trained on; all mistakes at once.
        """
        if self._is_table(x):
            return self._by_table(x, batch_size, root)
        raw = self.predict_raw(x, batch_size)
        return self._shaped({name: self.targets[name].decode(one) for name, one in raw.items()}, x)

    def predict_proba(self, x: Any, batch_size: int | None = None, *, root: str | Path | None = None) -> Any:
        """Probabilities (B, classes) per classification head (columns as in `labels`); for numbers, the prediction.

        Args and errors: as `predict`. For a table, a frame with a column `<target>_<class>` per class.
        """
        if self._is_table(x):
            return self._by_table(x, batch_size, root, probabilities=True)
        raw = self.predict_raw(x, batch_size)
        return self._shaped({name: self.targets[name].probabilities(one) for name, one in raw.items()}, x)

    def predict_raw(
        self, x: Any, batch_size: int | None = None, *, root: str | Path | None = None
    ) -> dict[str, np.ndarray]:
        """Raw network outputs by head name, each (B, K): logits, or numbers in standardised units."""
        named = arrange(self._x(x, root), self.input_names, "x")
        check_counts(given(named))
        return self._raw(named, rows_per_pass(batch_size))

    def labels(self, head: str | None = None) -> list[Any] | None:
        """The classes of a head in the order of its probabilities; None for numbers."""
        return self.targets[head or self.output_names[0]].labels

    def _is_table(self, x: Any) -> bool:
        return self.table is not None and is_table(x, self.input_names, self.table.required)

    def _x(self, x: Any, root: str | Path | None) -> Any:
        return self.table.x(self.table.read(x, root)) if self.table is not None and self._is_table(x) else x

    def _by_table(self, x: Any, batch_size: int | None, root: str | Path | None, *, probabilities: bool = False) -> Any:
        assert self.table is not None
        known = self.table.read(x, root)
        raw = self.predict_raw(self.table.x(known), batch_size)
        sure = {name: self.targets[name].probabilities(one) for name, one in raw.items()}
        labels = {name: codec.labels for name, codec in self.targets.items()}
        if probabilities:
            return self.table.probabilities(known, sure, labels)
        found = {name: self.targets[name].decode(one) for name, one in raw.items()}
        return self.table.predictions(known, found, sure, labels)

    def _shaped(self, found: dict[str, np.ndarray], x: Any) -> Any:
        if isinstance(x, Mapping) and set(x) == set(self.input_names) and len(found) > 1:
            return found
        return next(iter(found.values())) if len(found) == 1 else list(found.values())


def given(x: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that have rows to count: one that is None is wholly absent."""
    return {name: values for name, values in x.items() if values is not None}


def rows_per_pass(batch_size: Any) -> int:
    """The rows that go through a network at once; 1024 where the caller does not say.

    Raises:
        ConfigError: it is no whole number of at least 1.

    >>> rows_per_pass(None), rows_per_pass(64)
    (1024, 64)
    """
    if batch_size is None:
        return 1024
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ConfigError(f"batch_size must be a whole number of at least 1, got {batch_size!r}.")
    return int(batch_size)
