"""A series as an input: each row sees those before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from medley.core.block import Block
from medley.core.input import Input
from medley.core.kinds import Kind
from medley.errors import did_you_mean
from medley.series.block import TimeseriesBlock
from medley.series.rnn import check_counts
from medley.series.windows import WindowCodec

TYPES = ("categorical", "numerical", "numeric")


class TimeseriesInput(Input, register="series.timeseries_input"):
    """A table whose rows stand in the order of time; each row is seen with the `lookback - 1` rows before it.

    The rows of one call are taken as one series without gaps, and the steps before its first row repeat that row. So
    give validation rows apart, as `validation_data`: rows that are drawn at random are no series. To predict the row
    after a known series, give its last `lookback` rows and take the last prediction. Rows that are sequences already,
    (B, T, C), are taken as they are: those may be drawn at random.

    Numbers are standardised; a missing one is the last known one. Categories become one number each, 50 at most.

    Args:
        lookback: steps T of a window; unset, 16, or a quarter of the training rows where that is less.
        column_names: one per column; left out, those of the frame.
        column_types: name -> `"categorical"` or `"numerical"`, for any of the columns.

    Shape: rows (B, C) -> (B, T, D).

    Raises:
        ConfigError: a size or a type breaks a rule.
        DataError: rows have another number of columns, or a column is missing.

    >>> str(TimeseriesInput(lookback=5).codec().fit([[1.0, 2.0]] * 30).spec)
    '(T=5 D=2)'
    """

    lookback: int | None = None
    column_names: Sequence[str] | None = None
    column_types: Mapping[str, str] | None = None

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.SERIES,)

    def check(self) -> Iterable[str]:
        """A window has a step; types are known words for named columns."""
        yield from check_counts(self, ("lookback",))
        types = self.column_types or {}
        for name, word in types.items():
            if word not in TYPES:
                told = f"but got {word!r} for {name!r}.{did_you_mean(word, TYPES[:2])}"
                yield f'column_types should be either "categorical" or "numerical", {told}'
        names = None if self.column_names is None else [str(name) for name in self.column_names]
        strange = [name for name in types if names is not None and str(name) not in names]
        if strange:
            yield f"column_names and column_types are mismatched: {strange} are not in column_names {names}."

    def codec(self) -> WindowCodec:
        """Windows of standardised steps."""
        return WindowCodec(self.lookback, self.column_names, self.column_types)

    def default_block(self) -> Block:
        """A network for sequences."""
        return TimeseriesBlock()
