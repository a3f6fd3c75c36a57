"""Checks and helpers shared by layers that read token ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.spec import Spec
from medley.errors import GraphError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

SUPPORTED_PRETRAINING = ("none", "random")
PRETRAINED_EMBEDDINGS = ("glove", "fasttext", "word2vec")


def token_spec(specs: Sequence[Spec], block: str) -> Spec:
    """The spec of the token ids that a block is called on.

    Raises:
        GraphError: it is called on something else, or on several nodes.
    """
    if len(specs) != 1 or not specs[0].is_tokens:
        actual = " and ".join(map(str, specs))
        raise GraphError(f"{block} reads the words of one text, got {actual}; call it on a TextInput().")
    return specs[0]


def embedding_rows(specs: Sequence[Spec], max_features: int, block: str) -> int:
    """The number of rows of an embedding table: the number of ids, at most `max_features`.

    Raises:
        GraphError: called on neither token ids (T) nor a vector (D) of integers.
    """
    if len(specs) == 1 and specs[0].is_tokens:
        return min(max_features, specs[0].cardinality)
    if len(specs) == 1 and specs[0].is_vector:
        return max_features
    actual = " and ".join(map(str, specs))
    raise GraphError(f"{block} reads one text (T) or one vector of whole numbers (D), got {actual}.")


def with_bounded_ids(spec: Spec, rows: int, module: nn.Module) -> nn.Module:
    """Bounds the ids that a module with an embedding table receives; returns the module itself if they always fit.

    In a text, words beyond the table become the unknown word; other numbers are clamped to the largest id.
    """
    from torch import nn

    from medley.nn.sequence import BoundedIds

    if not spec.is_tokens:
        return nn.Sequential(BoundedIds(rows, overflow=rows - 1), module)
    if spec.cardinality > rows:
        return nn.Sequential(BoundedIds(rows, overflow=min(1, rows - 1)), module)
    return module


def check_dropout(block: Any) -> Iterable[str]:
    """Yields an error if the dropout probability is not below 1."""
    if isinstance(block.dropout, int | float) and block.dropout >= 1:
        yield f"dropout must be a probability from 0 to below 1, got {block.dropout!r}."


def check_pretraining(block: Any) -> Iterable[str]:
    """Yields an error if `pretraining` is unknown or requests pretrained embeddings."""
    if block.pretraining in (None, *SUPPORTED_PRETRAINING):
        return
    if block.pretraining in PRETRAINED_EMBEDDINGS:
        yield (
            f"pretraining={block.pretraining!r}: pretrained embeddings are not supported; "
            "leave it out, or use 'none' to train embeddings from scratch."
        )
    else:
        hint = did_you_mean(block.pretraining, (*SUPPORTED_PRETRAINING, *PRETRAINED_EMBEDDINGS))
        yield f"pretraining must be 'none' or 'random', got {block.pretraining!r}.{hint}"


def default_embedding_dim(cardinality: int) -> int:
    """The default embedding dimension for a vocabulary size.

    >>> default_embedding_dim(8), default_embedding_dim(5000)
    (16, 64)
    """
    return 16 if cardinality <= 100 else 32 if cardinality <= 2000 else 64


def as_int(value: Any) -> int:
    """The value of a resolved field as an int."""
    return int(value)


def as_float(value: Any) -> float:
    """The value of a resolved field as a float."""
    return float(value)
