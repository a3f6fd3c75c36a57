"""The default encoder of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from medley.core.block import Block, Composite, Facts, Input, Node
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.text.bag import NgramBag
from medley.text.codes import check_counts, check_pretraining, tokens
from medley.text.conv import TokenConv
from medley.text.encodings import TextToIntSequence, TextToNgramVector
from medley.text.rnn import TokenRNN
from medley.text.tokens import MAX_TOKENS
from medley.text.transformer import TokenTransformer


class TextBlock(Composite, register="text.block"):
    """One of four families of networks over texts, with the encoding that it needs.

    Args:
        block_type: `"ngram"` (a bag of hashed word and character n-grams; fast, and the best start), `"vanilla"`
            (convolutions over words), `"rnn"` (recurrent layers) or `"transformer"`.
        max_tokens: words or n-grams that are told apart, at most. Where the text was encoded by a block before this
            one, that block has the say.
        pretraining: `"none"` or `"random"`; embeddings trained elsewhere are not in this version.

    Shape: texts -> (B, D).

    Raises:
        ConfigError: pretrained embeddings are asked for.
        GraphError: joined to something that is no text.

    >>> TextBlock(block_type="ngram", max_tokens=5000)
    TextBlock(block_type='ngram', max_tokens=5000)
    """

    block_type: str | Space | None = searched(OneOf("ngram", "vanilla", "rnn", "transformer"))
    max_tokens: int | Space | None = searched(OneOf(5000, 20000, default=20000))
    pretraining: str | None = None

    def check(self) -> Iterable[str]:
        """There is a vocabulary, and nothing pretrained."""
        yield from check_counts(self, ("max_tokens",))
        yield from check_pretraining(self)

    def sensible(self, specs: Sequence[Spec], facts: Facts) -> Mapping[str, Any]:
        """The bag of n-grams: the strongest of the simple models, and the fastest."""
        return {"block_type": "ngram"}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], facts: Facts) -> Node:
        """Joins the encoding, where the node is a text itself, and the network."""
        tokens(specs, "TextBlock")
        node, most = nodes[0], cast(int, self.max_tokens)
        if isinstance(node.block, Input):
            if self.block_type == "ngram":
                node = TextToNgramVector(most, ngrams=2)(node)
            elif most != MAX_TOKENS:
                node = TextToIntSequence(max_tokens=most)(node)
        elif isinstance(node.block, TextToNgramVector):
            return NgramBag()(node)  # n-grams have no order, so no other network can read them
        return _network(str(self.block_type))(node)


def _network(block_type: str) -> Block:
    match block_type:
        case "vanilla":
            return TokenConv()
        case "rnn":
            return TokenRNN()
        case "transformer":
            return TokenTransformer()
    return NgramBag()
