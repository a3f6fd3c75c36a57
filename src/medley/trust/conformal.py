"""Intervals of numbers and sets of classes that hold the truth as often as asked: split-conformal. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.codec import Encoded, State, TargetCodec
from medley.core.rules import Array, StateRules, require
from medley.errors import ConfigError, spelled
from medley.trust.spread import Spread, fit_spread

MOST_SCORES = 4_096
"""Scores that are kept per output; of more, a random sample, with which the promise holds just as well."""

MIN_ROWS = 10
"""Fewer validation rows say nothing of use."""

SPREAD_FRACTION, MIN_SPREAD_ROWS = 0.3, 200
"""Fraction of the validation rows that the spread is learnt from, whose errors are then not counted; and the rows from
which this is done."""

LINKS = ("identity", "log")
"""Links of raw outputs that are numbers."""


def quantile_rank(rows: int, level: float) -> int | None:
    """The rank, from 1, of the score of `rows` that a new score exceeds with probability 1 - `level` at most.

    None where there are too few rows for this level. Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman:
    Distribution-Free Predictive Inference for Regression, 2018, section 2.2.

    >>> quantile_rank(99, 0.9), quantile_rank(8, 0.9)
    (90, None)
    """
    rank = int(np.ceil((rows + 1) * level - 1e-9))
    return rank if rank <= rows else None


def highest_level(rows: int) -> float:
    """The highest level that scores of `rows` rows can promise.

    >>> highest_level(99)
    0.99
    """
    return rows / (rows + 1)


def threshold(scores: np.ndarray, level: float, head: str) -> float:
    """The score that a new row exceeds with probability 1 - `level` at most.

    Args:
        scores: (n,) ascending.
        level: between 0 and 1.
        head: for the message.

    Raises:
        ConfigError: there are too few scores for this level.
    """
    rank = quantile_rank(len(scores), level)
    if rank is None:
        most = np.floor(highest_level(len(scores)) * 1000) / 1000
        needed = int(np.ceil(level / (1 - level) - 1e-9))
        raise ConfigError(
            f"{head}: {spelled('interval', float(level))} needs {needed:,} independent validation rows, and the model "
            f"has {len(scores):,}; ask for {most:g} at most, or train with more rows."
        )
    return float(scores[rank - 1])


@dataclass(frozen=True)
class NumberIntervals:
    """Intervals of numbers.

    The error of a prediction, divided by how large errors are expected to be for such a row, is compared with those of
    the validation rows. A new row that is drawn like them is in its interval with the probability that is asked for, or
    slightly more (Lei et al., 2018, section 5.2). Errors are measured on the scale that the network predicts: for a
    logarithmic target, intervals are wider upwards.

    Args:
        scores: per output, ascending scores (n,).
        spread: per output, how large errors are expected to be.
    """

    scores: tuple[np.ndarray, ...]
    spread: tuple[Spread, ...]

    def bounds(self, codec: TargetCodec, raw: np.ndarray, level: float, head: str) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest number (B,) or (B, K) of each row, in the unit of the target.

        Args:
            codec: of the target.
            raw: raw outputs (B, K).
            level: probability that the truth is between them.
            head: name, for messages.

        Raises:
            ConfigError: there are too few validation rows for this level.
        """
        raw = np.asarray(raw, np.float64)
        centre = _on_scale(codec, raw)
        widths = [
            threshold(scores, level, head) * spread.of(raw)
            for scores, spread in zip(self.scores, self.spread, strict=True)
        ]
        width = np.stack(widths, axis=1)
        low, high = (codec.decode(_from_scale(codec, ends)) for ends in (centre - width, centre + width))
        return low, high

    def state(self) -> dict[str, Any]:
        """The state as arrays by name."""
        state = {f"scores/{place}": scores for place, scores in enumerate(self.scores)}
        for place, spread in enumerate(self.spread):
            state |= {f"{name}/{place}": values for name, values in spread.state().items()}
        return state

    @classmethod
    def restore(cls, state: State, codec: TargetCodec) -> NumberIntervals:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            codec: of the target.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        require(codec.linear_link in LINKS and codec.labels is None, "Only numbers have intervals.")
        width = len(codec.prior)
        places = range(1 if codec.quantiles else width)
        scores = tuple(_read_scores(state, f"scores/{place}") for place in places)
        parts = [{key: state.get(f"{key}/{place}") for key in Spread.NAMES} for place in places]
        return cls(scores, tuple(Spread.restore(part, width) for part in parts))


@dataclass(frozen=True)
class ClassSets:
    """Sets of classes, as small as possible, that hold the true one as often as asked.

    A set holds the classes whose probability is high enough, and always the most probable one: where that alone is
    right more often than asked, sets hold one class and the truth is in them more often. Source: Sadinle, Lei,
    Wasserman: Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, 2019.

    Args:
        scores: (n,) ascending: 1 - probability of the true class of validation rows.
    """

    scores: np.ndarray

    def members(self, probabilities: np.ndarray, level: float, head: str) -> np.ndarray:
        """Which classes are in the sets: (B, classes) bool.

        Args:
            probabilities: (B, classes), before calibration, as those that the scores were made of: calibration was
                fitted to the same rows, so scores of calibrated ones would be too good.
            level: probability that the truth is in the set.
            head: name, for messages.

        Raises:
            ConfigError: there are too few validation rows for this level.
        """
        is_member = 1 - probabilities <= threshold(self.scores, level, head) + 1e-12
        is_member[np.arange(len(is_member)), probabilities.argmax(axis=1)] = True
        return is_member

    def state(self) -> dict[str, Any]:
        """The state as arrays by name."""
        return {"scores/0": self.scores}

    @classmethod
    def restore(cls, state: State, codec: TargetCodec) -> ClassSets:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            codec: of the target.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        require(_has_one_class(codec), "Only targets with one class per row have sets of classes.")
        return cls(_read_scores(state, "scores/0"))


