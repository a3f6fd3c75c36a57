"""Recurrent layers over words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.text.token_layers import as_float, as_int, check_dropout, default_embedding_dim, token_spec

if TYPE_CHECKING:
    from torch import nn


class TokenRNN(Layer, register="text.rnn"):
    """Word embeddings and recurrent layers; returns the state after the last word, independent of padding.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., EMNLP 2014 (GRU).

    Args:
        embedding_dim: embedding dimension.
        units: U, number of units per layer and direction.
        bidirectional: read in both directions.
        num_layers: number of layers.
        layer_type: `"lstm"` or `"gru"`.
        dropout: dropout probability of the embeddings and of the output.

    Shape: token ids (B, T), 0 is padding -> (B, U), 2 U with `bidirectional`.

    Raises:
        GraphError: called on something that is not a text.

    >>> str(TokenRNN(units=32, bidirectional=True).out(Spec((40,), "T", "int64", cardinality=900)))
    '(D=64)'
    """

    embedding_dim: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=64))
    units: int | Space | None = searched(OneOf(16, 32, 64, 128, default=64))
    bidirectional: bool | Space | None = searched(OneOf(False, True, default=True))
    num_layers: int | Space | None = searched(OneOf(1, 2))
    layer_type: str | Space | None = searched(OneOf("gru", "lstm", default="lstm"))  # twice as fast on a CPU
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive integers and that the dropout probability is below 1."""
        yield from whole_number_problems(self, "embedding_dim", "units", "num_layers")
        yield from check_dropout(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small embedding dimension for a small vocabulary, and few units for few rows."""
        return {
            "embedding_dim": default_embedding_dim(specs[0].cardinality),
            "units": 32 if summary.rows < 5_000 else 64,
        }

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the embeddings and recurrent layers."""
        from medley.nn.sequence import TokenRecurrent

        return TokenRecurrent(
            token_spec(specs, "TokenRNN").cardinality,
            as_int(self.embedding_dim),
            as_int(self.units),
            layer_type=str(self.layer_type),
            num_layers=as_int(self.num_layers),
            bidirectional=bool(self.bidirectional),
            dropout=as_float(self.dropout),
        )

    def out(self, *specs: Spec) -> Spec:
        """The spec of one vector."""
        token_spec(specs, "TokenRNN")
        return vector(as_int(self.units) * (2 if self.bidirectional else 1))
