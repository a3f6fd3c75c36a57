"""Transformers over words: as steps, and as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.text.codes import (
    bounded,
    check_counts,
    check_dropout,
    check_pretraining,
    share,
    table_rows,
    table_width,
    tokens,
    whole,
)

if TYPE_CHECKING:
    from torch import nn

_COUNTS = ("embedding_dim", "num_heads", "dense_dim")


class Transformer(Layer, register="text.transformer"):
    """Embedded words and their places, and one transformer layer over them; padding is not looked at.

    What comes out are steps, zeros at the padding: join SpatialReduction, TemporalReduction, Flatten or RNNBlock.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        max_features: number of codes at most, as in Embedding.
        pretraining: `"none"` or `"random"`; embeddings trained elsewhere are not in this version.
        embedding_dim: D.
        num_heads: heads of the attention.
        dense_dim: width between the two dense layers behind it.
        dropout: share of numbers that training silences, of the embeddings and of what each part adds.

    Shape: codes (B, T), 0 is padding -> (B, T, D).

    Raises:
        ConfigError: a size is not a whole number from 1; pretrained embeddings are asked for.
        GraphError: joined to something that holds no codes.

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
        """Sizes are whole numbers from 1; nothing pretrained."""
        yield from check_counts(self, ("max_features", *_COUNTS))
        yield from check_dropout(self)
        yield from check_pretraining(self)

    def build(self, *specs: Spec) -> nn.Module:
        """The encoder."""
        rows = table_rows(specs, self.max_features, "Transformer")
        return bounded(specs[0], rows, _encoder(self, specs[0], rows, layers=1, sequences=True))

    def out(self, *specs: Spec) -> Spec:
        """Steps of vectors."""
        table_rows(specs, self.max_features, "Transformer")
        return Spec((specs[0].shape[0], whole(self.embedding_dim)), "TD")


class TokenTransformer(Layer, register="text.token_transformer"):
    """Embedded words and their places, transformer layers over them, and the mean over a text's own words.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        embedding_dim: D.
        num_layers: layers on each other.
        num_heads: heads of each attention.
        dense_dim: width between the two dense layers of each layer.
        dropout: share of numbers that training silences, of the embeddings and of what each part adds.

    Shape: codes (B, T), 0 is padding -> (B, D).

    Raises:
        GraphError: joined to something that is no text.

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
        """Sizes are whole numbers from 1, the dropout a share."""
        yield from check_counts(self, ("num_layers", *_COUNTS))
        yield from check_dropout(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrow for few codes."""
        return {"embedding_dim": table_width(specs[0].cardinality)}

    def build(self, *specs: Spec) -> nn.Module:
        """The encoder."""
        spec = tokens(specs, "TokenTransformer")
        return _encoder(self, spec, spec.cardinality, layers=whole(self.num_layers), sequences=False)

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        tokens(specs, "TokenTransformer")
        return vector(whole(self.embedding_dim))


def _encoder(
    block: Transformer | TokenTransformer, spec: Spec, rows: int, *, layers: int, sequences: bool
) -> nn.Module:
    from medley.nn.transformer import TokenEncoder

    return TokenEncoder(
        rows,
        spec.shape[0],
        whole(block.embedding_dim),
        num_layers=layers,
        num_heads=whole(block.num_heads),
        dense_dim=whole(block.dense_dim),
        dropout=share(block.dropout),
        return_sequences=sequences,
    )
