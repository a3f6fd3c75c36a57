"""Vectors and short series as features of linear models."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, State, state_below
from medley.core.linear import FeatureBlock, LinearFeatures
from medley.core.registry import register
from medley.core.rules import Array, StateRules
from medley.series.array import ArrayCodec

SCALE = 0.1
"""Factor of all features, so that one strength of a ridge suits them and those of tables and texts."""


@register("series.features")
class ArrayFeatures(LinearFeatures):
    """All numbers of a row, standardised over the training rows.

    Args:
        codec: encodes the rows.

    >>> ArrayFeatures().fit(np.eye(3)).encode(np.eye(3))[0][0].matrix.shape
    (3, 3)
    """

    def __init__(self, codec: Codec | None = None) -> None:
        self.codec = ArrayCodec() if codec is None else codec
        self._mean = np.zeros(0, np.float32)
        self._scale = np.ones(0, np.float32)

    def fit(self, values: Any) -> Self:
        encoded = self.codec.fit(values).encode(values)
        size = int(np.prod(self.codec.spec.shape))
        numbers = encoded.array[encoded.present].reshape(-1, size)
        if not len(numbers):  # all features are 0
            self._mean = np.zeros(size, np.float32)
            self._scale = self._mean
            return self
        self._mean = numbers.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = numbers.std(axis=0, dtype=np.float64)
        self._scale = np.where(deviation > 1e-6, SCALE / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
        return self

    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        encoded = self.codec.encode(values)
        matrix = (encoded.array.reshape(len(encoded.array), -1) - self._mean) * self._scale
        matrix[~encoded.present] = 0
        return [FeatureBlock("", np.clip(matrix, -1, 1).astype(np.float32))], encoded.present

    def state(self) -> dict[str, Any]:
        inner = {f"codec.{key}": value for key, value in self.codec.state().items()}
        return {**inner, "mean": self._mean, "scale": self._scale}

    RULES = StateRules(mean=Array(np.float32, ("F",)), scale=Array(np.float32, ("F",)))

    def restore(self, state: State) -> Self:
        self.codec.restore(state_below("codec.", state))
        values = self.RULES.read(state, {"F": self.codec.spec.size})
        self._mean, self._scale = values["mean"], values["scale"]
        return self

    @property
    def widths(self) -> list[int]:
        return [self.codec.spec.size]
