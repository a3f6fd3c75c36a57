"""Plain columns as features of linear models."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from medley.core.codec import State
from medley.core.linear import FeatureBlock, LinearFeatures
from medley.core.registry import register
from medley.core.rules import Array, Items, Json, StateRules, Whole, require
from medley.core.spec import Column
from medley.tabular.codec import TableCodec
from medley.tabular.columns import MOST_CATEGORIES

BINS = 16
SCALE = 0.1
"""Factor of all features, so that one strength of a ridge suits them and the TF-IDF of texts."""

MAX_ONE_HOT = 2_000
_RAREST = 3
_LARGEST = 5.0


@register("tabular.features")
class TableFeatures(LinearFeatures):
    """Numbers as they are, by their rank, and bent at 16 quantiles; whether they are missing; categories one-hot.

    Times are left as they are. All are standardised over the training rows. Categories of fewer than 3 rows have no
    feature.

    Args:
        codec: encodes the columns; made anew where it is restored.

    >>> features = TableFeatures().fit({"size": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "b", "a", "a"]})
    >>> features.encode({"size": [2.0], "kind": ["a"]})[0][0].matrix.shape
    (1, 2)
    """

    def __init__(self, codec: TableCodec | None = None) -> None:
        self.codec = TableCodec() if codec is None else codec
        self._codes: list[list[int]] = []  # per column, the codes that have a feature
        self._mean = np.zeros(0, np.float32)
        self._scale = np.ones(0, np.float32)

    def fit(self, values: Any) -> Self:
        encoded = self.codec.fit(values).encode(values)
        cells = encoded.array[encoded.present]
        self._codes = []
        for place, column in enumerate(self.codec.spec.columns):
            counts = np.bincount(cells[:, place].astype(np.int64)) if column.kind == "categorical" else np.zeros(0)
            codes = np.flatnonzero(counts >= _RAREST)
            self._codes.append(codes[np.argsort(-counts[codes], kind="stable")][:MAX_ONE_HOT].tolist())
        plain = self._plain(cells)
        self._mean = plain.mean(axis=0) if len(plain) else np.zeros(plain.shape[1], np.float32)
        deviation = plain.std(axis=0) if len(plain) else np.ones(plain.shape[1], np.float32)
        self._scale = np.where(deviation > 1e-6, SCALE / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
        return self

    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        encoded = self.codec.encode(values)
        plain = self._plain(encoded.array)
        matrix = np.clip((plain - self._mean) * self._scale, -_LARGEST, _LARGEST)
        matrix[~encoded.present] = 0
        return [FeatureBlock("", matrix)], encoded.present

    def numbers(self, values: Any) -> np.ndarray:
        """Numeric columns, but times: near in time are rows that are alike anyway."""
        return self.codec.encode(values).array[:, self._number_places()]

    @property
    def number_count(self) -> int:
        return len(self._number_places())

    def _number_places(self) -> list[int]:
        columns = self.codec.spec.columns
        return [place for place, column in enumerate(columns) if column.kind == "numeric" and not column.is_time]

    def _plain(self, cells: np.ndarray) -> np.ndarray:
        parts = []
        for place, column in enumerate(self.codec.spec.columns):
            values = cells[:, place]
            if column.kind == "categorical":
                parts.append((values[:, None] == np.array(self._codes[place], np.float32)).astype(np.float32))
            else:
                parts.append(_numeric(values, column))
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(cells), 0), np.float32)

    def state(self) -> dict[str, Any]:
        return {"table": self.codec.state(), "codes": self._codes, "mean": self._mean, "scale": self._scale}

    RULES = StateRules(
        table=Json(),
        codes=Items(Items(Whole(0, MOST_CATEGORIES), high=MAX_ONE_HOT), "C"),
        mean=Array(np.float32, ("F",)),
        scale=Array(np.float32, ("F",)),
    )

    def restore(self, state: State) -> Self:
        sizes: dict[str, int] = {}
        values = self.RULES.read(state, sizes)
        self.codec.restore(values["table"])
        require(len(self.codec.columns) == sizes["C"], "codes must have a list for each column of the table.")
        self._codes, self._mean, self._scale = values["codes"], values["mean"], values["scale"]
        width = self._plain(np.zeros((1, sizes["C"]), np.float32)).shape[1]
        require(width == sizes["F"], f"mean must have one number for each of {width} features, got {sizes['F']}.")
        return self

    @property
    def widths(self) -> list[int]:
        return [len(self._mean)]


def _numeric(values: np.ndarray, column: Column) -> np.ndarray:
    """(B,) standardised numbers -> (B, F): the number, its rank, its parts between quantiles, whether it is missing.

    Of times only the number: parts between quantiles would learn the level of each period, and go on with the last
    one's for later rows.
    """
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    features = [filled]
    if column.bins and not column.is_time:
        edges = np.asarray(column.bins, np.float64)
        rank = np.interp(filled, edges, np.linspace(-1, 1, len(edges)))
        chosen = edges[np.unique(np.linspace(0, len(edges) - 1, min(BINS, len(edges) - 1) + 1).round().astype(int))]
        bent = np.clip((filled[:, None] - chosen[:-1]) / np.diff(chosen), 0, 1)
        bent[missing] = 0
        features += [np.where(missing, 0.0, rank), *bent.T]
    if column.missing:
        features.append(missing)
    return np.stack(features, axis=1).astype(np.float32)
