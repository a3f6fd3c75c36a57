"""Cached outputs of the frozen parts of networks, as a model reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from medley.core.batch import Rows, RowWeights
from medley.core.codec import Encoded
from medley.core.spec import Spec
from medley.graph.network import Network

MIN_CACHED_ROWS = 64
"""Rows from which looking up the cached outputs of frozen parts is faster than computing them."""


class FrozenOutputs(Protocol):
    """Cached outputs of the frozen parts of networks."""

    def rows(
        self,
        network: Network,
        specs: Mapping[str, Spec],
        encoded: Mapping[str, Encoded],
        targets: Mapping[str, Encoded] | None,
        weight: RowWeights,
        loss_targets: Mapping[str, Encoded] | None = None,
    ) -> Rows:
        """Encoded rows as tensors, with the outputs of frozen parts."""
        ...
