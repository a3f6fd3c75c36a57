"""A layer that embeds token ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.text.token_layers import (
    as_float,
    as_int,
    check_dropout,
    check_pretraining,
    default_embedding_dim,
    embedding_rows,
    with_bounded_ids,
)

if TYPE_CHECKING:
    from torch import nn


class Embedding(Layer, register="text.embedding"):
    """A learned vector per id; id 0 is padding and stays zeros.

    Reads the words of a text (TextInput, TextToIntSequence), or a vector of whole numbers (an Input of shape (N, T)).

    Args:
        max_features: maximum number of ids. The table is not larger than the vocabulary; words beyond the table become
            the unknown word, and larger numbers are clamped to the largest id.
        embedding_dim: D.
        dropout: dropout probability; 0 adds no dropout layer.
        pretraining: `"none"` or `"random"`; pretrained embeddings are not supported.

    Shape: token ids (B, T) -> (B, T, D).

    Raises:
        ConfigError: a size is not a whole number of at least 1; pretrained embeddings are requested.
        GraphError: called on something that does not contain ids.

    >>> import torch
    >>> block = Embedding(8, embedding_dim=4, dropout=0)
    >>> block.build(Spec((2,), "T", "int64", cardinality=8))(torch.tensor([[5, 2]])).shape
    torch.Size([1, 2, 4])
    """

    max_features: int = 20001
    embedding_dim: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, 512, default=64))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))
    pretraining: str | None = None

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive integers and that no pretrained embeddings are requested."""
        yield from whole_number_problems(self, "max_features", "embedding_dim")
        yield from check_dropout(self)
        yield from check_pretraining(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small embedding dimension for a small vocabulary."""
        return {"embedding_dim": default_embedding_dim(specs[0].cardinality or self.max_features)}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the embedding table."""
        from torch import nn

        from medley.nn.sequence import embedding

        rows = embedding_rows(specs, self.max_features, "Embedding")
        table = embedding(rows, as_int(self.embedding_dim), zeros=2 if specs[0].is_tokens else 1)
        module = with_bounded_ids(specs[0], rows, table)
        return nn.Sequential(module, nn.Dropout(as_float(self.dropout))) if self.dropout else module

    def out(self, *specs: Spec) -> Spec:
        """The spec of a sequence of vectors."""
        embedding_rows(specs, self.max_features, "Embedding")
        return Spec((specs[0].shape[0], as_int(self.embedding_dim)), "TD")
