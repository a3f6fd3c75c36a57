"""Encodings of texts that can be drawn between an input and its blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from medley.core.block import Block
from medley.core.input import Preprocessing
from medley.core.space import OneOf, Space, searched
from medley.text.bag import NgramBag
from medley.text.codes import check_counts
from medley.text.embedding import Embedding
from medley.text.ngrams import NgramCodec
from medley.text.tokens import TokenCodec


class TextToIntSequence(Preprocessing, register="text.int_sequence"):
    """Texts as codes of their words, by a vocabulary learnt on training rows (TokenCodec).

    Args:
        output_sequence_length: T; unset, it is learnt: the longest text, or the 98th percentile where texts are long,
            256 at most.
        max_tokens: size of the vocabulary at most, padding and the unknown word included.

    Shape: rows -> (B, T) codes, 0 is padding (before the words), 1 an unknown word.

    >>> str(TextToIntSequence(output_sequence_length=5).codec().fit(["lower half"]).spec)
    '(T=5 int64)'
    """

    output_sequence_length: int | Space | None = None
    max_tokens: int | Space = 20000

    def check(self) -> Iterable[str]:
        """Sizes are whole numbers from 1; a vocabulary has a word beside padding and the unknown."""
        yield from check_counts(self, ("output_sequence_length",))
        yield from _check_max_tokens(self.max_tokens, 3)

    def codec(self) -> TokenCodec:
        """Codes of words."""
        return TokenCodec(cast(int, self.max_tokens), cast("int | None", self.output_sequence_length))

    def adapter(self) -> Block:
        """A vector per word, for blocks that read numbers."""
        return Embedding()


class TextToNgramVector(Preprocessing, register="text.ngram_vector"):
    """Texts as bags of hashed word and character n-grams (NgramCodec).

    A bag is kept as the codes of its n-grams, which is small; the block that reads them sums an embedding each
    (NgramBag), which is what a dense layer on the vector of all n-grams would do.

    Args:
        max_tokens: number of n-grams that are told apart, at most.
        ngrams: words in the longest n-gram of words.

    Shape: rows -> (B, G) codes, 0 is padding.

    >>> str(TextToNgramVector(ngrams=1).codec().fit(["odd", "odd"]).spec)
    '(T=7 int64)'
    """

    max_tokens: int | Space = 20000
    ngrams: int | Space | None = searched(OneOf(1, 2, default=2))

    def check(self) -> Iterable[str]:
        """Sizes are whole numbers from 1."""
        yield from _check_max_tokens(self.max_tokens, 1)
        yield from check_counts(self, ("ngrams",))

    def codec(self) -> NgramCodec:
        """Codes of n-grams."""
        return NgramCodec(cast(int, self.max_tokens), cast(int, self.ngrams))

    def adapter(self) -> Block:
        """The sum of an embedding per n-gram, for blocks that read numbers."""
        return NgramBag()


def _check_max_tokens(value: int | Space, least: int) -> Iterable[str]:
    if not isinstance(value, Space) and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        yield f"max_tokens must be a whole number from {least}, got {value!r}."
