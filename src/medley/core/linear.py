"""What a linear model reads: feature matrices of an input's rows, and targets as plain numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, LinearLink, State, TargetCodec

LEAST_ANSWER = 0.003
"""Probabilities and rates by a linear model, which may be negative, are cut off here."""


@dataclass(frozen=True)
class FeatureBlock:
    """Some features of B rows.

    Args:
        name: what they are features of, such as a column.
        matrix: (B, F), a NumPy array, or a SciPy CSR array or matrix; missing rows are zeros.
        alone: whether a linear model of this block alone is worth its time, as for a text.
    """

    name: str
    matrix: Any
    alone: bool = False


class LinearFeatures(ABC):
    """Features of an input's rows for linear models: learnt on training rows, without torch.

    An `Input` announces its own by `linear_features`. Subclasses are registered, so that saved models can name them.
    """

    @abstractmethod
    def fit(self, values: Any) -> Self:
        """Learns from training rows."""

    @abstractmethod
    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        """Rows -> blocks of features, always the same ones in the same order, and present (B,) bool."""

    def numbers(self, values: Any) -> np.ndarray | None:
        """Rows -> standardised numeric columns (B, C), NaN where missing; None where an input has none."""
        return None

    @property
    def number_count(self) -> int | None:
        """The number C of columns that `numbers` returns, once it is fitted; None where that is not known."""
        return 0 if type(self).numbers is LinearFeatures.numbers else None

    @property
    def widths(self) -> list[int] | None:
        """The number of features of each block, once it is fitted; None where that is not known."""
        return None

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learnt: a flat dict of JSON values and arrays."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """The inverse of `state`; returns itself.

        Raises:
            ArtifactError: values are missing or wrong: a saved state may come from anybody.
        """


@dataclass(frozen=True)
class Labels:
    """The labels that a supervised codec learns from.

    Args:
        codecs: head name -> fitted target codec.
        encoded: head name -> encoded labels of the N training rows.
        weight: (N,) sample weights, or head name -> such, or None.
        folds: (N,) the fold of each row, from 0; None draws them.
        seconds: what fitting may take, about; None is no limit.
    """

    codecs: Mapping[str, TargetCodec]
    encoded: Mapping[str, Encoded]
    weight: np.ndarray | Mapping[str, np.ndarray | None] | None = None
    folds: np.ndarray | None = None
    seconds: float | None = None


def raw_outputs(link: LinearLink, answers: np.ndarray) -> np.ndarray:
    """A linear model's answers (B, J) as raw outputs (B, K) of a head.

    Args:
        link: what raw outputs mean, as `TargetCodec.linear_link`: `"identity"` numbers, `"log"` rates, `"multinomial"`
            probabilities of classes, `"logit"` of a yes each, `"ordered"` of ordered classes, of which K = J - 1 logits
            say whether a row lies above a class that it has reached.
        answers: probabilities are cut off at `LEAST_ANSWER`.

    >>> raw_outputs("logit", np.array([[0.5, -1.0]])).round(1).tolist()
    [[0.0, -5.8]]
    """
    match link:
        case "log" | "multinomial":
            return np.log(np.maximum(answers, LEAST_ANSWER))
        case "logit":
            probabilities = np.clip(answers, LEAST_ANSWER, 1 - LEAST_ANSWER)
            return np.log(probabilities / (1 - probabilities))
        case "ordered":
            masses = np.maximum(answers, LEAST_ANSWER)
            above = np.cumsum(masses[:, ::-1], axis=1)[:, ::-1]
            return np.log(above[:, 1:] / masses[:, :-1])
    return answers


class SupervisedCodec(Codec):
    """A codec that also learns from labels: what it says of a training row must not depend on that row's label."""

    def fit(self, values: Any) -> Self:
        """Never called: labels are needed.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{type(self).__name__} learns from labels: call fit_encode.")

    choices: Mapping[str, Any] = MappingProxyType({})
    """What was chosen by the time there was, as fields of the declaration that repeat it without a clock."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A checksum of the training rows, which does not depend on choices."""

    @abstractmethod
    def fit_encode(self, values: Any, labels: Labels) -> Encoded:
        """Fits the codec to training rows and encodes them, each by what was learnt from other rows.

        Args:
            values: N training rows.
            labels: of the same rows.
        """


class LinearRows(Mapping[str, Any]):
    """Rows of several inputs, and fresh features for linear models of each.

    Args:
        rows: input name -> rows.
        features: input name -> features, not fitted.
    """

    def __init__(self, rows: Mapping[str, Any], features: Mapping[str, LinearFeatures]) -> None:
        self.rows = rows
        self.features = features

    def __getitem__(self, name: str) -> Any:
        return self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)
