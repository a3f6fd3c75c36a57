"""Codecs: encode rows as arrays and presence masks, and decode predictions. They run without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from medley.core.spec import Spec

State = Mapping[str, Any]

LinearLink = Literal["identity", "log", "multinomial", "logit", "ordered"]
"""Meaning of raw outputs: numbers (`identity`), log rates (`log`), log-probabilities of classes (`multinomial`),
logits of labels (`logit`), or logits of being above an ordered class, given that it is not below it (`ordered`)."""


@dataclass(frozen=True)
class Encoded:
    """Encoded rows.

    Args:
        array: shape (B, *spec.shape); absent rows hold a valid value (zeros).
        present: shape (B,) bool; False for rows without this input (or label).
    """

    array: np.ndarray
    present: np.ndarray


class Codec(ABC):
    """Encodes rows as arrays after being fitted to training rows; its state consists of JSON values and arrays."""

    @property
    @abstractmethod
    def spec(self) -> Spec:
        """The spec of one encoded row; available after `fit`."""

    @abstractmethod
    def fit(self, values: Any) -> Self:
        """Fits the codec to training rows and returns it.

        Args:
            values: B training rows.

        Raises:
            DataError: the codec does not support rows of this form.
        """

    @abstractmethod
    def encode(self, values: Any) -> Encoded:
        """Encodes rows.

        Args:
            values: B rows.

        Returns:
            The encoded rows, array (B, *spec.shape) and present (B,).

        Raises:
            DataError: the rows do not match the training rows (another width, a missing column, ...).
        """

    def unreadable_rows(self, values: Any) -> Mapping[int, Sequence[str]]:
        """Rows with files that cannot be read: position -> an error message per file."""
        return {}

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The fitted state: a flat dict of JSON values and NumPy arrays."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Restores the fitted state and returns the codec.

        Args:
            state: as returned by `state`.
        """


class TargetCodec(Codec):
    """A codec of targets, which also decodes the raw outputs of a network as labels or numbers."""

    @property
    @abstractmethod
    def prior(self) -> np.ndarray:
        """Raw outputs (K,) of the constant baseline, fitted to training rows; used for rows without inputs."""

    @abstractmethod
    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Decodes raw outputs (B, K) as predictions (B,) or (B, n), in the type and unit of the caller's labels."""

    @abstractmethod
    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Decodes raw outputs (B, K) as probabilities (B, classes); for numbers, the same as `decode`."""

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray] | None:
        """Encoded labels as targets of a linear least-squares model.

        Args:
            encoded: B labels.

        Returns:
            Targets (B, J), and whether each is observed (B, J); None if a linear model does not suit the target.
        """
        return None

    @property
    def linear_link(self) -> LinearLink:
        """How the outputs (B, J) of a linear model are converted to raw outputs (B, K) of the same prediction."""
        return "identity"

    @property
    @abstractmethod
    def labels(self) -> list[Any] | None:
        """The classes, in the order of the columns of `probabilities`; None for numbers."""
