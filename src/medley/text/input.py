"""Texts as an input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import ClassVar

from medley.core.block import Block, Node
from medley.core.input import Input
from medley.core.linear import LinearFeatures
from medley.nn.pretrained_argument import pretrained_problem
from medley.text.block import TextBlock
from medley.text.embedding import Embedding
from medley.text.pretrained import TEXT_MODELS
from medley.text.tokens import TokenCodec


class TextInput(Input, register="text.input"):
    """One text per row: any sequence of strings, None where a row has none. An empty string is a text.

    Unless a block chooses another encoding, texts become codes of words (TokenCodec): a vocabulary of up to 20,000
    words is learnt on training rows.

    Args:
        pretrained: of its default block, as of `TextBlock`.

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
    fits_alone: ClassVar[bool] = True

    pretrained: bool | str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """A pretrained model is named, or not."""
        yield from pretrained_problem(self.pretrained)

    def codec(self) -> TokenCodec:
        """Codes of words."""
        return TokenCodec()

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

        return TextFeatures()

    def adapter(self) -> Block:
        """A vector per word, for blocks that read numbers."""
        return Embedding()
