"""Texts as hashed n-grams of words and of the characters inside words; the same hashes on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

CHARACTERS = (3, 4, 5)
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")  # a word with its inner apostrophes, or one mark
_ODD, _OTHER_ODD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(29)


class Words:
    """The words of some texts; each distinct word is hashed once.

    Args:
        texts: B texts.

    Attributes:
        row: (M,) the index of the text of each word, increasing.
        hashes: (V,) hashes of the distinct words.
        characters: (C,) hashes of the character n-grams of the distinct words, word by word.
        sizes: (V,) number of character n-grams of each distinct word.

    >>> words = Words(["lower half", "half"])
    >>> words.row, len(words.hashes), [len(hashes) for _, hashes in words.runs(2)]
    (array([0, 0, 1]), 2, [3, 1])
    """

    def __init__(self, texts: Sequence[str]) -> None:
        words_by_text = [_WORD.findall(text.lower()) for text in texts]
        indices: dict[str, int] = {}
        self.row = np.repeat(np.arange(len(texts)), np.array([len(words) for words in words_by_text], np.int64))
        self._word = np.array(
            [indices.setdefault(word, len(indices)) for words in words_by_text for word in words], np.int64
        )
        ngrams_by_word = [_character_ngrams(word) for word in indices]
        self.hashes = np.array([hash_text(f"word {word}") for word in indices], np.uint64)
        self.characters = np.array(
            [hash_text(f"characters {ngram}") for ngrams in ngrams_by_word for ngram in ngrams], np.uint64
        )
        self.sizes = np.array([len(ngrams) for ngrams in ngrams_by_word], np.int64)

    def runs(self, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields, for n-grams of 1 to `longest` words: the index of the text (R,) and the hash (R,) of each n-gram."""
        single = self.hashes[self._word]
        hashes = single
        yield self.row, hashes
        for length in range(2, longest + 1):
            hashes = hashes[:-1] * _ODD ^ (single[length - 1 :] + np.uint64(length)) * _OTHER_ODD
            hashes ^= hashes >> _SHIFT
            row = self.row[: len(hashes)]
            is_in_one_text = row == self.row[length - 1 :]
            yield row[is_in_one_text], hashes[is_in_one_text]

    def spread(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps a value per entry of `characters` to all occurrences in texts: text index (R,) and value (R,).

        Values of 0 are left out.
        """
        is_nonzero = values != 0
        before = np.cumsum(is_nonzero) - is_nonzero  # number of nonzero values before each entry
        before = np.append(before, is_nonzero.sum())
        stops = np.cumsum(self.sizes)
        first, last = before[stops - self.sizes][self._word], before[stops][self._word]
        count = last - first
        index = np.arange(count.sum()) + np.repeat(first - (np.cumsum(count) - count), count)
        return np.repeat(self.row, count), values[is_nonzero][index]

    def character_counts(self, weights: np.ndarray) -> np.ndarray:
        """The number of occurrences of each entry of `characters`; text r is counted `weights[r]` times."""
        return np.repeat(np.bincount(self._word, weights[self.row], len(self.hashes)), self.sizes)


def _character_ngrams(word: str) -> list[str]:
    marked = f"<{word}>"
    ngrams = [marked[start : start + size] for size in CHARACTERS for start in range(len(marked) - size + 1)]
    return list(dict.fromkeys(ngrams))


def hash_text(text: str) -> int:
    """A hash of 64 bits that is equal on all machines."""
    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")
