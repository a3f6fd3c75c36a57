"""The default encoder of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, cast

from medley.core.block import Block, DataSummary, Node
from medley.core.input import Input
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.nn.pretrained_argument import chosen, pretrained_problem
from medley.text.bag import NgramBag
from medley.text.codes import check_counts, check_pretraining, tokens
from medley.text.conv import TokenConv
from medley.text.encodings import TextToIntSequence, TextToNgramVector
from medley.text.pretrained import TEXT_MODELS, PretrainedTextBlock
from medley.text.rnn import TokenRNN
from medley.text.tokens import MAX_TOKENS
from medley.text.transformer import TokenTransformer

_FROM_SCRATCH = ("ngram", "vanilla", "rnn", "transformer")


class TextBlock(Composite, register="text.block"):
    """One of four families of networks over texts, with the encoding that it needs, or a pretrained encoder.

    Args:
        block_type: `"ngram"` (a bag of hashed word and character n-grams; fast, and the best start), `"vanilla"`
            (convolutions over words), `"rnn"` (recurrent layers), `"transformer"`, or `"pretrained"`
            (PretrainedTextBlock), which is tried first where `pretrained` is set.
        max_tokens: words or n-grams that are told apart, at most. Where the text was encoded by a block before this
            one, that block has the say.
        pretraining: `"none"` or `"random"`; embeddings trained elsewhere are not in this version.
        pretrained: a pretrained encoder, by its folder or its name on the hub, to search among the others; `"auto"`
            takes one that is in the hub's cache, and says so where there is none; True is a MiniLM. Unset, or False,
            all that is learnt comes from the data at hand.

    Shape: texts -> (B, D).

    Raises:
        ConfigError: pretrained embeddings are asked for, or a pretrained encoder that is nowhere.
        GraphError: joined to something that is no text.

    >>> TextBlock(block_type="ngram", max_tokens=5000)
    TextBlock(block_type='ngram', max_tokens=5000)
    """

    block_type: str | Space | None = searched(OneOf(*_FROM_SCRATCH, "pretrained"))
    max_tokens: int | Space | None = searched(OneOf(5000, 20000, default=20000))
    pretraining: str | None = None
    pretrained: bool | str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """There is a vocabulary, and nothing pretrained."""
        yield from check_counts(self, ("max_tokens",))
        yield from check_pretraining(self)
        yield from pretrained_problem(self.pretrained)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """The pretrained encoder where there is one, else the bag of n-grams, the best of the simple and fast ones."""
        if chosen(self.pretrained, TEXT_MODELS, "TextBlock") is None:
            return {"block_type": OneOf(*_FROM_SCRATCH)}
        return {"block_type": "pretrained"}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the encoding, where the node is a text itself, and the network."""
        tokens(specs, "TextBlock")
        node, most = nodes[0], cast(int, self.max_tokens)
        if self.block_type == "pretrained":
            name = chosen(self.pretrained or True, TEXT_MODELS, "TextBlock")
            return (PretrainedTextBlock(name) if name else TextBlock("ngram", most))(node)
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
