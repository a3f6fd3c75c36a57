"""Tables as an input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from medley.core.block import Block
from medley.core.input import Input
from medley.core.kinds import Kind
from medley.errors import did_you_mean
from medley.tabular.block import StructuredDataBlock
from medley.tabular.categorical import CategoricalToNumerical
from medley.tabular.codec import TableCodec

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

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.NUMBER, Kind.CATEGORY, Kind.TIME)

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

    def adapter(self) -> Block:
        """Plain numbers, for blocks that know nothing of columns."""
        return CategoricalToNumerical()
