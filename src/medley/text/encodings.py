"""Text encodings that can be placed between an input and its blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import cast

from medley.core.arguments import whole_number_problems
from medley.core.block import Block
from medley.core.input import Preprocessing
from medley.core.space import OneOf, Space, searched
from medley.text.bag import NgramBag
from medley.text.embedding import Embedding
from medley.text.ngrams import NgramCodec
from medley.text.rows import MAX_CHARACTERS
from medley.text.tokens import TokenCodec


class TextToIntSequence(Preprocessing, register="text.int_sequence"):
    """Encodes texts as word ids, with a vocabulary learned from training rows (TokenCodec).

    Args:
        output_sequence_length: T; default: the length of the longest training text or, if texts are long, the 98th
            percentile, at most 256.
        max_tokens: maximum size of the vocabulary, including padding and the unknown word.
        max_characters: longer texts are cut there before they are encoded.

    Shape: rows -> (B, T) ids, 0 is padding (before the words), 1 the unknown word.

    >>> str(TextToIntSequence(output_sequence_length=5).codec().fit(["lower half"]).spec)
    '(T=5 int64)'
    """

    output_sequence_length: int | Space | None = None
    max_tokens: int | Space = 20000
    max_characters: int = field(default=MAX_CHARACTERS, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive integers and that the vocabulary has room for at least one word."""
        yield from whole_number_problems(self, "output_sequence_length")
        yield from whole_number_problems(self, "max_tokens", at_least=3, optional=False)
        yield from whole_number_problems(self, "max_characters", optional=False, searchable=False)

    def codec(self) -> TokenCodec:
        """A codec for word ids."""
        length = cast("int | None", self.output_sequence_length)
        return TokenCodec(cast(int, self.max_tokens), length, max_characters=self.max_characters)

    def adapter(self) -> Block:
        """Embeds each word, for blocks that read numbers."""
        return Embedding()


class TextToNgramVector(Preprocessing, register="text.ngram_vector"):
    """Encodes texts as bags of hashed word and character n-grams (NgramCodec).

    A bag is stored compactly as the ids of its n-grams. The block that reads it sums their embeddings (NgramBag), which
    is equivalent to a dense layer on the indicator vector of all n-grams.

    Args:
        max_tokens: maximum number of distinct n-grams.
        ngrams: number of words in the longest word n-gram.
        max_characters: longer texts are cut there before they are encoded.

    Shape: rows -> (B, G) ids, 0 is padding.

    >>> str(TextToNgramVector(ngrams=1).codec().fit(["odd", "odd"]).spec)
    '(T=7 int64)'
    """

    max_tokens: int | Space = 20000
    ngrams: int | Space | None = searched(OneOf(1, 2, default=2))
    max_characters: int = field(default=MAX_CHARACTERS, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks that sizes are positive integers."""
        yield from whole_number_problems(self, "max_tokens", optional=False)
        yield from whole_number_problems(self, "ngrams")
        yield from whole_number_problems(self, "max_characters", optional=False, searchable=False)

    def codec(self) -> NgramCodec:
        """A codec for n-gram ids."""
        return NgramCodec(cast(int, self.max_tokens), cast(int, self.ngrams), max_characters=self.max_characters)

    def adapter(self) -> Block:
        """Sums the embeddings of n-grams, for blocks that read numbers."""
        return NgramBag()
