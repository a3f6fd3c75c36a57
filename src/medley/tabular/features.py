"""Features of table columns for linear models."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from medley.core.codec import State
from medley.core.linear import FeatureBlock, LinearFeatures
from medley.core.registry import register
from medley.core.rules import Array, Items, Json, StateRules, Whole, require
from medley.core.spec import Column
from medley.tabular.codec import TableCodec
from medley.tabular.columns import MAX_CATEGORIES
from medley.tabular.feature_layout import FeatureLayout, knots, pieces

SCALE = 0.1
"""Factor of all features, so that they and the TF-IDF of texts need the same strength of regularisation."""

MAX_ONE_HOT = 2_000
_MIN_CATEGORY_ROWS = 3
_MAX_FEATURE = 5.0
_FEW_ROWS = 64


@register("tabular.features")
class TableFeatures(LinearFeatures):
    """Numbers, their ranks and piecewise-linear functions of them (16 bins); missing indicators; one-hot categories.

    Times only have the number itself. All features are standardised over the training rows. Categories of fewer than 3
    rows have no feature. Ranks and piecewise functions are optional: with many columns and few rows they are mostly
    noise.

    Args:
        codec: encodes the columns; default: a new codec.

    >>> features = TableFeatures().fit({"size": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "b", "a", "a"]})
    >>> features.encode({"size": [2.0], "kind": ["a"]})[0][0].matrix.shape
    (1, 2)
    """

    def __init__(self, codec: TableCodec | None = None) -> None:
        self.codec = TableCodec() if codec is None else codec
        self._codes: list[list[int]] = []  # per column, the codes with a feature
        self._layout = FeatureLayout((), ())
        self._optional: np.ndarray | None = None
        self._mean = np.zeros(0, np.float32)
        self._scale = np.ones(0, np.float32)

    def fit(self, values: Any) -> Self:
        encoded = self.codec.fit(values).encode(values)
        cells = encoded.array[encoded.present]
        self._codes = []
        for position, column in enumerate(self.codec.spec.columns):
            counts = np.bincount(cells[:, position].astype(np.int64)) if column.kind == "categorical" else np.zeros(0)
            codes = np.flatnonzero(counts >= _MIN_CATEGORY_ROWS)
            self._codes.append(codes[np.argsort(-counts[codes], kind="stable")][:MAX_ONE_HOT].tolist())
        self._layout = FeatureLayout(self.codec.spec.columns, self._codes)
        self._optional = self._find_optional()
        plain = self._plain(cells)
        self._mean = plain.mean(axis=0) if len(plain) else np.zeros(plain.shape[1], np.float32)
        deviation = plain.std(axis=0) if len(plain) else np.ones(plain.shape[1], np.float32)
        self._scale = np.where(deviation > 1e-6, SCALE / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
        return self

    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        encoded = self.codec.encode(values)
        plain = self._plain(encoded.array)
        matrix = np.minimum(np.maximum((plain - self._mean) * self._scale, -_MAX_FEATURE), _MAX_FEATURE)
        matrix[~encoded.present] = 0
        return [FeatureBlock("", matrix, optional=self._optional)], encoded.present

    def numbers(self, values: Any) -> np.ndarray:
        """Numeric columns except times, because rows that are close in time are similar anyway."""
        return self.codec.encode(values).array[:, self._number_places()]

    @property
    def number_count(self) -> int:
        return len(self._number_places())

    def _number_places(self) -> list[int]:
        columns = self.codec.spec.columns
        return [place for place, column in enumerate(columns) if column.kind == "numeric" and not column.is_time]

    def _find_optional(self) -> np.ndarray | None:
        """(F,) whether a feature is a rank or a part between quantiles; None if there are none."""
        masks = []
        for position, column in enumerate(self.codec.spec.columns):
            if column.kind == "categorical":
                masks.append([False] * len(self._codes[position]))
            else:
                pieces = len(knots(column.bins)) if column.bins and not column.is_time else 0  # and one rank
                masks.append([False, *[True] * pieces, *[False] * column.missing])
        mask = np.array([is_optional for column_mask in masks for is_optional in column_mask], bool)
        return mask if mask.any() else None

    def _plain(self, cells: np.ndarray) -> np.ndarray:
        if len(cells) <= _FEW_ROWS:
            return self._layout.features(cells)
        parts = []
        for position, column in enumerate(self.codec.spec.columns):
            values = cells[:, position]
            if column.kind == "categorical":
                parts.append(values[:, None] == np.array(self._codes[position], np.float32))
            else:
                parts.append(_numeric(values, column))
        return np.concatenate(parts, axis=1, dtype=np.float32) if parts else np.zeros((len(cells), 0), np.float32)

    def state(self) -> dict[str, Any]:
        return {"table": self.codec.state(), "codes": self._codes, "mean": self._mean, "scale": self._scale}

    RULES = StateRules(
        table=Json(),
        codes=Items(Items(Whole(0, MAX_CATEGORIES), high=MAX_ONE_HOT), "C"),
        mean=Array(np.float32, ("F",)),
        scale=Array(np.float32, ("F",)),
    )

    def restore(self, state: State) -> Self:
        sizes: dict[str, int] = {}
        values = self.RULES.read(state, sizes)
        self.codec.restore(values["table"])
        require(len(self.codec.columns) == sizes["C"], "codes must have a list for each column of the table.")
        self._codes, self._mean, self._scale = values["codes"], values["mean"], values["scale"]
        self._optional = self._find_optional()
        self._layout = FeatureLayout(self.codec.spec.columns, self._codes)
        width = self._layout.width
        require(width == sizes["F"], f"mean must have one number for each of {width} features, got {sizes['F']}.")
        return self

    @property
    def widths(self) -> list[int]:
        return [len(self._mean)]


def _numeric(values: np.ndarray, column: Column) -> np.ndarray:
    """Standardised numbers (B,) -> (B, F): number, rank, parts between quantiles, missing indicator.

    Times only have the number and the indicator: parts between quantiles would learn the level of each period, and
    extrapolate that of the last one to later rows.
    """
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    features = [filled[:, None]]
    if column.bins and not column.is_time:
        edges, ranks, ends, widths = pieces(column.bins)
        rank = np.interp(filled, edges, ranks)
        parts = np.minimum(np.maximum((filled[:, None] - ends[:-1]) / widths, 0), 1)
        parts[missing] = 0
        features += [np.where(missing, 0.0, rank)[:, None], parts]
    if column.missing:
        features.append(missing[:, None])
    return np.concatenate(features, axis=1, dtype=np.float32, casting="unsafe")
