"""The codec of numeric targets. NumPy only."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State, TargetCodec
from medley.core.row_reporting import row_number
from medley.core.rules import Array, Choice, Flag, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.heads.cells import as_numbers
from medley.heads.labels import read_labels
from medley.heads.priors import best_number
from medley.heads.scales import Rule, Scale


class NumberCodec(TargetCodec):
    """K numbers per row <-> K standardised numbers (mean 0, standard deviation 1 over the training rows).

    Columns may be logarithmic (see `Scale`), and are then standardised on this scale. One column is encoded as (B, 1);
    rows without it are unobserved. Several columns are encoded as (B, 2 K): the numbers, then a 1 for each observed
    number, so that a row that lacks some of its numbers still trains the others.

    Args:
        output_dim: number of columns K; default: that of the training rows.
        loss: canonical name of the loss that `prior` minimises.
        scale: `"auto"`, `"linear"` or `"log"`; see `Scale`.
        predicts_mean: whether predictions stand for means, so that those of logarithmic columns may be corrected.

    Raises:
        DataError: a cell is not a finite number, a column has none, the number of columns differs, or negative numbers
            have a logarithmic scale.

    >>> codec = NumberCodec().fit([1.0, 3.0, None])
    >>> codec.encode([3.0, None])
    Encoded(array=array([[1.], [0.]], dtype=float32), present=array([ True, False]))
    >>> codec.decode(np.array([[1.0], [0.0]]))
    array([3., 2.])
    """

    def __init__(
        self,
        output_dim: int | None = None,
        loss: str = "mean_squared_error",
        scale: Rule = "linear",
        *,
        predicts_mean: bool = True,
    ) -> None:
        self.output_dim = output_dim
        self.loss = loss
        self.rule: Rule = scale
        self.predicts_mean = predicts_mean and loss == "mean_squared_error"
        self.flat = True
        self._dtype = "float64"
        self._mean: np.ndarray | None = None
        self._deviation = np.ones(1)
        self._scale: Scale | None = None
        self._prior = np.zeros(1, np.float32)

    @property
    def mean(self) -> np.ndarray:
        """(K,) float64, on the scale."""
        if self._mean is None:
            raise NotFittedError("This codec has no scale yet: call fit() first.")
        return self._mean

    @property
    def deviation(self) -> np.ndarray:
        """(K,) float64: the standard deviation on the scale; 1 if all numbers are equal."""
        return self._deviation

    @property
    def scale(self) -> Scale:
        """Which columns are logarithmic."""
        if self._scale is None:
            raise NotFittedError("This codec has no scale yet: call fit() first.")
        return self._scale

    @property
    def labels(self) -> None:
        """None: there are no classes."""
        return None

    @property
    def spec(self) -> Spec:
        """K=1, or 2 K numbers."""
        width = len(self.mean)
        return Spec((1 if width == 1 else 2 * width,), "K")

    @property
    def prior(self) -> np.ndarray:
        """Raw output (K,) of the best constant prediction: zeros for squared errors, the median for absolute errors."""
        return self._prior

    def fit(self, values: Any) -> Self:
        """Learns scale, mean and standard deviation of every column from its observed rows."""
        numbers, self.flat, self._dtype = numeric_columns(values)
        width = numbers.shape[1]
        if self.output_dim not in (None, width):
            raise DataError(f"Expect the target data to have shape (B, {self.output_dim}), but got (B, {width}).")
        empty = np.flatnonzero(np.isnan(numbers).all(axis=0))
        if len(empty):
            raise DataError(f"The target data has no number in column {empty[0]}: all {len(numbers)} rows are missing.")
        self._scale = Scale.learn(numbers, self.rule)
        numbers = self._scale.transform(numbers)
        mean, deviation = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
        # The deviation of a constant may differ from 0 by rounding.
        is_constant = deviation <= 1e-12 * np.abs(mean)
        self._mean, self._deviation = mean, np.where(is_constant, 1.0, deviation)
        self._prior = self._best_constant((numbers - mean) / self._deviation)
        return self

    def _best_constant(self, scaled: np.ndarray) -> np.ndarray:
        # The loss of a row is a mean over its observed columns, so a number counts more if few are observed.
        observed = ~np.isnan(scaled)
        weights = observed / np.maximum(observed.sum(axis=1, keepdims=True), 1)
        columns = zip(scaled.T, weights.T, observed.T, strict=True)
        constants = [best_number(numbers[rows], weights[rows], self.loss) for numbers, weights, rows in columns]
        return np.array(constants, np.float32)

    def encode(self, values: Any) -> Encoded:
        """Numbers -> (B, 1), or (B, 2 K): the standardised numbers, then 1 where observed; unobserved ones are 0."""
        numbers, _, _ = numeric_columns(values)
        if numbers.shape[1] != len(self.mean):
            raise DataError(
                f"Expect the target data to have shape (B, {len(self.mean)}), but got (B, {numbers.shape[1]})."
            )
        observed = ~np.isnan(numbers)
        scaled = np.where(observed, (self.scale.transform(numbers) - self.mean) / self._deviation, 0.0)
        cells = scaled if len(self.mean) == 1 else np.concatenate([scaled, observed], axis=1)
        return Encoded(cells.astype(np.float32), np.any(observed, axis=1))

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """The standardised numbers (B, K)."""
        return observed_columns(encoded, len(self.mean))

    @property
    def linear_link(self) -> LinearLink:
        return "identity"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, ...) -> numbers in the original unit, NaN where unobserved; the inverse of `encode`."""
        target = np.asarray(target)
        width = len(self.mean)
        if width == 1:
            return self.decode(target)
        return self.decode(np.where(target[:, width:] > 0, target[:, :width], np.nan))

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> numbers in the unit and shape of the training targets; always floats."""
        numbers = self.in_unit(raw).astype(self._dtype)
        return numbers[:, 0] if self.flat else numbers

    def in_unit(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> numbers (B, K) float64 in the original unit."""
        return self.scale.inverse_transform(np.asarray(raw, dtype=np.float64) * self._deviation + self.mean)

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """The same as `decode`."""
        return self.decode(raw)

    @property
    def geometric(self) -> np.ndarray | None:
        is_log = np.asarray(self.scale.log, bool)
        return is_log if self.predicts_mean and is_log.any() else None

    def state(self) -> dict[str, Any]:
        """The fitted state."""
        return {
            "flat": self.flat,
            "dtype": self._dtype,
            "mean": self.mean,
            "deviation": self._deviation,
            "prior": self._prior,
            **self.scale.state(),
        }

    RULES = StateRules(
        flat=Flag(),
        dtype=Choice("float32", "float64"),
        mean=Array(np.float64, ("K",)),
        deviation=Array(np.float64, ("K",), low=1e-300),
        prior=Array(np.float32, ("K",)),
    )

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self.flat, self._dtype = values["flat"], values["dtype"]
        self._mean, self._deviation, self._prior = values["mean"], values["deviation"], values["prior"]
        require(len(self.mean), "mean must have a number, got none.")
        self._scale = Scale.restore(state, len(self.mean))
        return self


