"""Texts as an input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import ClassVar

from medley.core.arguments import whole_number_problem
from medley.core.block import Block, Node
from medley.core.input import Input
from medley.core.linear import LinearFeatures
from medley.nn.pretrained_argument import pretrained_problem
from medley.text.block import TextBlock
from medley.text.embedding import Embedding
from medley.text.pretrained import TEXT_MODELS
from medley.text.rows import MAX_CHARACTERS
from medley.text.tokens import TokenCodec


class TextInput(Input, register="text.input"):
    """One text per row: any sequence of strings, None where a row has none. An empty string is a text.

    Unless a block chooses another encoding, texts become codes of words (TokenCodec): a vocabulary of up to 20,000
    words is learnt on training rows.

    Args:
        pretrained: of its default block, as of `TextBlock`.
        max_characters: longer texts are cut there before they are encoded, which takes some hundred times their memory.

    Shape: rows -> (B, T) codes, 0 is padding (before the words), 1 an unknown word.

    Raises:
        DataError: the rows are no texts, or all of them are numbers.

    >>> str(TextInput().codec().fit(["lower half", "upper half", None]).spec)
    '(T=2 int64)'
    """

    kinds: ClassVar[tuple[str, ...]] = ("text",)

    claim_rank: ClassVar[float | None] = 30.0
    pretrained_modality: ClassVar[str | None] = "text"
    pretrained_models: ClassVar[tuple[str, ...]] = TEXT_MODELS
    is_worth_alone: ClassVar[bool] = True

    pretrained: bool | str | None = field(default=None, kw_only=True)
    max_characters: int = field(default=MAX_CHARACTERS, kw_only=True)

    def check(self) -> Iterable[str]:
        """A pretrained model is named, or not; the limit is a positive number."""
        yield from pretrained_problem(self.pretrained)
        yield from whole_number_problem(self.max_characters, "max_characters")

    def codec(self) -> TokenCodec:
        """Codes of words."""
        return TokenCodec(max_characters=self.max_characters)

    def default_block(self) -> Block:
        """A network for texts."""
        return TextBlock(pretrained=self.pretrained)

    def encode_for_ensemble(self) -> Node | None:
        """A pretrained encoder, where there is one; n-grams are read by the linear path."""
        return super().encode_for_ensemble() if self.pretrained else None

    @property
    def shares_encoder(self) -> bool:
        """Whether it has a pretrained encoder, which may be trained."""
        return bool(self.pretrained)

    def linear_features(self) -> LinearFeatures:
        """TF-IDF of words, characters and entities."""
        from medley.text.features import TextFeatures

        return TextFeatures(self.max_characters)

    def adapter(self) -> Block:
        """A vector per word, for blocks that read numbers."""
        return Embedding()
