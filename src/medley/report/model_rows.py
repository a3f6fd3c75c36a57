"""Rows of a model, column by column: each column may take its cells from other rows, and each input may be absent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.registry import lookup, name_of
from medley.data.datasets import rows_only
from medley.data.rows import arrange, check_counts, count, take
from medley.data.sources import Source, absent, encode_inputs
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.reuse import ReusableNetwork
from medley.model.derived import InputRows, derived_nodes
from medley.model.model import Model
from medley.report.cell_columns import joined_cells, with_missing_cell
from medley.tables.columns.unreadable import check_policy, report_unreadable
from medley.tables.predict_options import OnUnreadable
from medley.tables.reading.read import Table
from medley.tables.row_counts import without_absent
from medley.tables.view import TableView, is_table


@dataclass(frozen=True)
class ModelColumn:
    """One column that a model reads: of a table, or a whole input that has no columns.

    Args:
        name: of the column; unique in the model.
        input: the input that reads it.
        label: its name in that input; None if it is the whole input.
        kind: of its cells ("number", "category", "text", "image", ...).
        cells: N parsed cells, as its input takes them.
    """

    name: str
    input: str
    label: str | None
    kind: str
    cells: Any


BuildInput = Callable[[str, Mapping[str | None, Any]], Any]


class ModelRows:
    """N rows of a model by column; encodes them with cells of other rows in some columns, or with inputs absent.

    Args:
        model: reads the rows.
        columns: in order; all cells of N rows.
        build: name of an input and the cells of its columns by label -> its rows.
        absent: inputs that are absent in all rows.
    """

    def __init__(
        self, model: Model, columns: Sequence[ModelColumn], build: BuildInput, absent: Collection[str] = ()
    ) -> None:
        self.model = model
        self.columns = tuple(columns)
        self.size = count(columns[0].cells)
        self._build = build
        self._reusable = ReusableNetwork(model.network)
        self._absent = frozenset(absent)
        nodes = {str(node.block.name): [str(parent.block.name) for parent in node.inputs] for node in self._derived()}
        self._inputs_of = {source.name: _inputs_of(source, nodes) for source in model.sources}

    def _derived(self) -> list[Any]:
        return derived_nodes(self.model.graph)

    @classmethod
    def of_table(cls, model: Model, view: TableView, table: Table) -> ModelRows:
        """The rows of a table, as `TableView.read` returns it."""
        cells = view.cells(table)
        feeds = {feed.name: feed for feed in view.feeds}
        columns = [
            ModelColumn(column, feed.name, column, view.schema[column].kind, cells[column].values)
            for feed in view.feeds
            for column in feed.columns
        ]

        def build(name: str, values: Mapping[str | None, Any]) -> Any:
            return lookup(feeds[name].input).rows_from_columns(values, view.schema)

        return cls(model, columns, build)

    @classmethod
    def of_inputs(cls, model: Model, x: Mapping[str, Any]) -> ModelRows:
        """Rows by input; the columns of a table are separate columns, other inputs are one column each."""
        modalities = modality_by_input(model.graph)
        specs = {source.input_name: source.codec.spec for source in model.sources if not source.reads}
        by_input: dict[str, list[ModelColumn]] = {}
        for name, values in x.items():
            if values is None:
                continue
            kinds = {column.name: column.kind for column in specs[name].columns} if name in specs else {}
            by_input[name] = _split(name, values, kinds) if kinds else []
            by_input[name] = by_input[name] or [ModelColumn(name, name, None, modalities[name], values)]
        columns = _with_unique_names([column for columns in by_input.values() for column in columns])

        def build(name: str, values: Mapping[str | None, Any]) -> Any:
            return values.get(None, values)  # the whole input, or its columns

        return cls(model, columns, build, [name for name, values in x.items() if values is None])

    def take(self, index: np.ndarray) -> ModelRows:
        """The rows at `index` (P,)."""
        return self._with_cells({column.name: take(column.cells, index) for column in self.columns})

    def joined(self, others: ModelRows) -> ModelRows:
        """These rows and, after them, others of the same model."""
        return self._with_cells(
            {column.name: joined_cells(column.cells, others.cells(column.name)) for column in self.columns}
        )

    def with_missing_row(self) -> ModelRows:
        """These rows and, after them, one in which every cell is missing."""
        return self._with_cells({column.name: with_missing_cell(column.cells) for column in self.columns})

    def _with_cells(self, cells: Mapping[str, Any]) -> ModelRows:
        columns = [replace(column, cells=cells[column.name]) for column in self.columns]
        return ModelRows(self.model, columns, self._build, self._absent)

    def cells(self, name: str) -> Any:
        """The cells of a column."""
        return next(column.cells for column in self.columns if column.name == name)

    def sources_of_columns(self) -> dict[str, Source]:
        """Column -> the source that encodes it and nothing else."""
        columns = {
            column.input: [other for other in self.columns if other.input == column.input] for column in self.columns
        }
        sources = [source for source in self.model.sources if not source.reads and source.input_name in columns]
        return {columns[s.input_name][0].name: s for s in sources if len(columns[s.input_name]) == 1}

    def result_keys(self, source: str) -> set[str]:
        """The keys of results of layers that read a source."""
        return {key for key, name in self._reusable.keys.items() if name == source}

    @property
    def row_bytes(self) -> int:
        """Bytes of an encoded row."""
        return sum(encoded.array.nbytes // max(len(encoded.array), 1) for encoded in self.sources.values()) or 1

    def encoded_row(self, source: str, row: int) -> np.ndarray:
        """One encoded row of a source."""
        return self.sources[source].array[row]

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs that are present in some rows."""
        return list(dict.fromkeys(column.input for column in self.columns))

    @property
    def network(self) -> Network:
        """Predicts what `encode` returns; has the model's weights."""
        return self._reusable.network

    @cached_property
    def _results(self) -> dict[str, np.ndarray]:
        """Key -> results of the first layers for the rows as they are: most predictions change few columns."""
        rows = Rows(self.sources, device=self.model.device)
        return {key: result.cpu().numpy() for key, result in self._reusable.results(rows).items()}

    @cached_property
    def sources(self) -> dict[str, Encoded]:
        """Source name -> the rows as they are, without results of layers."""
        return self._encode(self.model.sources, {}, self._absent, self.size)

    @cached_property
    def by_input(self) -> dict[str, Any]:
        """Input name -> its rows, as models take them; None for inputs that are absent in all rows."""
        return self._rows_by_input(self.model.input_names, {}, self._absent)

    def _rows_by_input(
        self, names: Collection[str], cells: Mapping[str, Any], absent_inputs: Collection[str]
    ) -> dict[str, Any]:
        x: dict[str, Any] = {}
        for name in names:
            columns = [column for column in self.columns if column.input == name]
            values = {column.label: cells.get(column.name, column.cells) for column in columns}
            x[name] = None if name in absent_inputs or not values else self._build(name, values)
        return x

    def encode(
        self,
        positions: Mapping[str, np.ndarray] | None = None,
        *,
        cells: Mapping[str, Any] | None = None,
        absent: Collection[str] = (),
    ) -> dict[str, Encoded]:
        """Encodes R rows.

        Args:
            positions: column -> positions (R,) of the rows from which its cells are taken; columns that are left out
                keep their cells, and R is N.
            cells: column -> R cells instead.
            absent: inputs that are absent in all rows.

        Returns:
            Source name -> R encoded rows, for `network`. Sources that none of this changes are not encoded again, and
            nor are the first layers run that read them: their results are among what is returned.
        """
        positions, cells = positions or {}, cells or {}
        size = next((len(index) for index in positions.values()), self.size)
        encoded: dict[str, Encoded] = {}
        changed: list[Source] = []
        for source in self.model.sources:
            inputs = self._inputs_of[source.name]
            names = [column.name for column in self.columns if column.input in inputs]
            moves = {id(positions.get(name)) for name in names}
            if not names or inputs & set(absent) or set(names) & set(cells) or len(moves) > 1:
                changed.append(source)
                continue
            base, index = self.sources[source.name], positions.get(names[0])
            index = slice(None) if index is None else index
            encoded[source.name] = Encoded(base.array[index], base.present[index])
            for key in self.result_keys(source.name):
                encoded[key] = Encoded(self._results[key][index], base.present[index])
        if changed:
            values = {name: take(self.cells(name), index) for name, index in positions.items()} | dict(cells)
            encoded |= self._encode(changed, values, self._absent | set(absent), size)
        return encoded

    def _encode(
        self, sources: Sequence[Source], cells: Mapping[str, Any], absent_inputs: Collection[str], size: int
    ) -> dict[str, Encoded]:
        names = set().union(*(self._inputs_of[source.name] for source in sources))
        x = self._rows_by_input(names, cells, absent_inputs)
        rows = InputRows(x, self._derived())
        without = [source for source in sources if all(x[name] is None for name in self._inputs_of[source.name])]
        encoded = {source.name: absent(source.codec, size) for source in without}
        others = [source for source in sources if source.name not in encoded]
        return encoded | (encode_inputs(others, rows) if others else {})