def observed_columns(encoded: Encoded, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits encoded targets of K columns into values (B, K) and a mask (B, K) bool of the observed ones.

    Args:
        encoded: (B, 1), or (B, 2 K) whose second half is 1 for observed values.
        width: number of columns K.

    >>> observed_columns(Encoded(np.array([[3.0, 0.0, 1.0, 0.0]]), np.array([True])), 2)[1].tolist()
    [[True, False]]
    """
    if width == 1:
        return encoded.array, encoded.present[:, None]
    return encoded.array[:, :width], (encoded.array[:, width:] > 0) & encoded.present[:, None]


def numeric_columns(values: Any) -> tuple[np.ndarray, bool, str]:
    """Rows -> numbers (B, K) float64 with NaN where missing, whether rows were flat, and the type of predictions.

    Raises:
        DataError: the array has more than two axes, or a cell is not a finite number.
    """
    array = read_labels(values).array
    if array.ndim > 2 or array.shape[1:] == (0,):
        raise DataError(f"Numeric targets must be of shape (B,) or (B, columns), got {array.shape}.")
    numbers = as_numbers(array[:, None] if array.ndim == 1 else array, "Numeric targets")
    wrong = np.abs(numbers) > np.finfo(np.float32).max
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"Numeric targets must be finite numbers between -3e38 and 3e38, got {numbers[row, column]} in row "
            f"{row_number(row)}, column {column}."
        )
    floating = array.dtype.kind == "f" and array.dtype.itemsize in (4, 8)
    return numbers, array.ndim == 1, array.dtype.name if floating else "float64"
