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
    """Some texts as words: each distinct word is hashed once, however often it stands there.

    Args:
        texts: B texts.

    Attributes:
        row: (M,) which text each word stands in, increasing.
        hashes: (V,) the distinct words.
        characters: (C,) the character n-grams of the distinct words, one word's after the other's.
        sizes: (V,) how many of them each distinct word has.

    >>> words = Words(["lower half", "half"])
    >>> words.row, len(words.hashes), [len(hashes) for _, hashes in words.runs(2)]
    (array([0, 0, 1]), 2, [3, 1])
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = [_WORD.findall(text.lower()) for text in texts]
        places: dict[str, int] = {}
        self.row = np.repeat(np.arange(len(texts)), np.array([len(words) for words in found], np.int64))
        self._word = np.array([places.setdefault(word, len(places)) for words in found for word in words], np.int64)
        spelt = [_spell(word) for word in places]
        self.hashes = np.array([hash_text(f"word {word}") for word in places], np.uint64)
        self.characters = np.array([hash_text(f"characters {run}") for runs in spelt for run in runs], np.uint64)
        self.sizes = np.array([len(runs) for runs in spelt], np.int64)

    def runs(self, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields, for 1 to `longest` words in a row: which text (R,) and its hash (R,)."""
        single = self.hashes[self._word]
        hashes = single
        yield self.row, hashes
        for words in range(2, longest + 1):
            hashes = hashes[:-1] * _ODD ^ (single[words - 1 :] + np.uint64(words)) * _OTHER_ODD
            hashes ^= hashes >> _SHIFT
            row = self.row[: len(hashes)]
            whole = row == self.row[words - 1 :]
            yield row[whole], hashes[whole]

    def spread(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From a value per entry of `characters` to those of every text: which text (R,) and the value (R,).

        Values of 0 are left out.
        """
        told = values != 0
        before = np.cumsum(told) - told  # number of values told before each entry
        before = np.append(before, told.sum())
        stops = np.cumsum(self.sizes)
        first, last = before[stops - self.sizes][self._word], before[stops][self._word]
        count = last - first
        place = np.arange(count.sum()) + np.repeat(first - (np.cumsum(count) - count), count)
        return np.repeat(self.row, count), values[told][place]

    def spelt(self, weights: np.ndarray) -> np.ndarray:
        """How often each entry of `characters` occurs, where the text of row r counts `weights[r]` times."""
        return np.repeat(np.bincount(self._word, weights[self.row], len(self.hashes)), self.sizes)


def _spell(word: str) -> list[str]:
    marked = f"<{word}>"
    runs = [marked[start : start + size] for size in CHARACTERS for start in range(len(marked) - size + 1)]
    return list(dict.fromkeys(runs))


def hash_text(text: str) -> int:
    """64 bits, the same on every machine."""
    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")
