"""Texts as features of linear models: TF-IDF of words, of characters, and of whole entities."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.codec import State
from medley.core.linear import FeatureBlock, LinearFeatures
from medley.core.registry import register
from medley.core.rules import Array, Choice, Items, Maybe, StateRules, Whole, require
from medley.text.rows import MAX_CHARACTERS, read_texts
from medley.text.words import Words, hash_text

Terms = dict[str, tuple[np.ndarray, np.ndarray]]
"""Kind of terms -> which text each term stands in (M,), and its hash (M,)."""

MAX_WORDS, MAX_RUNS, MAX_ENTITIES = 50_000, 30_000, 20_000
KINDS = ("words", "characters", "entities", "labels")
SHORT = 100
"""Mean number of characters up to which runs of characters are features: of long texts, words say enough."""

_SEPARATORS = re.compile(r"\s*[,;|/]\s*")
_RECURRING = 0.7  # distinct entities per entity, from which on they rarely recur


@register("text.features")
class TextFeatures(LinearFeatures):
    """TF-IDF of 1 and 2 words; of 3 to 5 characters inside words, where texts are short; and of whole entities.

    Entities are what lies between commas ("Anna Smith, Bo Li"), where they recur: names of people, countries, brands.
    Each of the three is a vector of unit length. Term frequencies are logarithmic, and terms of one text are left out.

    Args:
        max_characters: longer texts are cut there.

    >>> blocks, present = TextFeatures().fit(["red shirt", "red hat", None]).encode(["red hat", None])
    >>> blocks[0].matrix.shape[0], present.tolist()
    (2, [True, False])
    """

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self.max_characters = max_characters
        self._terms: dict[str, np.ndarray] = {}  # kind -> sorted hashes (F,)
        self._idf: dict[str, np.ndarray] = {}
        self._counted: tuple[list[str], Terms] | None = None  # texts that were fitted, which are encoded next

    def fit(self, values: Any) -> Self:
        texts, present = read_texts(values, self.max_characters)
        rows = [text for text, is_present in zip(texts, present, strict=True) if is_present]
        limits = {"words": MAX_WORDS}
        if rows and np.mean([len(text) for text in rows]) < SHORT:
            limits["characters"] = MAX_RUNS
        if _has_entities(rows):
            limits["entities"] = MAX_ENTITIES
        distinct = Counter(rows)
        places, often = list(distinct), np.array(list(distinct.values()), np.int64)
        terms = terms_by_kind(limits, places)
        self._counted = places, terms
        for kind, most in limits.items():
            recurring, frequency = _frequencies(*terms[kind], often)
            order = np.lexsort((recurring, -frequency))[:most]
            chosen = order[np.argsort(recurring[order])]
            self._terms[kind] = recurring[chosen]
            self._idf[kind] = (np.log((1 + len(rows)) / (1 + frequency[chosen])) + 1).astype(np.float32)
        return self

    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        from scipy.sparse import hstack

        texts, present = read_texts(values, self.max_characters)
        rows = [text for text, is_present in zip(texts, present, strict=True) if is_present]
        distinct = list(dict.fromkeys(rows))
        counted, self._counted = self._counted, None
        is_counted = counted is not None and counted[0] == distinct
        terms = counted[1] if is_counted else terms_by_kind(self._terms, distinct)  # type: ignore[index]
        parts = [self._tfidf(kind, terms[kind], len(distinct)) for kind in self._terms]
        # The last row stands for texts that are missing.
        matrix: Any = hstack(parts, format="csr", dtype=np.float32)
        matrix.resize(len(distinct) + 1, matrix.shape[1])
        places = {text: place for place, text in enumerate(distinct)}
        is_present = zip(texts, present, strict=True)
        where = np.array([places[text] if here else len(distinct) for text, here in is_present], np.int64)
        return [FeatureBlock("", matrix[where], fits_alone=True)], present

    def _tfidf(self, kind: str, counted: tuple[np.ndarray, np.ndarray], size: int) -> Any:
        from scipy.sparse import csr_matrix

        row, hashes = counted
        terms, idf = self._terms[kind], self._idf[kind]
        if len(terms):
            place = np.minimum(np.searchsorted(terms, hashes), len(terms) - 1)
            is_known = terms[place] == hashes
            row, place = row[is_known], place[is_known]
        else:
            row, place = row[:0], np.zeros(0, np.int64)
        counts = csr_matrix((np.ones(len(row), np.float32), (row, place)), shape=(size, len(terms)))
        counts.sum_duplicates()
        counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
        lengths = np.sqrt(np.bincount(np.repeat(np.arange(size), np.diff(counts.indptr)), counts.data**2, size))
        counts.data /= np.repeat(np.maximum(lengths, 1e-12), np.diff(counts.indptr)).astype(np.float32)
        return counts

    def state(self) -> dict[str, Any]:
        terms = {f"{kind}_terms": hashes.view(np.int64) for kind, hashes in self._terms.items()}
        limit = {"max_characters": self.max_characters}
        return {"kinds": list(self._terms), **limit, **terms, **{f"{kind}_idf": idf for kind, idf in self._idf.items()}}

    RULES = StateRules(kinds=Items(Choice(*KINDS[:3]), low=1, is_unique=True), max_characters=Maybe(Whole(1)))
    KIND_RULES: ClassVar = {
        kind: StateRules(
            **{f"{kind}_terms": Array(np.int64, ("F",)), f"{kind}_idf": Array(np.float32, ("F",), low=0.0)}
        )
        for kind in KINDS
    }

    def restore(self, state: State) -> Self:
        self._terms, self._idf = {}, {}
        settings = self.RULES.read(state)
        self.max_characters = settings["max_characters"] or MAX_CHARACTERS
        for kind in settings["kinds"]:
            values = self.KIND_RULES[kind].read(state)
            terms = values[f"{kind}_terms"].view(np.uint64)
            require((terms[1:] > terms[:-1]).all(), f"{kind}_terms must be sorted.")
            self._terms[kind], self._idf[kind] = terms, values[f"{kind}_idf"]
        return self

    @property
    def widths(self) -> list[int]:
        return [sum(map(len, self._terms.values()))]


def terms_by_kind(kinds: Iterable[str], texts: Sequence[str]) -> Terms:
    """Which text each term stands in (M,), and its hash (M,), for each kind of terms."""
    words: Words | None = None
    terms: Terms = {}
    for kind in kinds:
        if kind in ("entities", "labels"):
            terms[kind] = _whole_terms(kind, texts)
            continue
        words = Words(texts) if words is None else words
        if kind == "words":
            runs = list(words.runs(2))
            terms[kind] = np.concatenate([row for row, _ in runs]), np.concatenate([hashes for _, hashes in runs])
        else:
            terms[kind] = words.spread(words.characters)
    return terms


def _whole_terms(kind: str, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    lists = [text.split("\x00") if text else [] for text in texts] if kind == "labels" else list(map(_entities, texts))
    row = np.repeat(np.arange(len(texts)), np.array([len(items) for items in lists], np.int64))
    word = "label" if kind == "labels" else "entity"
    codes = {item: hash_text(f"{word} {item}") for items in lists for item in items}
    return row, np.array([codes[item] for items in lists for item in items], np.uint64)


def _frequencies(row: np.ndarray, hashes: np.ndarray, often: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Terms that stand in several texts (F,), and in how many (F,), where text i comes `often[i]` times."""
    import pandas as pd
    from scipy.sparse import csr_matrix

    codes, terms = pd.factorize(hashes)
    counts = csr_matrix((np.ones(len(row), np.float32), (row, codes)), shape=(len(often), len(terms)))
    counts.sum_duplicates()  # each term once a text
    weights = np.repeat(often, np.diff(counts.indptr))
    frequency = np.bincount(counts.indices, weights, len(terms)).astype(np.int64)
    recurs = frequency >= 2
    return np.asarray(terms[recurs], np.uint64), frequency[recurs]


def _entities(text: str) -> list[str]:
    return [item for item in _SEPARATORS.split(text.strip("[](){} ").lower()) if item]


def _has_entities(texts: Sequence[str]) -> bool:
    """Whether cells look like lists, or are whole entities, that recur in other cells."""
    examined = texts[:2000]
    lists = [_entities(text) for text in examined]
    items = [item for entities in lists for item in entities]
    return bool(items) and len(set(items)) < _RECURRING * len(items)
