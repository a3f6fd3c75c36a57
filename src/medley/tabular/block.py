"""The default network for tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from medley.core import registry
from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import GraphError
from medley.tabular.categorical import CategoricalToNumerical
from medley.tabular.dense import DenseBlock
from medley.tabular.numeric import NumericEmbedding
from medley.tabular.tabm import TabMBlock

_ROWS_FOR_EMBEDDINGS = 1_000
_COLUMNS_FOR_EMBEDDINGS = 500
_ROWS_FOR_ENSEMBLE = 250
_COLUMNS_FOR_ENSEMBLE = 200


class StructuredDataBlock(Composite, register="tabular.block"):
    """A network for tables: numbers are embedded, then come dense layers or an ensemble of MLPs (`TabMBlock`).

    With embeddings of numbers and ensembling, dense networks are as accurate as gradient boosting. Below 1,000
    rows embeddings overfit, so that trial 0 has none; from 250 rows on, if the table is the only input, it has the
    ensemble. Beside other inputs, the members would be averaged before fusion, which takes time for no benefit.
    Sources: Gorishniy, Rubachev, Babenko: On Embeddings for Numerical Features in Tabular Deep Learning, 2022;
    Gorishniy, Kotelnikov, Babenko: TabM, 2024.

    Args:
        normalize: whether embedded columns are normalised again; unset, they are not, as the input has
            standardised them already.
        embedding: `"piecewise"`, `"periodic"` or `"none"` (numbers as they are).
        network: `"dense"`, `"tabm"`, or `"none"`: columns as one vector, for layers that read more than the table.
        categorical_encoding: as in AutoKeras 1: categories are always encoded, so only True or unset.
        seed: as in AutoKeras 1; takes no effect, as the seed of a search is `AutoModel`'s.

    Shape: (B, C) -> (B, D), or (B, E, D) of an ensemble.

    >>> StructuredDataBlock(embedding="none")
    StructuredDataBlock(embedding='none')
    """

    normalize: bool | None = None
    embedding: str | Space | None = searched(OneOf("piecewise", "periodic", "none"))
    network: str | Space | None = searched(OneOf("dense", "tabm", "none"))
    categorical_encoding: bool | None = None
    seed: int | None = None

    def check(self) -> Iterable[str]:
        """Rejects categories that are not encoded."""
        if self.categorical_encoding is False:
            yield "categorical_encoding=False is not possible: a network reads numbers, so categories are encoded."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Embeddings where there are rows and values enough for bins; an ensemble where the table is the only input."""
        binned = sum(bool(column.bins) for column in specs[0].columns)
        use_embedding = summary.rows >= _ROWS_FOR_EMBEDDINGS and 0 < binned <= _COLUMNS_FOR_EMBEDDINGS
        is_only_input = summary.inputs == 1 and specs[0].width <= _COLUMNS_FOR_ENSEMBLE
        network = "tabm" if is_only_input and summary.rows >= _ROWS_FOR_ENSEMBLE else "dense"
        return {
            "embedding": "piecewise" if use_embedding else "none",
            "network": OneOf("dense", "tabm", default=network) if is_only_input else OneOf("dense"),
        }

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Embedding, normalisation where asked for, layers."""
        if len(nodes) != 1:
            raise GraphError(f"it reads one table, got {len(nodes)} nodes; join them with Merge() first.")
        node = nodes[0]
        if specs[0].is_table:
            node = self._encoder(specs[0])(node)
        if self.normalize:
            node = registry.lookup("core.normalization")()(node)
        if self.network == "none":
            return node
        if self.network == "tabm":
            return TabMBlock()(node)
        return DenseBlock(dropout=OneOf(0.0, 0.1, 0.25, 0.5, default=0.1))(node)

    def _encoder(self, spec: Spec) -> CategoricalToNumerical | NumericEmbedding:
        if self.embedding == "none" or all(column.kind == "categorical" for column in spec.columns):
            return CategoricalToNumerical()
        if self.embedding == "piecewise":
            # Periodic embeddings only; a field that is set is not searched.
            return NumericEmbedding(embedding="piecewise", frequency_scale=0.1)
        return NumericEmbedding(embedding="periodic")
