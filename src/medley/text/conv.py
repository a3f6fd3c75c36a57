"""Convolutions over words."""

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


class TokenConv(Layer, register="text.conv"):
    """Word embeddings, convolutions, and max pooling over the text.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014.

    Args:
        embedding_dim: embedding dimension.
        filters: F, number of filters per layer.
        kernel_size: number of words per filter.
        num_layers: number of layers.
        dropout: dropout probability of the embeddings and of the output.

    Shape: token ids (B, T), 0 is padding -> (B, F).

    Raises:
        GraphError: called on something that is not a text.

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
        """Checks that sizes are positive integers and that the dropout probability is below 1."""
        yield from whole_number_problems(self, "embedding_dim", "filters", "kernel_size", "num_layers")
        yield from check_dropout(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small embedding dimension for a small vocabulary."""
        return {"embedding_dim": default_embedding_dim(specs[0].cardinality)}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the embeddings and convolutions."""
        from medley.nn.sequence import TokenConvolution

        return TokenConvolution(
            token_spec(specs, "TokenConv").cardinality,
            as_int(self.embedding_dim),
            as_int(self.filters),
            kernel_size=as_int(self.kernel_size),
            num_layers=as_int(self.num_layers),
            dropout=as_float(self.dropout),
        )

    def out(self, *specs: Spec) -> Spec:
        """The spec of one vector."""
        token_spec(specs, "TokenConv")
        return vector(as_int(self.filters))
