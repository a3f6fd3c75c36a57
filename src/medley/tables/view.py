"""Between a table and a model: which columns feed which input, which are targets, how predictions become columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from medley.core.registry import lookup
from medley.tables.columns.cells import Cells, check_columns, table_cells
from medley.tables.columns.kind import kind_named
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table, read

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Feed:
    """One input of a model and the columns that feed it.

    Args:
        name: the input's name.
        columns: in order.
        input: the registered name of the input's class, which turns parsed columns into its rows.
    """

    name: str
    columns: tuple[str, ...]
    input: str


class TableView:
    """Reads the rows of a model out of a table, and writes its predictions as columns.

    Args:
        schema: what the columns hold, targets included.
        feeds: how inputs are fed.
        targets: head name -> its column.
    """

    def __init__(self, schema: Schema, feeds: Sequence[Feed], targets: Mapping[str, str]) -> None:
        self.schema = schema
        self.feeds = tuple(feeds)
        self.targets = dict(targets)

    @property
    def required(self) -> list[str]:
        """The columns that a prediction needs."""
        return [column for feed in self.feeds for column in feed.columns]

    @property
    def words(self) -> list[str]:
        """The columns that hold words, also where all of a table's happen to be digits."""
        guesses = (self.schema[name] for name in self._columns())
        return [guess.name for guess in guesses if kind_named(guess.kind).reads_as_text(guess.form)]

    def only(self, inputs: Collection[str]) -> TableView:
        """The same for some inputs, without targets."""
        return TableView(self.schema, [feed for feed in self.feeds if feed.name in inputs], {})

    def read(self, table: Any, root: Any = None, *, labelled: bool = False, empty: bool = False) -> Table:
        """A table of any form; columns that hold words stay words, however they look in this table.

        Args:
            table: rows.
            root: the folder that relative paths count from; the table's own, if left out.
            labelled: whether a target's column must be there too, one at least.
            empty: whether there may be no rows.

        Raises:
            DataError: it cannot be read, or lacks required columns (all are reported, each with the nearest present).
        """
        if empty and isinstance(table, list) and not table:
            table = {name: [] for name in self.required}
        known = read(table, root, as_text=self.words, empty=empty)
        lacking = [name for name in self.targets.values() if name not in known.frame.columns]
        wholly = labelled and len(lacking) == len(self.targets)
        check_columns(known, [*self.required, *lacking] if wholly else self.required)
        return known

    def labelled(self, table: Table) -> list[str]:
        """The heads whose targets' columns a table has."""
        return [head for head, name in self.targets.items() if name in table.frame.columns]

    def _columns(self) -> list[str]:
        return [*self.required, *self.targets.values()]

    def x(self, table: Table) -> dict[str, Any]:
        """Input name -> rows, as the input's codec reads them."""
        return {feed.name: self._feed(feed, table) for feed in self.feeds}

    def _feed(self, feed: Feed, table: Table) -> Any:
        cells = {column: self._read(column, table).values for column in feed.columns}
        return lookup(feed.input).rows_from_columns(cells, self.schema)

    def _read(self, column: str, table: Table) -> Cells:
        return table_cells(table, self.schema[column])

    def cells(self, table: Table) -> dict[str, Cells]:
        """The required columns, read."""
        return {name: self._read(name, table) for name in self.required}

    @property
    def files(self) -> list[str]:
        """The required columns whose cells may name files."""
        return [name for name in self.required if kind_named(self.schema[name].kind).names_files]

    def unparsed(self, table: Table) -> dict[str, np.ndarray]:
        """Column -> positions of rows whose cell is nothing of the column's kind, so that it counts as missing."""
        targets = [self.targets[head] for head in self.labelled(table)]
        known = self.cells(table) | {name: self._read(name, table) for name in targets}
        return {name: one.unparsed for name, one in known.items() if len(one.unparsed)}

    def y(self, table: Table, heads: Iterable[str] | None = None) -> dict[str, Any]:
        """Head name -> labels.

        Args:
            table: has the targets' columns.
            heads: which; all, if left out.

        Raises:
            DataError: a target's column is missing (all are reported).
        """
        wanted = {name: self.targets[name] for name in (self.targets if heads is None else heads)}
        check_columns(table, list(wanted.values()))
        return {name: self._read(column, table).values for name, column in wanted.items()}

    def predictions(
        self,
        table: Table,
        found: Mapping[str, np.ndarray],
        sure: Mapping[str, np.ndarray],
        labels: Mapping[str, list[Any] | None],
    ) -> pd.DataFrame:
        """A frame with the table's index: per target its prediction, and for classes how probable it is.

        Args:
            table: what was predicted.
            found: head name -> predictions.
            sure: head name -> probabilities (B, classes).
            labels: head name -> classes, None for numbers.
        """
        import pandas as pd

        told: dict[str, Any] = {}
        for name, column in self.targets.items():
            values = found[name]
            told[column] = list(values) if values.ndim > 1 else values
            if labels[name] is not None and not _is_sets(values):
                told[f"{column}_probability"] = sure[name].max(1)
        return pd.DataFrame(told, index=table.frame.index)

    def probabilities(
        self, table: Table, sure: Mapping[str, np.ndarray], labels: Mapping[str, list[Any] | None]
    ) -> pd.DataFrame:
        """A frame with the table's index: a column `<target>_<class>` per class; numbers as predicted."""
        import pandas as pd

        told: dict[str, Any] = {}
        for name, column in self.targets.items():
            classes = labels[name]
            if classes is None:
                told[column] = sure[name] if sure[name].ndim == 1 else list(sure[name])
            else:
                told.update({f"{column}_{one}": sure[name][:, place] for place, one in enumerate(classes)})
        return pd.DataFrame(told, index=table.frame.index)

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema": self.schema.state(),
            "feeds": [asdict(feed) for feed in self.feeds],
            "targets": self.targets,
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        feeds = [Feed(one["name"], tuple(one["columns"]), one["input"]) for one in state["feeds"]]
        return cls(Schema.restore(state["schema"]), feeds, state["targets"])


def is_table(rows: Any, input_names: Sequence[str], required: Sequence[str] = ()) -> bool:
    """Whether rows come as one table rather than as one thing per input.

    An input of one column is called after it, so a dict that has all `required` columns is a table whatever its names.

    >>> is_table("new.csv", ["facts"]), is_table({"facts": [[1.0]]}, ["facts"]), is_table({"age": [3]}, ["facts"])
    (True, False, True)
    """
    if isinstance(rows, Mapping):
        return not set(rows) & set(input_names) or (bool(required) and set(required) <= set(rows))
    if isinstance(rows, list):
        return all(isinstance(one, Mapping) for one in rows)
    is_frame = hasattr(rows, "__arrow_c_stream__") or (hasattr(rows, "columns") and hasattr(rows, "index"))
    return is_frame or isinstance(rows, str | Table) or hasattr(rows, "__fspath__")


def _is_sets(values: np.ndarray) -> bool:
    return values.ndim > 1 or (len(values) > 0 and isinstance(values[0], list | tuple | set | frozenset))
