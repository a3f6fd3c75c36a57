"""The default text encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import Block, DataSummary, Node
from medley.core.input import InputBlock
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.nn.pretrained_argument import choose_pretrained, pretrained_problem
from medley.text.bag import NgramBag
from medley.text.conv import TokenConv
from medley.text.encodings import TextToIntSequence, TextToNgramVector
from medley.text.pretrained import TEXT_MODELS, PretrainedTextBlock
from medley.text.rnn import TokenRNN
from medley.text.token_layers import check_pretraining, token_spec
from medley.text.tokens import MAX_TOKENS
from medley.text.transformer import TokenTransformer

_FROM_SCRATCH = ("ngram", "vanilla", "rnn", "transformer")


class TextBlock(Composite, register="text.block"):
    """One of four types of text networks with the encoding that it needs, or a pretrained encoder.

    Args:
        block_type: `"ngram"` (a bag of hashed word and character n-grams; fast, and the default), `"vanilla"`
            (convolutions over words), `"rnn"` (recurrent layers), `"transformer"`, or `"pretrained"`
            (PretrainedTextBlock), which is tried first if `pretrained` is set.
        max_tokens: maximum number of distinct words or n-grams; ignored if a block before this one encodes the text.
        pretraining: `"none"` or `"random"`; pretrained embeddings are not supported.
        pretrained: folder or name on the hub of a pretrained encoder to add to the search; `"auto"` uses one from the
            hub's local cache, and warns if there is none; True is a MiniLM. If unset or False, everything is trained
            from scratch.

    Shape: texts -> (B, D).

    Raises:
        ConfigError: pretrained embeddings are requested, or a pretrained encoder is not found.
        GraphError: called on something that is not a text.

    >>> TextBlock(block_type="ngram", max_tokens=5000)
    TextBlock(block_type='ngram', max_tokens=5000)
    """

    block_type: str | Space | None = searched(OneOf(*_FROM_SCRATCH, "pretrained"))
    max_tokens: int | Space | None = searched(OneOf(5000, 20000, default=20000))
    pretraining: str | None = None
    pretrained: bool | str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks the size of the vocabulary and the arguments for pretraining."""
        yield from whole_number_problems(self, "max_tokens")
        yield from check_pretraining(self)
        yield from pretrained_problem(self.pretrained)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """The pretrained encoder if there is one, otherwise the bag of n-grams, the best of the fast networks."""
        if choose_pretrained(self.pretrained, TEXT_MODELS, "TextBlock") is None:
            return {"block_type": OneOf(*_FROM_SCRATCH)}
        return {"block_type": "pretrained"}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Adds the encoding, if the node is a text input, and the network."""
        token_spec(specs, "TextBlock")
        node, max_tokens = nodes[0], cast(int, self.max_tokens)
        if self.block_type == "pretrained":
            name = choose_pretrained(self.pretrained or True, TEXT_MODELS, "TextBlock")
            return (PretrainedTextBlock(name) if name else TextBlock("ngram", max_tokens))(node)
        if isinstance(node.block, InputBlock):
            if self.block_type == "ngram":
                node = TextToNgramVector(max_tokens, ngrams=2)(node)
            elif max_tokens != MAX_TOKENS:
                node = TextToIntSequence(max_tokens=max_tokens)(node)
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
