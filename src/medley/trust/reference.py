"""What a model was trained on, as far as it is kept: histograms of columns, and where embeddings lie. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medley.core.codec import State
from medley.core.rules import Items, Maybe, StateRules, Text
from medley.trust.histograms import Histogram
from medley.trust.unusual import UsualRows

MOST_ROWS = 2_000
"""Reference rows that histograms and embeddings are computed from; of more, a random sample."""

Features = Mapping[str, tuple[np.ndarray, bool]]
"""Name -> values (B,) and whether they are codes: what is compared of each column or input."""

EMBEDDING = "embedding"
"""Name of what is compared of embeddings."""


@dataclass(frozen=True)
class Reference:
    """What a model was trained on.

    Args:
        histograms: name of a column, or of a property of an input -> its histogram.
        usual: where embeddings lie; None if too few rows are known.
    """

    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    usual: UsualRows | None = None

    @classmethod
    def of(cls, features: Features, embeddings: np.ndarray | None) -> Reference:
        """The reference of rows in random order.

        Args:
            features: of N rows.
            embeddings: (N, D), or None.
        """
        usual = None if embeddings is None else UsualRows.of(embeddings)
        histograms = {name: Histogram.of(values, is_code=is_code) for name, (values, is_code) in features.items()}
        if usual is not None and embeddings is not None:
            later = embeddings[len(embeddings) // 2 :]  # the others determine what is usual, and are closer to it
            histograms |= {name: Histogram.of(values, is_code=False) for name, values in _of(usual, later).items()}
        return cls(histograms, usual)

    def features(self, features: Features, embeddings: np.ndarray | None) -> dict[str, np.ndarray]:
        """Name -> values (B,) of other rows, for every histogram whose values are known.

        Args:
            features: of B rows.
            embeddings: (B, D), or None.
        """
        values = {name: column for name, (column, _) in features.items()}
        if self.usual is not None and embeddings is not None:
            values |= _of(self.usual, embeddings)
        return {name: values[name] for name in self.histograms if name in values}

    def state(self) -> dict[str, Any]:
        """The state as values and arrays by name."""
        state: dict[str, Any] = {"names": list(self.histograms)}
        for number, histogram in enumerate(self.histograms.values()):
            state |= {f"{number}/{name}": value for name, value in histogram.state().items()}
        if self.usual is not None:
            state |= {f"usual/{name}": value for name, value in self.usual.state().items()}
        return state

    @classmethod
    def restore(cls, state: State) -> Reference:
        """The inverse of `state`.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        names = StateRules(names=Maybe(Items(Text(), is_unique=True))).read(state)["names"] or []
        parts = [{name: state.get(f"{number}/{name}") for name in Histogram.NAMES} for number in range(len(names))]
        histograms = {name: Histogram.restore(part) for name, part in zip(names, parts, strict=True)}
        has_usual = any(name.startswith("usual/") for name in state)
        usual = {name: state.get(f"usual/{name}") for name in UsualRows.NAMES}
        return cls(histograms, UsualRows.restore(usual) if has_usual else None)


def _of(usual: UsualRows, embeddings: np.ndarray) -> dict[str, np.ndarray]:
    coordinates = usual.coordinates(embeddings)
    values = {f"{EMBEDDING} {place + 1}": coordinates[:, place] for place in range(min(3, coordinates.shape[1]))}
    return {**values, f"{EMBEDDING} distance": usual.distances(embeddings)}
