"""What the encoders of texts read: codes of words or of n-grams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.spec import Spec
from medley.errors import GraphError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

NOT_PRETRAINED = ("none", "random")
PRETRAINED = ("glove", "fasttext", "word2vec")


def tokens(specs: Sequence[Spec], reader: str) -> Spec:
    """The one spec of codes that an encoder is joined to.

    Raises:
        GraphError: it is joined to something else, or to several things.
    """
    if len(specs) != 1 or not specs[0].is_tokens:
        told = " and ".join(map(str, specs))
        raise GraphError(f"{reader} reads the words of one text, got {told}; call it on a TextInput().")
    return specs[0]


def table_rows(specs: Sequence[Spec], max_features: int, reader: str) -> int:
    """How many codes a table of embeddings must hold: those that can come, `max_features` at most.

    Raises:
        GraphError: what is read is neither codes (T) nor numbers (D) that hold codes.
    """
    if len(specs) == 1 and specs[0].is_tokens:
        return min(max_features, specs[0].cardinality)
    if len(specs) == 1 and specs[0].is_vector:
        return max_features
    told = " and ".join(map(str, specs))
    raise GraphError(f"{reader} reads one text (T) or one vector of whole numbers (D), got {told}.")


def bounded(spec: Spec, rows: int, module: nn.Module) -> nn.Module:
    """The module behind what makes sure that its table holds every code; by itself where nothing else can come.

    Of a text, rarer words than the table holds become the unknown word; of other numbers, larger ones the largest.
    """
    from torch import nn

    from medley.nn.sequence import BoundedCodes

    if not spec.is_tokens:
        return nn.Sequential(BoundedCodes(rows, beyond=rows - 1), module)
    if spec.cardinality > rows:
        return nn.Sequential(BoundedCodes(rows, beyond=min(1, rows - 1)), module)
    return module


def check_counts(block: Any, names: Iterable[str]) -> Iterable[str]:
    """Yields a sentence per field that is set and no whole number from 1."""
    for name in names:
        value = getattr(block, name)
        if isinstance(value, int | float) and (isinstance(value, bool) or value < 1 or value != int(value)):
            yield f"{name} must be a whole number from 1, got {value!r}."


def check_dropout(block: Any) -> Iterable[str]:
    """Yields a sentence where the dropout is not below 1."""
    if isinstance(block.dropout, int | float) and block.dropout >= 1:
        yield f"dropout is a share from 0 up to, not including, 1; got {block.dropout!r}."


def check_pretraining(block: Any) -> Iterable[str]:
    """Yields a sentence where embeddings are asked for that would have to be downloaded."""
    if block.pretraining in (None, *NOT_PRETRAINED):
        return
    if block.pretraining in PRETRAINED:
        yield (
            f"pretraining={block.pretraining!r} asks for embeddings that this version does not have: "
            "leave it out, or give 'none'; embeddings are then learnt from the data at hand."
        )
    else:
        hint = did_you_mean(block.pretraining, (*NOT_PRETRAINED, *PRETRAINED))
        yield f"pretraining must be 'none' or 'random', got {block.pretraining!r}.{hint}"


def table_width(cardinality: int) -> int:
    """A sensible width of embeddings: narrow for few codes.

    >>> table_width(8), table_width(5000)
    (16, 64)
    """
    return 16 if cardinality <= 100 else 32 if cardinality <= 2000 else 64


def whole(value: Any) -> int:
    """A settled field as a whole number."""
    return int(value)


def share(value: Any) -> float:
    """A settled field as a real number."""
    return float(value)
