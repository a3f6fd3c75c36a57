"""Codecs: rows of any form -> arrays and presence masks, and back. NumPy only, so that they also run without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from medley.core.spec import Spec

State = Mapping[str, Any]

LinearLink = Literal["identity", "log", "multinomial", "logit", "ordered"]
"""What raw outputs mean: numbers, logarithms of rates, of probabilities of classes, logits of a yes each, and logits of
lying above an ordered class that was reached."""


@dataclass(frozen=True)
class Encoded:
    """Encoded rows.

    Args:
        array: shape (B, *spec.shape); rows that are absent hold a legal value (zeros).
        present: shape (B,) bool; False where the row has no such input (or no such label).
    """

    array: np.ndarray
    present: np.ndarray


class Codec(ABC):
    """Encodes rows as arrays after being fitted on training rows; its state is JSON values and arrays, never pickle."""

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """The shape of one encoded sample; known once fitted."""

    @abstractmethod
    def fit(self, values: Any) -> Self:
        """Fits the codec to `values` (B rows, training rows only) and returns it.

        Raises:
            DataError: the codec does not support rows of this form.
        """

    @abstractmethod
    def encode(self, values: Any) -> Encoded:
        """Rows -> array (B, *spec.shape) and present (B,).

        Raises:
            DataError: the rows do not match the training rows (another width, a missing column, ...).
        """

    def unreadable_rows(self, values: Any) -> Mapping[int, Sequence[str]]:
        """Rows with files that cannot be read: position -> what is wrong with each file, each naming its row."""
        return {}

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The fitted state: a flat dict of JSON values and NumPy arrays."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """The inverse of `state`; returns itself.

        Raises:
            ArtifactError: values are missing or wrong: a saved state may come from anybody (`core.rules` checks it).
        """


class TargetCodec(Codec):
    """A codec that also decodes: raw network outputs -> the caller's labels or numbers."""

    @property
    @abstractmethod
    def prior(self) -> np.ndarray:
        """Raw output (K,) of the best constant prediction, fitted on training rows; used for rows without inputs."""

    @abstractmethod
    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> predictions (B,) or (B, n) in the type and unit of the caller's labels."""

    @abstractmethod
    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> probabilities (B, classes); for numbers, the same as `decode`."""

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray] | None:
        """Encoded labels as the numbers that a linear model by least squares is fitted to.

        Args:
            encoded: B labels.

        Returns:
            Numbers (B, J) and which of them are observed (B, J) bool; None where no linear model suits the target.
        """
        return None

    @property
    def linear_link(self) -> LinearLink:
        """How a linear model's answers (B, J) become raw outputs (B, K) that predict the same."""
        return "identity"

    @property
    @abstractmethod
    def labels(self) -> list[Any] | None:
        """The classes in the order of the probabilities' columns; None for numbers."""
