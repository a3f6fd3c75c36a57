"""A layer over bags of n-grams or words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.text.token_layers import as_float, as_int, check_dropout, token_spec

if TYPE_CHECKING:
    from torch import nn

LARGE_VOCABULARY = 2_000


class NgramBag(Layer, register="text.ngram_bag"):
    """The sum of token embeddings, followed by dense layers: fast, and a strong baseline for few rows.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017.

    Args:
        width: D, of the embeddings and of each layer.
        num_layers: number of dense layers after the bag.
        dropout: dropout probability after the bag and after each layer.
        token_dropout: probability that a token is dropped from a bag in training, so that no row can be memorised from
            a single rare n-gram.

    Shape: token ids (B, G), 0 is padding -> (B, D).

    Raises:
        GraphError: called on something that is not a text.

    >>> str(NgramBag(width=32).out(Spec((40,), "T", "int64", cardinality=900)))
    '(D=32)'
    """

    width: int | Space | None = searched(OneOf(16, 32, 64, 128, 256, default=32))
    num_layers: int | Space | None = searched(OneOf(0, 1, 2))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5, default=0.25))
    token_dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """Checks that the width is a positive integer and that dropout probabilities are below 1."""
        yield from whole_number_problems(self, "width")
        yield from check_dropout(self)
        if isinstance(self.token_dropout, int | float) and self.token_dropout >= 1:
            yield f"token_dropout must be a probability from 0 to below 1, got {self.token_dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Larger embeddings for more rows; token dropout for a large vocabulary, where no token is essential."""
        is_large = specs[0].cardinality >= LARGE_VOCABULARY
        return {
            "width": 32 if summary.rows < 20_000 else 64,
            "num_layers": 0,
            "dropout": 0.25,
            "token_dropout": 0.5 if is_large else 0.0,
        }

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the bag and its dense layers."""
        from medley.nn.bag import BagNetwork

        return BagNetwork(
            token_spec(specs, "NgramBag").cardinality,
            as_int(self.width),
            num_layers=as_int(self.num_layers),
            dropout=as_float(self.dropout),
            token_dropout=as_float(self.token_dropout),
        )

    def out(self, *specs: Spec) -> Spec:
        """The spec of one vector."""
        token_spec(specs, "NgramBag")
        return vector(as_int(self.width))