Conformal = NumberIntervals | ClassSets


def fit_conformal(
    codec: TargetCodec, raw: np.ndarray, encoded: Encoded, weight: np.ndarray | None, groups: np.ndarray | None
) -> Conformal | None:
    """Fits intervals, or sets of classes, to validation rows.

    Rows of one group are not independent of each other, so one row of each is drawn. Weights are not taken into
    account, except that rows of weight 0 are left out: the promise is about rows, however much they weigh.

    Args:
        codec: of the target.
        raw: raw outputs (N, K).
        encoded: encoded targets of the rows.
        weight: (N,) or None.
        groups: (N,) or None.

    Returns:
        None for several labels per row, and where there are too few rows.
    """
    rng = np.random.default_rng(0)
    usable = encoded.present.copy()
    if weight is not None:
        usable &= weight > 0
    usable &= np.isfinite(raw).all(axis=1)
    rows = rng.permutation(np.flatnonzero(usable))
    if groups is not None and len(rows):
        rows = rows[np.sort(np.unique(groups[rows], return_index=True)[1])]
    if len(rows) < MIN_ROWS:
        return None
    if codec.labels is not None:
        if not _has_one_class(codec):
            return None
        truth = encoded.array.reshape(len(encoded.array), -1)[:, 0].astype(np.int64)
        true_probability = codec.probabilities(raw[rows])[np.arange(len(rows)), truth[rows]]
        return ClassSets(_kept_scores(1 - true_probability))
    targets = codec.linear_targets(encoded)
    if codec.linear_link not in LINKS or targets is None:
        return None
    return _fit_numbers(codec, raw.astype(np.float64), *targets, rows)


def _fit_numbers(
    codec: TargetCodec, raw: np.ndarray, numbers: np.ndarray, observed: np.ndarray, rows: np.ndarray
) -> NumberIntervals | None:
    predicted = _on_scale(codec, raw)
    errors = np.abs(_target_on_scale(codec, numbers)[:, : predicted.shape[1]] - predicted)
    scores, spreads = [], []
    for place in range(errors.shape[1]):
        usable = rows[observed[rows, place] & np.isfinite(errors[rows, place])]
        count = int(len(usable) * SPREAD_FRACTION) if len(usable) >= MIN_SPREAD_ROWS else 0
        output = place if codec.quantiles is None else _middle(codec.quantiles)
        spread = fit_spread(raw[usable[:count]], errors[usable[:count], place], output, raw.shape[1])
        remaining = usable[count:]
        if len(remaining) < MIN_ROWS:
            return None
        spreads.append(spread)
        scores.append(_kept_scores(errors[remaining, place] / spread.of(raw[remaining])))
    return NumberIntervals(tuple(scores), tuple(spreads))


def _kept_scores(scores: np.ndarray) -> np.ndarray:
    """Ascending scores, of rows in random order, as far as they are kept."""
    return np.sort(scores[:MOST_SCORES]).astype(np.float64)


def _read_scores(state: State, name: str) -> np.ndarray:
    rules = StateRules(scores=Array(np.float64, (None,), low=0.0))
    scores = rules.read({"scores": state.get(name)})["scores"]
    require(len(scores) and (np.diff(scores) >= 0).all(), "scores must be ascending numbers.")
    return scores


def _has_one_class(codec: TargetCodec) -> bool:
    link, labels = codec.linear_link, codec.labels
    return labels is not None and (
        link in ("multinomial", "ordered") or (link == "logit" and len(codec.prior) == 1 < len(labels))
    )


def _on_scale(codec: TargetCodec, raw: np.ndarray) -> np.ndarray:
    """Predictions (B, K), or (B, 1) of quantiles, on the scale where errors are measured: for counts, the root."""
    if codec.quantiles is not None:
        return np.sort(raw, axis=1)[:, [_middle(codec.quantiles)]]
    return raw if codec.linear_link == "identity" else np.exp(np.minimum(raw, 30.0) / 2)


def _middle(levels: Sequence[float]) -> int:
    """Which quantile is the prediction: the one closest to the median."""
    return int(np.argmin(np.abs(np.array(levels) - 0.5)))


def _from_scale(codec: TargetCodec, values: np.ndarray) -> np.ndarray:
    """The inverse of `_on_scale`: raw outputs (B, K)."""
    if codec.quantiles is not None:
        return np.repeat(values, len(codec.quantiles), axis=1)  # the middle one is decoded
    if codec.linear_link == "identity":
        return values
    with np.errstate(divide="ignore"):
        return 2 * np.log(np.maximum(values, 0.0))


def _target_on_scale(codec: TargetCodec, numbers: np.ndarray) -> np.ndarray:
    """Encoded targets (B, K) on that scale."""
    numbers = numbers.astype(np.float64)
    return numbers if codec.linear_link == "identity" else np.sqrt(np.maximum(numbers, 0.0))
