"""Features and targets of linear models, and codecs that learn from labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, LinearLink, State, TargetCodec

MIN_PROBABILITY = 0.003
"""Lower bound of probabilities and rates: those of a linear model may be negative."""


@dataclass(frozen=True)
class FeatureBlock:
    """A matrix of features of B rows.

    Args:
        name: of the column or input that the features describe.
        matrix: (B, F), a NumPy array, or a SciPy CSR array or matrix; missing rows are zeros.
        fits_alone: whether a linear model of these features alone is worth its time, as for texts.
        optional: (F,) bool, features that are left out for targets that are predicted better without them; or None.
    """

    name: str
    matrix: Any
    fits_alone: bool = False
    optional: np.ndarray | None = None


class LinearFeatures(ABC):
    """Features of an input's rows for linear models: fitted to training rows, without torch.

    `InputBlock.linear_features` returns those of an input. Subclasses are registered, as saved models name them.
    """

    @abstractmethod
    def fit(self, values: Any) -> Self:
        """Fits the features to training rows and returns them."""

    @abstractmethod
    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        """Encodes B rows.

        Returns:
            Feature blocks, the same ones in the same order in every call; and present (B,) bool.
        """

    def numbers(self, values: Any) -> np.ndarray | None:
        """The standardised numeric columns of B rows (B, C), NaN where missing; None if the input has none."""
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
        """The fitted state: a flat dict of JSON values and arrays."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Restores the fitted state and returns the features.

        Raises:
            ArtifactError: values are missing or wrong: a saved state may come from anybody.
        """


@dataclass(frozen=True)
class Labels:
    """The labels to which a supervised codec is fitted.

    Args:
        codecs: head name -> fitted target codec.
        encoded: head name -> encoded labels of the N training rows.
        weight: (N,) sample weights; or head name -> sample weights; or None.
        folds: (N,) the fold of each row, from 0; None to draw folds at random.
        seconds: approximate time limit for fitting; None for no limit.
        is_sample: whether there are more training rows, for `SupervisedCodec.encode_training`.
    """

    codecs: Mapping[str, TargetCodec]
    encoded: Mapping[str, Encoded]
    weight: np.ndarray | Mapping[str, np.ndarray | None] | None = None
    folds: np.ndarray | None = None
    seconds: float | None = None
    is_sample: bool = False


def to_raw_outputs(link: LinearLink, outputs: np.ndarray) -> np.ndarray:
    """Converts the outputs of a linear model (B, J) to raw outputs of a head (B, K).

    Args:
        link: meaning of the outputs, as `TargetCodec.linear_link`: numbers (`"identity"`), rates (`"log"`),
            probabilities of classes (`"multinomial"`), of labels (`"logit"`), or of ordered classes (`"ordered"`);
            these give K = J - 1 logits that a row is above a class, given that it is not below it.
        outputs: of the linear model; probabilities are clipped at `MIN_PROBABILITY`.

    >>> to_raw_outputs("logit", np.array([[0.5, -1.0]])).round(1).tolist()
    [[0.0, -5.8]]
    """
    match link:
        case "log" | "multinomial":
            return np.log(np.maximum(outputs, MIN_PROBABILITY))
        case "logit":
            probabilities = np.clip(outputs, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
            return np.log(probabilities / (1 - probabilities))
        case "ordered":
            probabilities = np.maximum(outputs, MIN_PROBABILITY)
            tail = np.cumsum(probabilities[:, ::-1], axis=1)[:, ::-1]
            return np.log(tail[:, 1:] / probabilities[:, :-1])
    return outputs


class SupervisedCodec(Codec):
    """A codec that also learns from labels. Its encoding of a training row must not depend on the label of that row."""

    def fit(self, values: Any) -> Self:
        """Not supported, since labels are required: call `fit_encode`.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{type(self).__name__} learns from labels: call fit_encode.")

    choices: Mapping[str, Any] = MappingProxyType({})
    """Choices that depended on the time available, as fields of the declaration; they repeat it without a clock."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A checksum of the training rows; it does not depend on `choices`."""

    @abstractmethod
    def fit_encode(self, values: Any, labels: Labels) -> Encoded:
        """Fits the codec to training rows and encodes each of them out of fold: by a fit to other rows.

        Args:
            values: N training rows.
            labels: of the same rows.
        """

    @abstractmethod
    def encode_training(self, values: Any, folds: np.ndarray | None) -> Encoded:
        """Encodes training rows that are not in the sample to which the codec was fitted, out of fold as well.

        Args:
            values: B training rows; the labels of the fit had `is_sample`.
            folds: (B,) the fold of each row, or None if the fit had no folds: no fit has seen these rows then.
        """

    @abstractmethod
    def training_state(self) -> dict[str, np.ndarray]:
        """What `encode_training` needs beyond `state`, which a saved model does not need."""

    @abstractmethod
    def restore_training(self, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `training_state`, after `restore`."""


class LinearRows(Mapping[str, Any]):
    """Rows of several inputs, with features for linear models.

    Args:
        rows: input name -> rows.
        features: input name -> features that are not fitted yet.
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
