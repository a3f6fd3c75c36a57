"""Transformers over words, with a sequence or a vector as output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.text.token_layers import (
    as_float,
    as_int,
    check_dropout,
    check_pretraining,
    default_embedding_dim,
    embedding_rows,
    token_spec,
    with_bounded_ids,
)

if TYPE_CHECKING:
    from torch import nn

_COUNTS = ("embedding_dim", "num_heads", "dense_dim")


class Transformer(Layer, register="text.transformer"):
    """Word and position embeddings, and one transformer layer; padding is masked.

    The output is a sequence with zeros at the padding: follow it by SpatialReduction, TemporalReduction, Flatten or
    RNNBlock.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        max_features: maximum number of ids, as in Embedding.
        pretraining: `"none"` or `"random"`; pretrained embeddings are not supported.
        embedding_dim: D.
        num_heads: number of attention heads.
        dense_dim: hidden width of the dense layers after the attention.
        dropout: dropout probability of the embeddings and in the residual branches.

    Shape: token ids (B, T), 0 is padding -> (B, T, D).

    Raises:
        ConfigError: a size is not a whole number of at least 1; pretrained embeddings are requested.
        GraphError: called on something that does not contain ids.

    >>> str(Transformer(embedding_dim=32).out(Spec((40,), "T", "int64", cardinality=900)))
    '(T=40 D=32)'
    """

    max_features: int = 20001
    pretraining: str | None = None
    embedding_dim: int | Space | None = searched(OneOf(32, 64, 128, 256, 512, default=64))
    num_heads: int | Space | None = searched(OneOf(2, 4, 8, 16, 32, default=4))
    dense_dim: int | Space | None = searched(OneOf(64, 128, 256, 512, 1024, 2048, default=128))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive integers and that no pretrained embeddings are requested."""
        yield from whole_number_problems(self, "max_features", *_COUNTS)
        yield from check_dropout(self)
        yield from check_pretraining(self)

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the encoder."""
        rows = embedding_rows(specs, self.max_features, "Transformer")
        return with_bounded_ids(specs[0], rows, _encoder(self, specs[0], rows, layers=1, sequences=True))

    def out(self, *specs: Spec) -> Spec:
        """The spec of a sequence of vectors."""
        embedding_rows(specs, self.max_features, "Transformer")
        return Spec((specs[0].shape[0], as_int(self.embedding_dim)), "TD")


class TokenTransformer(Layer, register="text.token_transformer"):
    """Word and position embeddings, transformer layers, and the mean over the words of a text.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        embedding_dim: D.
        num_layers: number of layers.
        num_heads: number of attention heads.
        dense_dim: hidden width of the dense layers.
        dropout: dropout probability of the embeddings and in the residual branches.

    Shape: token ids (B, T), 0 is padding -> (B, D).

    Raises:
        GraphError: called on something that is not a text.

    >>> str(TokenTransformer(embedding_dim=32).out(Spec((40,), "T", "int64", cardinality=900)))
    '(D=32)'
    """

    embedding_dim: int | Space | None = searched(OneOf(32, 64, 128, 256, default=64))
    num_layers: int | Space | None = searched(OneOf(1, 2, 3))
    num_heads: int | Space | None = searched(OneOf(2, 4, 8, default=4))
    dense_dim: int | Space | None = searched(OneOf(64, 128, 256, 512, default=128))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive integers and that the dropout probability is below 1."""
        yield from whole_number_problems(self, "num_layers", *_COUNTS)
        yield from check_dropout(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small embedding dimension for a small vocabulary."""
        return {"embedding_dim": default_embedding_dim(specs[0].cardinality)}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the encoder."""
        spec = token_spec(specs, "TokenTransformer")
        return _encoder(self, spec, spec.cardinality, layers=as_int(self.num_layers), sequences=False)

    def out(self, *specs: Spec) -> Spec:
        """The spec of one vector."""
        token_spec(specs, "TokenTransformer")
        return vector(as_int(self.embedding_dim))


def _encoder(
    block: Transformer | TokenTransformer, spec: Spec, rows: int, *, layers: int, sequences: bool
) -> nn.Module:
    from medley.nn.transformer import TokenEncoder

    return TokenEncoder(
        rows,
        spec.shape[0],
        as_int(block.embedding_dim),
        num_layers=layers,
        num_heads=as_int(block.num_heads),
        dense_dim=as_int(block.dense_dim),
        dropout=as_float(block.dropout),
        return_sequences=sequences,
    )
