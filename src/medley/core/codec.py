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

    @property
    def stored_rows(self) -> str:
        """Training rows that the fitted state contains, and how to avoid that; empty if it contains none.

        Returns:
            What follows "contains", up to the full stop.
        """
        return ""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The fitted state: a flat dict of JSON values and NumPy arrays."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Restores the fitted state and returns the codec.

        Args:
            state: as returned by `state`.

        Raises:
            ArtifactError: values are missing or wrong: a saved state may come from anybody (`core.rules` checks it).
        """


class TargetCodec(Codec):
    """A codec of targets, which also decodes the raw outputs of a network as labels or numbers."""

    @property
    @abstractmethod
    def prior(self) -> np.ndarray:
        """Raw outputs (K,) of the constant baseline, fitted to training rows; used for rows without inputs."""

    @abstractmethod
    def values(self, target: np.ndarray) -> np.ndarray:
        """Decodes encoded targets (B, ...) as labels or numbers (B,) or (B, n): the inverse of `encode`."""

    @abstractmethod
    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Decodes raw outputs (B, K) as predictions (B,) or (B, n), in the type and unit of the caller's labels."""

    @abstractmethod
    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Decodes raw outputs (B, K) as probabilities (B, classes); for numbers, the same as `decode`."""

    def predicted_indices(self, raw: np.ndarray) -> np.ndarray | None:
        """Raw outputs (B, K) -> indices (B,) of the classes that `decode` returns; None unless rows have one class."""
        return None

    @property
    def quantiles(self) -> tuple[float, ...] | None:
        """The levels of the quantiles (B, Q) that `probabilities` returns; None where it returns something else."""
        return None

    @property
    def geometric(self) -> np.ndarray | None:
        """(K,) bool: outputs decoded as geometric means, since squared errors of logarithms are minimised; or None."""
        return None

    def admit(self, values: Any) -> Self:
        """Makes the labels of rows that the codec is not fitted to, such as validation rows, labels of the target too.

        Args:
            values: labels of other rows; called before `fit`.

        Returns:
            The codec itself. Numbers have no labels, so nothing changes.
        """
        return self

    def extended(self, values: Any) -> Self:
        """This fitted codec with the labels that rows have beyond its own; itself where they have none.

        Args:
            values: labels (B, ...).
        """
        return self

    def grown(self, values: Any, seen: int) -> Self:
        """This fitted codec with the labels that rows have beyond its own, to be learned; itself where they have none.

        Args:
            values: labels (B, ...).
            seen: number of rows that the codec's labels were learned from; 0 where it is not known.
        """
        return self

    @property
    def origin(self) -> Self:
        """The codec that the head was built for: the one before labels were added by `grown`; else the codec itself."""
        return self

    def narrowed(self, encoded: Encoded, wider: Any) -> Encoded:
        """What an extended codec has encoded as this one encodes it: rows of additional labels are unobserved."""
        return encoded

    def widened(self, raw: np.ndarray, wider: Any) -> np.ndarray:
        """Raw outputs (B, K) of this codec as those of an extended one, which never predict the additional labels."""
        return raw

    def unlearned(self, encoded: Encoded, folds: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Labels of rows that were not learnt from, which no training row has: rows (M,) and class indices (M,).

        Args:
            encoded: as of `loss_targets`, like the next one.
            folds: see there.
        """
        return np.zeros(0, np.int64), np.zeros(0, np.int64)

    def loss_targets(self, encoded: Encoded, folds: np.ndarray | None = None) -> Encoded:
        """Encoded labels of rows that were not learnt from, as far as a loss can be computed.

        A label without training rows has a probability of zero, and an infinite loss: it counts as unobserved.

        Args:
            encoded: B labels.
            folds: (B,) the fold of each row, where training rows are held out fold by fold; a label that has rows in
                one fold only is not learnt where that fold is left out.
        """
        return encoded

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


def state_below(prefix: str, state: State) -> dict[str, Any]:
    """The values whose names begin with a prefix, by the rest of their names.

    Args:
        prefix: of names.
        state: of a part and its own parts.

    >>> state_below("words.", {"words.mean": 1, "size": 2})
    {'mean': 1}
    """
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
