"""Whether rows are drawn like those that a model was trained on (`Model.drift`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medley.errors import ConfigError
from medley.trust.histograms import holm
from medley.trust.reference import EMBEDDING, Features, Reference

if TYPE_CHECKING:
    import pandas as pd

LEVEL, MIN_SHIFT = 0.01, 0.1
"""What counts as drift: a corrected p-value below the level, and a population stability index from the least shift on.
Both, since in many rows every difference is significant, and in few rows every difference looks large."""

EMBEDDING_FACTOR = 2.5
"""Of the least shift, for embeddings: where a network is trained in folds, it knows the rows that others are compared
with, and its embeddings of new rows differ somewhat from theirs."""

MIN_ROWS = 20
"""Fewer rows cannot be compared."""


def drift_of(
    reference: Reference | None,
    features: Features,
    embeddings: np.ndarray | None,
    *,
    level: float = LEVEL,
    min_shift: float = MIN_SHIFT,
) -> pd.DataFrame:
    """Compares rows with those that a model was trained on.

    Args:
        reference: of the model.
        features: of B rows.
        embeddings: (B, D) or None.
        level: probability that anything is called drift where nothing is.
        min_shift: least population stability index of drift; 2.5 times as much for embeddings.

    Returns:
        A row per column or property, the most shifted first, with the columns `name`, `drifted`, `shift` (the
        population stability index), `p_value` (corrected after Holm), and `missing` (the change of the fraction of
        missing values).

    Raises:
        ConfigError: the model has no reference, or there are too few rows.
    """
    import pandas as pd

    if reference is None or not reference.histograms:
        raise ConfigError(
            "The model holds no histograms of what it was trained on: it was trained without validation rows, or by an "
            "older version of medley; train it again."
        )
    values = reference.features(features, embeddings)
    rows = max((len(column) for column in values.values()), default=0)
    if rows < MIN_ROWS:
        raise ConfigError(f"Drift needs {MIN_ROWS} rows at least, got {rows}.")
    results = {name: reference.histograms[name].compare(column) for name, column in values.items()}
    p_values = holm(np.array([result[0] for result in results.values()]))
    frame = pd.DataFrame(
        {
            "name": list(results),
            "drifted": False,
            "shift": [result[1] for result in results.values()],
            "p_value": p_values,
            "missing": [result[2] for result in results.values()],
        }
    )
    factors = np.where(frame["name"].str.startswith(EMBEDDING), EMBEDDING_FACTOR, 1.0)
    frame["drifted"] = (frame["p_value"] < level) & (frame["shift"] >= min_shift * factors)
    return frame.sort_values(["drifted", "shift"], ascending=False, ignore_index=True)