def prediction_rows(model: Model, x: Any, root: str | Path | None, on_unreadable: OnUnreadable = "warn") -> ModelRows:
    """Rows without labels; arguments are those of `Model.predict`.

    Raises:
        DataError: rows break a rule.
    """
    check_policy(on_unreadable)
    if model.table is not None and is_table(x, model.input_names, model.table.required):
        table = model.table.read(x, root)
        report_unreadable(table, model.table.schema, model.table.unparsed(table, targets=False), on_unreadable)
        return ModelRows.of_table(model, model.table, table)
    inputs = arrange(rows_only(x, model.input_names, model.output_names), model.input_names, "x")
    check_counts(without_absent(inputs))
    return ModelRows.of_inputs(model, inputs)


def modality_by_input(graph: Graph) -> dict[str, str]:
    """Input name -> modality: the package that declares the input ("tabular", "image", "text", ...)."""
    names = {graph.names[id(block)]: name_of(type(block)) or type(block).__name__ for block in graph.inputs}
    return {name: registered.partition(".")[0] for name, registered in names.items()}


def _inputs_of(source: Source, derived: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The inputs, passed by the caller, whose rows a source encodes."""
    names = list(source.reads or [source.input_name])
    while any(name in derived for name in names):
        names = [parent for name in names for parent in derived.get(name, [name])]
    return frozenset(names)


def _split(name: str, values: Any, kinds: Mapping[str, str]) -> list[ModelColumn]:
    """The columns of rows of a table; none for rows that are not stored by column."""
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    if hasattr(values, "__arrow_c_stream__") and hasattr(values, "columns") and not hasattr(values, "iloc"):
        import pyarrow

        values = pyarrow.table(values).to_pandas()
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        cells = {str(label): values.iloc[:, place] for place, label in enumerate(values.columns)}
    elif isinstance(values, Mapping):
        cells = {str(label): column for label, column in values.items()}
    elif getattr(values, "ndim", 0) == 2 and isinstance(values, np.ndarray):
        cells = {label: values[:, place] for place, label in enumerate(kinds)}
    elif isinstance(values, list) and all(isinstance(row, list | tuple) for row in values):
        cells = {label: [row[place] for row in values] for place, label in enumerate(kinds)}
    elif isinstance(values, list) and all(isinstance(row, Mapping) for row in values):
        cells = {label: [row.get(label) for row in values] for label in kinds}
    else:
        return []
    if set(kinds) <= set(cells):  # others are ignored by the model
        cells = {label: cells[label] for label in kinds}
    return [ModelColumn(label, name, label, kinds.get(label, "cell"), column) for label, column in cells.items()]


def _with_unique_names(columns: Sequence[ModelColumn]) -> list[ModelColumn]:
    names = [column.name for column in columns]
    return [
        replace(column, name=f"{column.input}.{column.name}") if names.count(column.name) > 1 else column
        for column in columns
    ]
