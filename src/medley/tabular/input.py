"""The input for tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from medley.core.block import Block, DataSummary, Node
from medley.core.column import ColumnGuess
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.core.linear import LinearFeatures
from medley.errors import did_you_mean
from medley.tabular.block import StructuredDataBlock
from medley.tabular.categorical import CategoricalToNumerical
from medley.tabular.codec import TableCodec
from medley.tabular.features import TableFeatures
from medley.tabular.times import time_features

TYPES = ("categorical", "numerical", "numeric")


class StructuredDataInput(InputBlock, register="tabular.input"):
    """A table with columns of numbers, dates and categories, in which cells may be missing.

    Rows are a 2-D array (of numbers, strings, or objects with None and NaN), a frame, a dict of columns, or a list of
    rows. The types of undeclared columns are inferred from the training rows: numbers (also strings of numbers, and
    dates) are numeric; strings, booleans and pandas categoricals are categorical.

    Args:
        column_names: one name per column; default: those of the frame or dict.
        column_types: name -> `"categorical"` or `"numerical"`, for any of the columns.

    Shape: rows -> (B, C) float32.

    Raises:
        ConfigError: a type is neither of these, or a name is not a column.

    >>> str(StructuredDataInput().codec().fit([[1.0, "a"], [None, "b"]]).spec)
    '(C=2)'
    """

    column_names: Sequence[str] | None = None
    column_types: Mapping[str, str] | None = None

    kinds: ClassVar[tuple[str, ...]] = ("number", "category", "boolean", "time")

    claim_rank: ClassVar[float | None] = 10.0

    def check(self) -> Iterable[str]:
        """Checks names and types."""
        names = None if self.column_names is None else [str(name) for name in self.column_names]
        if names is not None and len(set(names)) < len(names):
            yield f"column_names must differ from each other, got {names}."
        types = self.column_types or {}
        for name, column_type in types.items():
            if column_type not in TYPES:
                hint = did_you_mean(column_type, TYPES[:2])
                yield (
                    f'column_types should be either "categorical" or "numerical", but got {column_type!r} for '
                    f"{name!r}.{hint}"
                )
        unknown = [name for name in types if names is not None and str(name) not in names]
        if unknown:
            yield (
                f"column_names and column_types are mismatched. column_types names {unknown}, column_names are {names}."
            )

    def codec(self) -> TableCodec:
        """A new codec for tables."""
        return TableCodec(self.column_names, self.column_types)

    def default_block(self) -> Block:
        """The default encoder of tables."""
        return StructuredDataBlock()

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input for all plain columns."""
        type_by_kind = {"number": "numerical", "category": "categorical", "boolean": "categorical"}
        # Times are converted to several numeric columns, whose types are inferred by the codec.
        types = {column.name: type_by_kind[column.kind] for column in columns if column.kind in type_by_kind}
        name = options.free_name("table")
        return [InputColumns(cls(name=name, column_types=types), tuple(column.name for column in columns))]

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> dict[str, Any]:
        """The columns by name; times as days and as points on circles (of the day, week and year)."""
        rows: dict[str, Any] = {}
        for name, values in cells.items():
            rows.update(time_features(name, values) if columns[name].kind == "time" else {name: values})
        return rows

    def shares_encoder(self, summary: DataSummary) -> bool:
        return False

    def encode_for_ensemble(self, summary: DataSummary) -> Node:
        """The raw columns, which each member embeds separately."""
        return self.node

    def linear_features(self) -> LinearFeatures:
        """Numbers by value and rank, categories one-hot."""
        return TableFeatures(self.codec())

    def adapter(self) -> Block:
        """Encodes the columns as a vector, for blocks that do not read tables."""
        return CategoricalToNumerical()
