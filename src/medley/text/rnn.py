"""Recurrent layers over words as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.text.codes import check_counts, check_dropout, share, table_width, tokens, whole

if TYPE_CHECKING:
    from torch import nn


class TokenRNN(Layer, register="text.rnn"):
    """Embedded words read by recurrent layers; the state after a text's own last word, whatever the padding.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., EMNLP 2014 (GRU).

    Args:
        embedding_dim: width of the embeddings.
        units: U, of each layer and direction.
        bidirectional: reads in both directions.
        num_layers: layers on each other.
        layer_type: `"lstm"` or `"gru"`.
        dropout: share of numbers that training silences, of the embeddings and of what comes out.

    Shape: codes (B, T), 0 is padding -> (B, U), 2 U with `bidirectional`.

    Raises:
        GraphError: joined to something that is no text.

    >>> str(TokenRNN(units=32, bidirectional=True).out(Spec((40,), "T", "int64", cardinality=900)))
    '(D=64)'
    """

    embedding_dim: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=64))
    units: int | Space | None = searched(OneOf(16, 32, 64, 128, default=64))
    bidirectional: bool | Space | None = searched(OneOf(False, True, default=True))
    num_layers: int | Space | None = searched(OneOf(1, 2))
    layer_type: str | Space | None = searched(OneOf("gru", "lstm", default="lstm"))  # on CPUs twice as fast
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Sizes are whole numbers from 1, the dropout a share."""
        yield from check_counts(self, ("embedding_dim", "units", "num_layers"))
        yield from check_dropout(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrow for few codes and for few rows."""
        return {"embedding_dim": table_width(specs[0].cardinality), "units": 32 if summary.rows < 5_000 else 64}

    def build(self, *specs: Spec) -> nn.Module:
        """Embeddings and recurrent layers."""
        from medley.nn.sequence import TokenRecurrent

        return TokenRecurrent(
            tokens(specs, "TokenRNN").cardinality,
            whole(self.embedding_dim),
            whole(self.units),
            layer_type=str(self.layer_type),
            num_layers=whole(self.num_layers),
            bidirectional=bool(self.bidirectional),
            dropout=share(self.dropout),
        )

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        tokens(specs, "TokenRNN")
        return vector(whole(self.units) * (2 if self.bidirectional else 1))
