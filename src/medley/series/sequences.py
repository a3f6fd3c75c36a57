"""Input and codec of sequences of numbers of any length, also in wide form: one column per step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.arguments import whole_number_problems
from medley.core.block import Block, DataSummary, Node
from medley.core.codec import Codec, Encoded, State
from medley.core.column import ColumnGuess
from medley.core.floats import LARGEST_SCALED, LARGEST_SQUARED, limited
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.core.linear import LinearFeatures
from medley.core.registry import register
from medley.core.row_reporting import row_number
from medley.core.rules import MOST_STEPS, Array, StateRules, Whole, require
from medley.core.shape import Flatten
from medley.core.space import OneOf
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.series.block import TimeseriesBlock
from medley.series.features import ArrayFeatures
from medley.series.kinds import family_of
from medley.tables.columns.profile import is_absent

MAX_STEPS = 512
_LENGTH_QUANTILE = 0.99


class SequenceCodec(Codec):
    """Encodes sequences (T,) or (T, C) of any length as (T, C), standardised and aligned at their last steps.

    Shorter sequences are padded with zeros at the start, longer ones are truncated at the start. Missing numbers are
    forward-filled, or replaced by the mean at the start.

    Args:
        max_steps: maximum of T; if None, the 0.99 quantile of the training rows, at most 512.

    >>> codec = SequenceCodec().fit([[1.0, 2.0, 3.0], [3.0], None])
    >>> codec.encode([[3.0], [1.0, None, 3.0], None]).array[:, :, 0].round(1).tolist()
    [[0.0, 0.0, 0.9], [-1.5, -1.5, 0.9], [0.0, 0.0, 0.0]]
    """

    def __init__(self, max_steps: int | None = None) -> None:
        self.max_steps = max_steps
        self._steps = 0
        self._mean = np.zeros(1)
        self._deviation = np.ones(1)

    @property
    def spec(self) -> Spec:
        """(T, C)."""
        if not self._steps:
            raise NotFittedError("SequenceCodec is not fitted; call fit(training_rows) or restore(state) first.")
        return Spec((self._steps, len(self._mean)), "TD")

    def fit(self, values: Any) -> Self:
        rows = [row for row in read_sequences(values) if row is not None]
        if not rows:
            raise DataError(
                "None of the training rows has a sequence, so there is nothing to learn; leave the input out."
            )
        lengths = [len(row) for row in rows]
        longest = int(np.quantile(lengths, _LENGTH_QUANTILE, method="higher"))
        self._steps = min(max(longest, 1), self.max_steps or MAX_STEPS)
        steps = np.concatenate(rows)
        is_finite = np.isfinite(steps)
        count = np.maximum(is_finite.sum(axis=0), 1)
        self._mean = np.where(is_finite, steps, 0).sum(axis=0) / count
        centred = np.where(is_finite, steps - self._mean, 0)
        deviation = np.sqrt((centred**2).sum(axis=0) / count)
        self._deviation = np.where(deviation > 1e-12 * np.abs(self._mean), deviation, 1.0)
        self._deviation[self._deviation == 0] = 1.0
        return self

    def encode(self, values: Any) -> Encoded:
        rows = read_sequences(values, channels=self.spec.shape[1])
        array = np.zeros((len(rows), *self.spec.shape), np.float32)
        for i, row in enumerate(rows):
            if row is not None:
                with np.errstate(over="ignore"):
                    scaled = limited((row - self._mean) / self._deviation, LARGEST_SCALED)
                steps = _forward_fill(scaled)[-self._steps :]
                array[i, self._steps - len(steps) :] = steps
        return Encoded(array, np.array([row is not None for row in rows], bool))

    def state(self) -> dict[str, Any]:
        return {"steps": self.spec.shape[0], "mean": self._mean, "deviation": self._deviation}

    RULES = StateRules(
        steps=Whole(1, MOST_STEPS), mean=Array(np.float64, ("C",)), deviation=Array(np.float64, ("C",), low=1e-300)
    )

    def restore(self, state: State) -> Self:
        values = self.RULES.read(state)
        self._steps, self._mean, self._deviation = values["steps"], values["mean"], values["deviation"]
        require(len(self._mean), "mean must have a channel, got none.")
        return self


@register("series.sequence_features")
class SequenceFeatures(ArrayFeatures):
    """All numbers of a sequence, standardised over the training rows.

    >>> SequenceFeatures().fit([[1.0, 2.0], [3.0, 1.0]]).encode([[1.0]])[0][0].matrix.shape
    (1, 2)
    """

    def __init__(self, codec: Codec | None = None) -> None:
        super().__init__(SequenceCodec() if codec is None else codec)


class SequenceInput(InputBlock, register="series.sequence_input"):
    """One sequence of numbers per row, of any length, with one or several channels.

    Values are lists or arrays (T,) or (T, C), None where missing; or one array (B, T) or (B, T, C). In a table: columns
    of lists of numbers, and columns that are the steps of a series in wide form (`temp_h00` ... `temp_h23`); series in
    wide form with the same steps become the channels of one input.

    Args:
        max_steps: maximum of T; if unset, the 0.99 quantile of the training rows, at most 512.

    Shape: rows -> (B, T, C), aligned at the last steps

    Raises:
        DataError: rows are not sequences of numbers, or differ in their number of channels.

    >>> str(SequenceInput().codec().fit([[1.0, 2.0], [3.0]]).spec)
    '(T=2 D=1)'
    """

    kinds: ClassVar[tuple[str, ...]] = ("series",)
    claim_rank: ClassVar[float | None] = 35.0

    max_steps: int | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "max_steps")

    def codec(self) -> SequenceCodec:
        return SequenceCodec(self.max_steps)

    def shares_encoder(self, summary: DataSummary) -> bool:
        return False

    def encode_for_ensemble(self, summary: DataSummary) -> Node:
        """All steps as one vector, which dense networks read."""
        return Flatten()(self)

    def linear_features(self) -> LinearFeatures:
        """All steps, standardised."""
        return SequenceFeatures(self.codec())

    def default_block(self) -> Block:
        return TimeseriesBlock(block_type=OneOf("dense", "rnn", "transformer"))

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input per column of lists, and one per group of wide-form series with the same steps."""
        inputs = [InputColumns(cls(name=column.name), (column.name,)) for column in columns if "#" not in column.form]
        families: dict[str, list[ColumnGuess]] = {}
        for column in columns:
            if "#" in column.form:
                families.setdefault(family_of(column.form)[0], []).append(column)
        by_steps: dict[tuple[int, ...], list[ColumnGuess]] = {}
        for members in families.values():
            by_steps.setdefault(tuple(family_of(member.form)[1] for member in members), []).extend(members)
        for members in by_steps.values():
            prefixes = dict.fromkeys(family_of(member.form)[0] for member in members)
            name = options.free_name(next(iter(prefixes)).rstrip("_- ") if len(prefixes) == 1 else "series")
            inputs.append(InputColumns(cls(name=name), tuple(member.name for member in members)))
        return inputs

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> Any:
        """The cells of a column of lists; for series in wide form, (B, T, C) with a channel per family."""
        forms = [columns[name].form for name in cells]
        if not all("#" in form for form in forms):
            (values,) = cells.values()
            return values
        channels: dict[str, list[np.ndarray]] = {}
        for form, values in zip(forms, cells.values(), strict=True):
            channels.setdefault(family_of(form)[0], []).append(values)
        return np.stack([np.stack(steps, axis=1) for steps in channels.values()], axis=2)


