"""Texts as an input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import ClassVar

from medley.core.arguments import whole_number_problem
from medley.core.block import Block, DataSummary, Node
from medley.core.input import InputBlock
from medley.core.linear import LinearFeatures
from medley.core.registry import lookup
from medley.nn.pretrained_argument import pretrained_problem
from medley.text.block import TextBlock
from medley.text.embedding import Embedding
from medley.text.pretrained import TEXT_MODELS
from medley.text.rows import MAX_CHARACTERS
from medley.text.tokens import TokenCodec


class TextInput(InputBlock, register="text.input"):
    """One text per row: any sequence of strings, with None where missing. An empty string is a text.

    Unless a block chooses another encoding, texts are encoded as token ids (`TokenCodec`): a vocabulary of up to 20,000
    words is learned from the training rows.

    Args:
        pretrained: the pretrained encoder of the default block, as in `TextBlock`.
        max_characters: longer texts are cut there before they are encoded, which takes some hundred times their memory.

    Shape: rows -> token ids (B, T); 0 is padding (before the words), 1 an unknown word.

    Raises:
        DataError: the rows are not texts, or all of them are numbers.

    >>> str(TextInput().codec().fit(["lower half", "upper half", None]).spec)
    '(T=2 int64)'
    """

    kinds: ClassVar[tuple[str, ...]] = ("text",)

    claim_rank: ClassVar[float | None] = 30.0
    pretrained_modality: ClassVar[str | None] = "text"
    pretrained_models: ClassVar[tuple[str, ...]] = TEXT_MODELS
    fits_alone: ClassVar[bool] = True

    pretrained: bool | str | None = field(default=None, kw_only=True)
    max_characters: int = field(default=MAX_CHARACTERS, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks `pretrained` and `max_characters`."""
        yield from pretrained_problem(self.pretrained)
        yield from whole_number_problem(self.max_characters, "max_characters")

    def codec(self) -> TokenCodec:
        """A new codec for token ids."""
        return TokenCodec(max_characters=self.max_characters)

    def default_block(self) -> Block:
        """The default encoder of texts."""
        return TextBlock(pretrained=self.pretrained)

    def encode_for_ensemble(self, summary: DataSummary) -> Node | None:
        """The vectors of the pretrained encoder, frozen, if there is one; the linear path reads n-grams.

        Record 34 compares this with a second stage that may train the encoder.
        """
        if not self.pretrained:
            return None
        name = TEXT_MODELS[0] if self.pretrained is True else self.pretrained
        return lookup("text.pretrained")(name, pooling="mean", trainable=False)(self)

    def shares_encoder(self, summary: DataSummary) -> bool:
        """It shares none: n-grams have no encoder, and a pretrained encoder is frozen."""
        return False

    def linear_features(self) -> LinearFeatures:
        """TF-IDF of words, characters and entities."""
        from medley.text.features import TextFeatures

        return TextFeatures(self.max_characters)

    def adapter(self) -> Block:
        """A vector per word, for blocks that read numbers."""
        return Embedding()
