"""How a model reads and writes tables: columns -> inputs and targets, predictions -> columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.input import InputBlock
from medley.core.registry import lookup
from medley.core.rules import Fields, Items, Json, Maybe, Named, StateRules, Text, require
from medley.data.datasets import LabelledDataset
from medley.tables.answer_forms import FORM_RULE, AnswerForm
from medley.tables.answers import ClassSet, NumberInterval
from medley.tables.columns.cell_reader import CellReader
from medley.tables.columns.cells import Cells, check_columns, table_cells
from medley.tables.columns.kind import kind_named
from medley.tables.columns.pseudonyms import pseudonymized
from medley.tables.columns.schema import Schema
from medley.tables.reading.few_rows import FewRows, few_rows
from medley.tables.reading.files import ENDINGS, TableFiles, ending_of, is_files
from medley.tables.reading.read import Table, read
from medley.tables.reading.sql import Query

Quantiles = tuple[tuple[float, ...], np.ndarray]
"""Levels (Q,) and quantiles (B, Q)."""


@dataclass(frozen=True)
class InputFeed:
    """One input of a model and the columns that feed it.

    Args:
        name: the input's name.
        columns: in order.
        input: the registered name of the input's class, which converts parsed columns into its rows.
    """

    name: str
    columns: tuple[str, ...]
    input: str


def _feed(name: str, columns: list[str], input: str) -> InputFeed:
    return InputFeed(name, tuple(columns), input)


class TableView:
    """Reads a model's inputs and targets from a table, and writes its predictions as columns.

    Args:
        schema: the kinds of the columns, targets included.
        feeds: which columns each input reads.
        targets: head name -> its column.
        forms: column of a target -> the form of its predictions; plain where it has none.
        private: columns whose words are replaced by codes in every table that is read.
    """

    def __init__(
        self,
        schema: Schema,
        feeds: Sequence[InputFeed],
        targets: Mapping[str, str],
        forms: Mapping[str, AnswerForm] | None = None,
        private: Sequence[str] = (),
    ) -> None:
        self.private = tuple(private)
        self.schema = schema
        self.feeds = tuple(feeds)
        self.targets = dict(targets)
        self.forms = {column: AnswerForm(column) for column in self.targets.values()} | dict(forms or {})
        self._cell_readers: dict[str, CellReader] = {}

    @cached_property
    def required(self) -> list[str]:
        """The columns that are needed to predict."""
        return [column for feed in self.feeds for column in feed.columns]

    @cached_property
    def text_columns(self) -> list[str]:
        """The columns whose cells must be read as text, even if all of them are digits in some table."""
        guesses = [self.schema[name] for name in self._all_columns()]
        is_text = {guess.name: kind_named(guess.kind).reads_as_text(guess.form) for guess in guesses}
        return [name for name, is_read_so in is_text.items() if is_read_so or name in self.private]

    def without_examples(self, reason: str) -> TableView:
        """A view that quotes no cell of the table that it was made for.

        Args:
            reason: takes the place of the reasons for the columns' kinds, which may quote cells.
        """
        guesses = [replace(guess, examples=(), reason=reason) for guess in self.schema.values()]
        return TableView(Schema(guesses), self.feeds, self.targets, self.forms, self.private)

    def only(self, inputs: Collection[str]) -> TableView:
        """A view of some of the inputs, without targets."""
        return TableView(self.schema, [feed for feed in self.feeds if feed.name in inputs], {}, None, self.private)

    def read(self, table: Any, root: Any = None, *, labelled: bool = False, empty: bool = False) -> Table:
        """Read a table of any form; text columns stay text, even if all of their cells are digits in this table.

        Args:
            table: rows.
            root: the folder that relative paths start from; by default the table's own.
            labelled: whether at least one target column is required.
            empty: whether a table without rows is allowed.

        Raises:
            DataError: it cannot be read, or required columns are missing (all are reported, each with similar names).
        """
        if empty and isinstance(table, list) and not table:
            table = {name: [] for name in self.required}
        few = few_rows(table, self.required) if root is None and not self.private and not labelled else None
        if few is not None:
            return few
        loaded = read(table, root, as_text=self.text_columns, empty=empty, names=self.required)
        missing_targets = [name for name in self.targets.values() if name not in loaded.frame.columns]
        has_no_target = labelled and len(missing_targets) == len(self.targets)
        check_columns(loaded, [*self.required, *missing_targets] if has_no_target else self.required)
        return pseudonymized(loaded, self.private)

    def labelled(self, table: Table) -> list[str]:
        """The heads whose target columns are in the table."""
        return [head for head, name in self.targets.items() if name in table.frame.columns]

    def _all_columns(self) -> list[str]:
        return [*self.required, *self.targets.values()]

    def x(self, table: Table) -> dict[str, Any]:
        """Input name -> rows, in the form that the input's codec takes."""
        return {feed.name: self._rows_of(feed, table) for feed in self.feeds}

    def _rows_of(self, feed: InputFeed, table: Table) -> Any:
        cells = {column: self._parse(column, table).values for column in feed.columns}
        return lookup(feed.input).rows_from_columns(cells, self.schema)

    def _parse(self, column: str, table: Table) -> Cells:
        if not isinstance(table, FewRows):
            return table_cells(table, self.schema[column])
        key = ("cells", column)
        if key not in table.cache:
            if column not in self._cell_readers:
                self._cell_readers[column] = CellReader(self.schema[column])
            table.cache[key] = self._cell_readers[column].read(table)
        return table.cache[key]

    def cells(self, table: Table) -> dict[str, Cells]:
        """Parse the required columns."""
        return {name: self._parse(name, table) for name in self.required}

    @property
    def files(self) -> list[str]:
        """The required columns whose cells may name files."""
        return [name for name in self.required if kind_named(self.schema[name].kind).names_files]

    def unparsed(self, table: Table, *, targets: bool = True) -> dict[str, np.ndarray]:
        """Column -> positions of rows whose cell cannot be parsed as its kind and counts as missing.

        Args:
            table: rows.
            targets: whether to include the target columns that are in the table.
        """
        columns = [self.targets[head] for head in self.labelled(table)] if targets else []
        cells_by_column = self.cells(table) | {name: self._parse(name, table) for name in columns}
        return {name: cells.unparsed for name, cells in cells_by_column.items() if len(cells.unparsed)}

    def y(self, table: Table, heads: Iterable[str] | None = None) -> dict[str, Any]:
        """Head name -> labels.

        Args:
            table: a table with the target columns.
            heads: the heads to return; by default all.

        Raises:
            DataError: a target column is missing (all are reported).
        """
        columns = {name: self.targets[name] for name in (self.targets if heads is None else heads)}
        check_columns(table, list(columns.values()))
        return {name: self._parse(column, table).values for name, column in columns.items()}

    def predictions(
        self,
        predictions: Mapping[str, np.ndarray],
        confidence: Mapping[str, np.ndarray],
        labels: Mapping[str, list[Any] | None],
        intervals: Mapping[str, NumberInterval | ClassSet] | None = None,
        quantiles: Mapping[str, Quantiles] | None = None,
    ) -> list[tuple[Any, Any]]:
        """Names and cells of columns: per target its prediction and, for classes, the probability of that class.

        Args:
            predictions: head name -> predictions.
            confidence: head name -> probability (B,) of the predicted class, for targets with one class per row.
            labels: head name -> classes; None for numeric targets.
            intervals: head name -> interval or set of classes, whose columns are added.
            quantiles: head name -> quantiles, whose columns are added.
        """
        columns: list[tuple[Any, Any]] = []
        for name, column in self.targets.items():
            values, form = predictions[name], self.forms[column]
            columns.append((form.name, _cells(values, form)))
            if name in confidence:
                columns.append((f"{column}_probability", confidence[name]))
            if name in (quantiles or {}):
                columns += _quantile_columns(column, (quantiles or {})[name], form)
            interval = (intervals or {}).get(name)
            if isinstance(interval, NumberInterval):
                columns += [(f"{column}_{end}", _cells(getattr(interval, end), form)) for end in ("low", "high")]
            elif interval is not None:
                names = list(form.restore(np.array(labels[name], object)))
                sets = [[names[place] for place in np.flatnonzero(row)] for row in interval.members]
                columns.append((f"{column}_set", sets))
        return columns

    def probabilities(
        self,
        probabilities: Mapping[str, np.ndarray],
        labels: Mapping[str, list[Any] | None],
        *,
        numbers: bool = True,
        quantiles: Mapping[str, Quantiles] | None = None,
    ) -> list[tuple[Any, Any]]:
        """Names and cells of columns: `<target>_<class>` per class; numeric targets as predicted, where `numbers`."""
        columns: list[tuple[Any, Any]] = []
        for name, column in self.targets.items():
            values, classes, form = probabilities[name], labels[name], self.forms[column]
            if classes is not None:
                columns += [(f"{column}_{label}", values[:, position]) for position, label in enumerate(classes)]
            elif numbers and name in (quantiles or {}):
                columns += _quantile_columns(column, (quantiles or {})[name], form)
            elif numbers:
                columns.append((form.name, _cells(values, form)))
        return columns

    RULES: ClassVar[StateRules] = StateRules(
        schema=Json(),
        feeds=Items(
            Fields({"name": Text(), "columns": Items(Text(), low=1, is_unique=True), "input": Text()}, make=_feed),
            low=1,
        ),
        targets=Named(Text()),
        forms=Maybe(Named(FORM_RULE)),
        private=Maybe(Items(Text(), is_unique=True)),
    )

    def state(self) -> dict[str, Any]:
        """The view as JSON values."""
        return {
            "schema": self.schema.state(),
            "feeds": [asdict(feed) for feed in self.feeds],
            "targets": self.targets,
            "forms": {column: form.state() for column, form in self.forms.items()},
            **({"private": list(self.private)} if self.private else {}),
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`.

        Raises:
            ArtifactError: it is the state of no view.
            ConfigError: an input or a kind of column is not registered.
        """
        values = cls.RULES.read(state)
        schema, private = Schema.restore(values["schema"]), values["private"] or ()
        view = cls(schema, values["feeds"], values["targets"], values["forms"], private)
        for feed in view.feeds:
            input_class = lookup(feed.input)
            require(
                isinstance(input_class, type) and issubclass(input_class, InputBlock), f"{feed.input!r} is no input."
            )
            reads_one = (
                getattr(input_class.rows_from_columns, "__func__", None) is InputBlock.rows_from_columns.__func__
            )
            require(len(feed.columns) == 1 or not reads_one, f"Input {feed.name!r} reads one column.")
        unknown = [name for name in view._all_columns() if name not in view.schema]
        require(not unknown, f"The schema has no column {', '.join(map(repr, unknown))}.")
        names = [feed.name for feed in view.feeds]
        require(len(set(names)) == len(names), "No two feeds may have the same name.")
        return view

    def check_names(self, inputs: Sequence[str], heads: Sequence[str]) -> None:
        """Checks that a restored view belongs to a model.

        Args:
            inputs: names of the model's inputs.
            heads: names of its heads.

        Raises:
            ArtifactError: it reads other inputs or targets.
        """
        fed = [feed.name for feed in self.feeds]
        require(set(fed) == set(inputs), f"The table feeds the inputs {fed}, but the model has {list(inputs)}.")
        targets = list(self.targets)
        require(set(targets) == set(heads), f"The table has targets {targets}, but the model has {list(heads)}.")


def is_table(rows: Any, input_names: Sequence[str], required: Sequence[str] = ()) -> bool:
    """Whether rows are one table, rather than separate rows per input.

    An input of one column has the column's name, so a dict with all `required` columns is always a table.

    >>> is_table("new.csv", ["facts"]), is_table({"facts": [[1.0]]}, ["facts"]), is_table({"age": [3]}, ["facts"])
    (True, False, True)
    """
    if isinstance(rows, Query | TableFiles | Table | LabelledDataset) or hasattr(rows, "with_format"):
        return True
    if isinstance(rows, Mapping):
        return not set(rows) & set(input_names) or (bool(required) and set(required) <= set(rows))
    if isinstance(rows, list):
        return all(isinstance(row, Mapping) for row in rows) or _are_files(rows)
    is_frame = hasattr(rows, "__arrow_c_stream__") or (hasattr(rows, "columns") and hasattr(rows, "index"))
    return is_frame or is_files(rows)


def _are_files(rows: list[Any]) -> bool:
    """Whether a list is one of table files, rather than one of texts."""
    return is_files(rows) and all(ending_of(Path(row)) in ENDINGS for row in rows)


def _quantile_columns(column: str, quantiles: Quantiles, form: AnswerForm) -> list[tuple[Any, Any]]:
    levels, values = quantiles
    return [(f"{column}_q{100 * level:g}", form.restore(values[:, place])) for place, level in enumerate(levels)]


def _cells(values: np.ndarray, form: AnswerForm) -> Any:
    """Cells of a column: predictions (B,) in their form, or rows of several numbers (B, n) as lists."""
    return list(values) if values.ndim > 1 else form.restore(values)
