"""Input of a time series: each row is read with the rows before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from medley.core.arguments import whole_number_problems
from medley.core.block import Block
from medley.core.input import InputBlock
from medley.errors import did_you_mean
from medley.series.block import TimeseriesBlock
from medley.series.windows import WindowCodec

TYPES = ("categorical", "numerical", "numeric")


class TimeseriesInput(InputBlock, register="series.timeseries_input"):
    """A table whose rows are in order of time; each row is read together with the `lookback - 1` rows before it.

    The rows of one call are one series without gaps; the steps before its first row repeat that row. Therefore pass
    validation rows separately, as `validation_data`: a random split would break up the series. To predict the row after
    a series, pass its last `lookback` rows and use the last prediction. Values that already are sequences (B, T, C) are
    used as windows and may be split at random.

    Numbers are standardised and forward-filled where missing. Categories are one-hot encoded, at most 50 per column.

    Args:
        lookback: number of steps T of a window; if unset, 16, or a quarter of the training rows if that is less.
        column_names: one per column; if unset, those of the frame.
        column_types: name -> `"categorical"` or `"numerical"`, for any of the columns.

    Shape: rows (B, C) -> (B, T, D).

    Raises:
        ConfigError: the lookback or a column type is invalid.
        DataError: rows have another number of columns, or a column is missing.

    >>> str(TimeseriesInput(lookback=5).codec().fit([[1.0, 2.0]] * 30).spec)
    '(T=5 D=2)'
    """

    lookback: int | None = None
    column_names: Sequence[str] | None = None
    column_types: Mapping[str, str] | None = None

    kinds: ClassVar[tuple[str, ...]] = ("series",)

    def check(self) -> Iterable[str]:
        """Checks lookback, column_names and column_types."""
        yield from whole_number_problems(self, "lookback")
        types = self.column_types or {}
        for name, column_type in types.items():
            if column_type not in TYPES:
                got = f"but got {column_type!r} for {name!r}.{did_you_mean(column_type, TYPES[:2])}"
                yield f'column_types should be either "categorical" or "numerical", {got}'
        names = None if self.column_names is None else [str(name) for name in self.column_names]
        unknown = [name for name in types if names is not None and str(name) not in names]
        if unknown:
            yield f"column_names and column_types are mismatched: {unknown} are not in column_names {names}."

    def codec(self) -> WindowCodec:
        """A `WindowCodec`."""
        return WindowCodec(self.lookback, self.column_names, self.column_types)

    def default_block(self) -> Block:
        """`TimeseriesBlock`."""
        return TimeseriesBlock()
