"""Codec of numeric arrays of any shape."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.floats import as_float32
from medley.core.row_reporting import row_number
from medley.core.rules import MOST_NUMBERS, Items, StateRules, Whole
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError

AXES = {1: "D", 2: "TD", 3: "CHW", 4: "CZHW"}  # by the rank of a row


class ArrayCodec(Codec):
    """Numeric arrays: (B,) and (B, D) vectors, (B, T, D) sequences, (B, H, W, C) and (B, Z, H, W, C) maps.

    Maps are encoded with channels first. Values are not scaled. A row that is None, or has no finite number, is
    missing; in other rows, numbers that are not finite become 0.

    >>> codec = ArrayCodec().fit(np.zeros((5, 8, 8, 3)))
    >>> str(codec.spec), codec.encode([np.ones((8, 8, 3)), None]).present
    ('(C=3 H=8 W=8)', array([ True, False]))
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None

    @property
    def spec(self) -> Spec:
        """The shape of a row, with channels first."""
        shape = self._fitted()
        return Spec(shape if len(shape) < 3 else (shape[-1], *shape[:-1]), AXES[len(shape)])

    def fit(self, values: Any) -> Self:
        array, _ = read_numeric_rows(values, None)
        shape = array.shape[1:]
        if len(shape) not in AXES or 0 in shape:
            raise DataError(
                f"The rows of an Input must have 1 to 4 axes, none of them empty: (B, D), (B, T, D), (B, H, W, C) or "
                f"(B, Z, H, W, C); got rows of shape {shape}."
            )
        self._shape = shape
        return self

    def encode(self, values: Any) -> Encoded:
        array, present = read_numeric_rows(values, self._fitted())
        if array.ndim > 3:
            array = np.ascontiguousarray(np.moveaxis(array, -1, 1))
        return Encoded(array, present)

    def state(self) -> dict[str, Any]:
        return {"shape": list(self._fitted())}

    RULES = StateRules(shape=Items(Whole(1, MOST_NUMBERS), low=1, high=max(AXES)))

    def restore(self, state: State) -> Self:
        self._shape = tuple(self.RULES.read(state)["shape"])
        return self

    def _fitted(self) -> tuple[int, ...]:
        if self._shape is None:
            raise NotFittedError("ArrayCodec is not fitted; call fit(training_rows) or restore(state) first.")
        return self._shape


def read_numeric_rows(values: Any, shape: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """Reads rows in any format as float32 (B, ...), with zeros for numbers that are not finite, and presence (B,) bool.

    Args:
        values: an array, tensor, frame, or a list of rows, any of them None; one number per row gives (B, 1).
        shape: of a row, if known.

    Raises:
        DataError: rows are not numeric, differ in shape, or do not have the given shape.

    >>> read_numeric_rows([1, None], None)
    (array([[1.],
           [0.]], dtype=float32), array([ True, False]))
    """
    array = _as_one_array(values)
    if array is None:
        array = _stack_rows([as_array(row) for row in values], shape)
    if array.ndim == 1:
        array = array[:, None]
    if shape is not None and array.shape[1:] != shape:
        raise DataError(f"Rows must have the shape {shape} of the training rows, got {array.shape[1:]}.")
    return _replace_non_finite(array)


def _replace_non_finite(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if array.dtype != np.float32:
        array = as_float32(array)  # numbers that are too large become infinite, and are replaced below
    finite = np.asarray(np.isfinite(array))
    if finite.all():
        return array, np.ones(len(array), bool)
    return np.where(finite, array, np.float32(0)), np.asarray(finite.any(axis=tuple(range(1, array.ndim))))


def as_array(value: Any) -> np.ndarray | None:
    """Converts any container of numbers to an array; None stays None, as does a missing value of pandas.

    Raises:
        DataError: it contains anything but numbers.
    """
    if value is None or _is_na(value):
        return None
    if hasattr(value, "detach"):  # a tensor; torch is not imported here
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    elif hasattr(value, "toarray"):  # a sparse matrix
        value = value.toarray()
    try:
        array = np.asarray(value)  # raises ValueError for lists of differing lengths
        if array.dtype.kind in "biuf":
            return array
        if array.dtype.kind == "O":
            array = np.where(np.vectorize(_is_na, otypes=[bool])(array), np.nan, array)
        if array.dtype.kind in "OUS":
            return array.astype(np.float64)  # None becomes NaN
    except (TypeError, ValueError):
        pass
    text = repr(value)
    raise DataError(
        f"An Input reads numbers, got {type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}. "
        "Use TextInput() for texts and StructuredDataInput() for mixed columns."
    )


def _is_na(value: Any) -> bool:
    return type(value).__name__ in ("NAType", "NaTType")  # compared by name, so that pandas need not be imported


def _as_one_array(values: Any) -> np.ndarray | None:
    """All rows as one array, if they are one or can be converted at once; else None."""
    if isinstance(values, str | bytes | dict) or not (hasattr(values, "__len__") or hasattr(values, "__array__")):
        raise DataError(f"Rows must be an array, a tensor or a list of rows, got {type(values).__name__}.")
    if isinstance(values, list | tuple):
        return None
    if isinstance(values, np.ndarray) and values.dtype == object and values.ndim == 1:
        return None
    array = as_array(values)
    if array is None or array.ndim == 0:
        raise DataError(f"Rows must be an array with one entry per row, got {values!r}.")
    return array


def _stack_rows(rows: list[np.ndarray | None], shape: tuple[int, ...] | None) -> np.ndarray:
    # A scalar NaN among rows of a larger shape is a missing row, as None is.
    arrays = [(i, row) for i, row in enumerate(rows) if row is not None and (row.ndim > 0 or np.isfinite(row))]
    if shape is None:
        if not arrays:
            raise DataError("All rows are missing, so there is nothing to learn; leave the input out.")
        shape = arrays[0][1].shape or (1,)
    stacked = np.full((len(rows), *shape), np.nan, np.float32)
    for i, row in arrays:
        if (row.shape or (1,)) != shape:
            raise DataError(
                f"All rows of an Input must have the same shape, here {shape}, but row {row_number(i)} has shape "
                f"{row.shape}."
            )
        stacked[i] = as_float32(row)
    return stacked