def read_sequences(values: Any, channels: int | None = None) -> list[np.ndarray | None]:
    """Reads rows as float64 (T, C) with NaN for missing numbers; None if a row has no number.

    Args:
        values: B rows.
        channels: the number C, if known.

    Raises:
        DataError: a row is not a sequence of numbers, or has another number of channels; the message names the row.

    >>> [row.shape for row in read_sequences([[1, 2, 3], [4]])]
    [(3, 1), (1, 1)]
    """
    rows: list[np.ndarray | None] = []
    for i, value in enumerate(values):
        row = _read_sequence(i, value)
        if row is not None:
            channels = channels or row.shape[1]
            if row.shape[1] != channels:
                raise DataError(
                    f"Sequences must all have {channels} channels, got {row.shape[1]} in row {row_number(i)}."
                )
        rows.append(row)
    return rows


def _read_sequence(index: int, value: Any) -> np.ndarray | None:
    if is_absent(value):
        return None
    try:
        cells: Any = value.detach().cpu().numpy() if hasattr(value, "detach") else value
        if isinstance(cells, list | tuple):
            cells = [np.nan if cell is None else cell for cell in cells]
        array = np.asarray(cells, np.float64)
    except (TypeError, ValueError):
        array = np.zeros(())
    if array.ndim not in (1, 2):
        raise DataError(
            f"Each row must be a sequence of numbers or None, but row {row_number(index)} is {str(value)[:60]!r}."
        )
    array = array[:, None] if array.ndim == 1 else array
    is_finite = np.isfinite(array)
    return np.where(is_finite, limited(array, LARGEST_SQUARED), np.nan) if is_finite.any() else None


def _forward_fill(steps: np.ndarray) -> np.ndarray:
    """Replaces missing numbers by the last ones before them, or by 0, which is the mean."""
    is_finite = np.isfinite(steps)
    if is_finite.all():
        return steps
    last = np.maximum.accumulate(np.where(is_finite, np.arange(len(steps))[:, None], -1), axis=0)
    filled = np.take_along_axis(np.where(is_finite, steps, 0.0), np.maximum(last, 0), axis=0)
    return np.where(last >= 0, filled, 0.0)
