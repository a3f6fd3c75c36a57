"""Convolutions over words as one vector."""

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


class TokenConv(Layer, register="text.conv"):
    """Embedded words, convolutions over them, and the largest answer of each filter within the text.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014.

    Args:
        embedding_dim: width of the embeddings.
        filters: F of each layer.
        kernel_size: words that a filter sees.
        num_layers: layers on each other.
        dropout: share of numbers that training silences, of the embeddings and of what comes out.

    Shape: codes (B, T), 0 is padding -> (B, F).

    Raises:
        GraphError: joined to something that is no text.

    >>> str(TokenConv(filters=64).out(Spec((40,), "T", "int64", cardinality=900)))
    '(D=64)'
    """

    embedding_dim: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=64))
    filters: int | Space | None = searched(OneOf(32, 64, 128, 256, default=64))
    kernel_size: int | Space | None = searched(OneOf(3, 5, 7))
    num_layers: int | Space | None = searched(OneOf(1, 2))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Sizes are whole numbers from 1, the dropout a share."""
        yield from check_counts(self, ("embedding_dim", "filters", "kernel_size", "num_layers"))
        yield from check_dropout(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrow embeddings for few codes."""
        return {"embedding_dim": table_width(specs[0].cardinality)}

    def build(self, *specs: Spec) -> nn.Module:
        """Embeddings, convolutions, maximum."""
        from medley.nn.sequence import TokenConvolution

        return TokenConvolution(
            tokens(specs, "TokenConv").cardinality,
            whole(self.embedding_dim),
            whole(self.filters),
            kernel_size=whole(self.kernel_size),
            num_layers=whole(self.num_layers),
            dropout=share(self.dropout),
        )

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        tokens(specs, "TokenConv")
        return vector(whole(self.filters))
