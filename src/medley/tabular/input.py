"""Tables as an input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from medley.core.block import Block, Node
from medley.core.column import ColumnGuess
from medley.core.input import Input, InputColumns, TableOptions
from medley.core.linear import LinearFeatures
from medley.errors import did_you_mean
from medley.tabular.block import StructuredDataBlock
from medley.tabular.categorical import CategoricalToNumerical
from medley.tabular.codec import TableCodec
from medley.tabular.features import TableFeatures
from medley.tabular.times import time_features

TYPES = ("categorical", "numerical", "numeric")


class StructuredDataInput(Input, register="tabular.input"):
    """A table: numbers, dates and categories in columns, any of them missing in any row.

    Rows come as a 2-D array (of numbers, strings, or objects with None and NaN), a DataFrame, a dict of
    columns, or a list of rows. Columns without a declared type are told apart on the training rows: numbers
    (also strings that are all numbers, and dates) are numeric, strings and booleans and pandas' categories
    are categorical.

    Args:
        column_names: one per column; left out, those of the frame or dict.
        column_types: name -> `"categorical"` or `"numerical"`, for any of the columns.

    Shape: rows -> (B, C) float32.

    Raises:
        ConfigError: a type is neither word, or names no column.

    >>> str(StructuredDataInput().codec().fit([[1.0, "a"], [None, "b"]]).spec)
    '(C=2)'
    """

    column_names: Sequence[str] | None = None
    column_types: Mapping[str, str] | None = None

    kinds: ClassVar[tuple[str, ...]] = ("number", "category", "boolean", "time")

    claim_rank: ClassVar[float | None] = 10.0

    def check(self) -> Iterable[str]:
        """Types are known words for named columns."""
        names = None if self.column_names is None else [str(name) for name in self.column_names]
        if names is not None and len(set(names)) < len(names):
            yield f"column_names must differ from each other, got {names}."
        types = self.column_types or {}
        for name, word in types.items():
            if word not in TYPES:
                hint = did_you_mean(word, TYPES[:2])
                yield (
                    f'column_types should be either "categorical" or "numerical", but got {word!r} for {name!r}.{hint}'
                )
        strange = [name for name in types if names is not None and str(name) not in names]
        if strange:
            yield (
                f"column_names and column_types are mismatched. column_types names {strange}, column_names are {names}."
            )

    def codec(self) -> TableCodec:
        """Standardises numbers and numbers categories."""
        return TableCodec(self.column_names, self.column_types)

    def default_block(self) -> Block:
        """A network for tables."""
        return StructuredDataBlock()

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input for all plain columns."""
        words = {"number": "numerical", "category": "categorical", "boolean": "categorical"}
        # A time becomes several columns, all of them numbers, which the codec finds out by itself.
        types = {column.name: words[column.kind] for column in columns if column.kind in words}
        name = options.free_name("table")
        return [InputColumns(cls(name=name, column_types=types), tuple(column.name for column in columns))]

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> dict[str, Any]:
        """The columns by name; times as elapsed days and points on circles."""
        rows: dict[str, Any] = {}
        for name, values in cells.items():
            rows.update(time_features(name, values) if columns[name].kind == "time" else {name: values})
        return rows

    @property
    def shares_encoder(self) -> bool:
        return False

    def encode_for_ensemble(self) -> Node:
        """The columns as they are: each member embeds them for itself."""
        return self.node

    def linear_features(self) -> LinearFeatures:
        """Numbers by value and rank, categories one-hot."""
        return TableFeatures(self.codec())

    def adapter(self) -> Block:
        """Plain numbers, for blocks that know nothing of columns."""
        return CategoricalToNumerical()
