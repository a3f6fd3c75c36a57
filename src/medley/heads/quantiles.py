"""The codec of quantiles of a number. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State, TargetCodec
from medley.core.rules import Array, Items, Real, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError
from medley.heads.numbers import NumberCodec
from medley.heads.scales import Rule


class QuantileCodec(TargetCodec):
    """One number per row <-> Q raw outputs: quantiles of the standardised number.

    Raw outputs are sorted before they are read, so that quantiles never cross: that never increases the pinball loss
    (Chernozhukov, Fernández-Val, Galichon: Quantile and Probability Curves Without Crossing, 2010). The prediction is
    the quantile closest to the median.

    Args:
        levels: ascending probabilities, such as 0.1, 0.5, 0.9.
        scale: of the numbers, as of `NumberCodec`.

    Raises:
        DataError: targets have several columns, or cells are not finite numbers.

    >>> codec = QuantileCodec([0.1, 0.5, 0.9]).fit(list(range(11)))
    >>> codec.decode(codec.prior[None]), codec.probabilities(codec.prior[None]).round(6)
    (array([5.]), array([[1., 5., 9.]]))
    """

    def __init__(self, levels: Sequence[float], scale: Rule = "linear") -> None:
        self.levels = tuple(float(level) for level in levels)
        self.numbers = NumberCodec(1, "mean_absolute_error", scale)
        self._prior = np.zeros(len(self.levels), np.float32)

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels."""
        return self.levels

    @property
    def middle(self) -> int:
        """Which of the quantiles is the prediction: the one closest to the median."""
        return int(np.argmin(np.abs(np.array(self.levels) - 0.5)))

    @property
    def labels(self) -> None:
        """None: there are no classes."""
        return None

    @property
    def spec(self) -> Spec:
        """One number."""
        return self.numbers.spec

    @property
    def prior(self) -> np.ndarray:
        """(Q,) quantiles of the training numbers."""
        return self._prior

    def fit(self, values: Any) -> Self:
        """Learns the scale, and the quantiles of the training numbers."""
        try:
            self.numbers.fit(values)
        except DataError as error:
            if "to have shape" in error.message:
                error.message = f"Quantiles are predicted of one number per row. {error.message}"
            raise
        encoded = self.numbers.encode(values)
        observed = encoded.array[encoded.present, 0]
        self._prior = np.quantile(observed, self.levels, method="inverted_cdf").astype(np.float32)
        return self

    def encode(self, values: Any) -> Encoded:
        """Numbers -> (B, 1) standardised."""
        return self.numbers.encode(values)

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """The standardised number, once per quantile (B, Q): a linear model of the mean is where all of them start."""
        numbers, observed = self.numbers.linear_targets(encoded)
        return np.repeat(numbers, len(self.levels), axis=1), np.repeat(observed, len(self.levels), axis=1)

    @property
    def linear_link(self) -> LinearLink:
        return "identity"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, 1) -> numbers."""
        return self.numbers.values(target)

    def median(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, Q) -> that of the prediction (B, 1)."""
        return np.sort(np.asarray(raw), axis=1)[:, [self.middle]]

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, Q) -> the quantile closest to the median (B,), in the unit of the target."""
        return self.numbers.decode(self.median(raw))

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, Q) -> ascending quantiles (B, Q), in the unit of the target."""
        return self.numbers.in_unit(np.sort(np.asarray(raw), axis=1))

    def state(self) -> dict[str, Any]:
        """The fitted state."""
        return {**self.numbers.state(), "levels": list(self.levels), "quantile_prior": self._prior}

    RULES = StateRules(levels=Items(Real(1e-6, 1 - 1e-6), low=1, high=1_000), quantile_prior=Array(np.float32, (None,)))

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self.numbers.restore(state)
        self.levels, self._prior = tuple(values["levels"]), values["quantile_prior"]
        require(list(self.levels) == sorted(set(self.levels)), "levels must be ascending.")
        require(len(self._prior) == len(self.levels), "quantile_prior must have one number per level.")
        require(len(self.numbers.mean) == 1, "Quantiles are of one number.")
        return self
