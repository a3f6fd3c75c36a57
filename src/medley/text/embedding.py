"""Codes as vectors, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.text.codes import (
    bounded,
    check_counts,
    check_dropout,
    check_pretraining,
    share,
    table_rows,
    table_width,
    whole,
)

if TYPE_CHECKING:
    from torch import nn


class Embedding(Layer, register="text.embedding"):
    """A learnt vector for each code; the code 0 is padding and stays zeros.

    Reads the words of a text (TextInput, TextToIntSequence), or a vector of whole numbers (an Input of shape (N, T)).

    Args:
        max_features: number of codes at most. The table holds no more than the vocabulary has; rarer words than it
            holds become the unknown word, larger numbers the largest.
        embedding_dim: D.
        dropout: share of numbers that training silences; 0 leaves no dropout at all.
        pretraining: `"none"` or `"random"`; embeddings trained elsewhere are not in this version.

    Shape: codes (B, T) -> (B, T, D).

    Raises:
        ConfigError: a size is not a whole number from 1; pretrained embeddings are asked for.
        GraphError: joined to something that holds no codes.

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
        """Sizes are whole numbers from 1; nothing pretrained."""
        yield from check_counts(self, ("max_features", "embedding_dim"))
        yield from check_dropout(self)
        yield from check_pretraining(self)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrow for few codes."""
        return {"embedding_dim": table_width(specs[0].cardinality or self.max_features)}

    def build(self, *specs: Spec) -> nn.Module:
        """The table."""
        from torch import nn

        from medley.nn.sequence import embedding

        rows = table_rows(specs, self.max_features, "Embedding")
        table = embedding(rows, whole(self.embedding_dim), zeros=2 if specs[0].is_tokens else 1)
        module = bounded(specs[0], rows, table)
        return nn.Sequential(module, nn.Dropout(share(self.dropout))) if self.dropout else module

    def out(self, *specs: Spec) -> Spec:
        """Steps of vectors."""
        table_rows(specs, self.max_features, "Embedding")
        return Spec((specs[0].shape[0], whole(self.embedding_dim)), "TD")
