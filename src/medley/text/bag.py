"""A bag of n-grams or of words as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.text.codes import check_counts, check_dropout, share, tokens, whole

if TYPE_CHECKING:
    from torch import nn

MANY_CODES = 2_000


class NgramBag(Layer, register="text.ngram_bag"):
    """The sum of an embedding per code, and dense layers on it: fast, and hard to beat where rows are few.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017.

    Args:
        width: D, of the embeddings and of each layer.
        num_layers: dense layers on the bag.
        dropout: share of numbers that training silences after the bag and after each layer.
        token_dropout: share of codes that training leaves out of each bag, so that no row can be memorised from
            one rare n-gram.

    Shape: codes (B, G), 0 is padding -> (B, D).

    Raises:
        GraphError: joined to something that is no text.

    >>> str(NgramBag(width=32).out(Spec((40,), "T", "int64", cardinality=900)))
    '(D=32)'
    """

    width: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=32))
    num_layers: int | Space | None = searched(OneOf(0, 1, 2))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))
    token_dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """The width is a whole number from 1, the dropout a share."""
        yield from check_counts(self, ("width",))
        yield from check_dropout(self)
        if isinstance(self.token_dropout, int | float) and self.token_dropout >= 1:
            yield f"token_dropout is a share from 0 up to, not including, 1; got {self.token_dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Wider for more rows; half of the codes left out where there are many, of which none alone matters."""
        many = specs[0].cardinality >= MANY_CODES
        return {
            "width": 32 if summary.rows < 20_000 else 64,
            "num_layers": 0,
            "dropout": 0.25,
            "token_dropout": 0.5 if many else 0.0,
        }

    def build(self, *specs: Spec) -> nn.Module:
        """The bag and its layers."""
        from medley.nn.bag import BagNetwork

        return BagNetwork(
            tokens(specs, "NgramBag").cardinality,
            whole(self.width),
            num_layers=whole(self.num_layers),
            dropout=share(self.dropout),
            token_dropout=share(self.token_dropout),
        )

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        tokens(specs, "NgramBag")
        return vector(whole(self.width))
