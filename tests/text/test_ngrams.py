"""Bags of n-grams: properties of hashes and tables for arbitrary texts."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.errors import NotFittedError
from medley.text.ngrams import LARGEST_BAG, NgramCodec
from medley.text.words import Words

ANY_TEXT = st.text(st.characters(), max_size=40)
ROWS = st.lists(st.none() | ANY_TEXT | st.sampled_from(["", " ", "red red blue", "a\x00b"]), max_size=8)


def bag(codec, text):
    return {int(index) for index in codec.encode([text]).array[0] if index}


@given(ROWS, ROWS, st.integers(1, 3))
def test_any_texts_are_encoded_within_the_spec_and_equally_after_restoring(training, later, ngrams):
    codec = NgramCodec(ngrams=ngrams).fit(training)
    rows = training + later
    encoded = codec.encode(rows)
    assert encoded.array.dtype == np.int32
    assert encoded.array.shape == (len(rows), *codec.spec.shape)
    assert encoded.present.tolist() == [row is not None for row in rows]
    assert not encoded.array[~encoded.present].any()
    assert ((encoded.array >= 0) & (encoded.array < codec.spec.cardinality)).all()
    for row in encoded.array:
        ids = row[row > 0]
        assert len(set(ids)) == len(ids)

    state = codec.state()
    plain = {key: value for key, value in state.items() if not isinstance(value, np.ndarray)}
    restored = NgramCodec().restore({**state, **json.loads(json.dumps(plain))})
    assert restored.spec == codec.spec
    assert np.array_equal(restored.encode(rows).array, encoded.array)


@given(ROWS.filter(len))
def test_encoding_does_not_depend_on_other_rows(rows):
    codec = NgramCodec().fit(rows)
    together = codec.encode(rows).array
    assert np.array_equal(np.concatenate([codec.encode([row]).array for row in rows]), together)


def test_hashes_are_equal_in_every_process():
    code = "from medley.text.words import Words; print(Words(['the old house']).hashes.tolist())"
    printed = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == str(Words(["the old house"]).hashes.tolist())


def test_reordered_words_share_words_but_not_bigrams():
    codec = NgramCodec(ngrams=2).fit(["red house", "house red"])
    first, second = bag(codec, "red house"), bag(codec, "house red")
    assert first != second
    assert len(first ^ second) == 2  # the two bigrams
    single = NgramCodec(ngrams=1).fit(["red house", "house red"])
    assert bag(single, "red house") == bag(single, "house red")


def test_unseen_words_of_short_texts_share_character_ngrams():
    codec = NgramCodec().fit(["comfortable", "terrible"])
    assert bag(codec, "uncomfortable") & bag(codec, "comfortable")
    assert not bag(codec, "zzz")


def test_character_ngrams_of_long_texts_come_from_rare_words_only():
    rng = np.random.default_rng(0)
    common = [f"word{i}" for i in range(50)]
    texts = [" ".join([*rng.choice(common, 30), f"xanthous{i}"]) for i in range(60)]
    codec = NgramCodec().fit(texts)
    frequent, rare = bag(codec, "word7"), bag(codec, "xanthouses")
    assert len(frequent) == 1
    assert rare
    assert not rare & frequent


def test_repeated_words_count_once():
    codec = NgramCodec(ngrams=1).fit(["red red red blue"])
    assert bag(codec, "red blue") == bag(codec, "red red blue red")


def test_the_table_and_the_bags_are_bounded():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 400, 600)) for _ in range(40)]
    codec = NgramCodec(max_tokens=1000).fit(texts)
    assert codec.spec.cardinality <= 1001
    assert codec.spec.shape[0] <= LARGEST_BAG


def test_the_most_frequent_words_are_kept():
    texts = ["red"] * 5 + ["blue"] * 3 + ["rare"]
    codec = NgramCodec(max_tokens=2, ngrams=1).fit(texts)
    assert bag(codec, "red")
    assert codec.spec.cardinality == 3
    assert not bag(codec, "rare")


def test_few_distinct_texts_among_many_rows_keep_every_word():
    codec = NgramCodec().fit(["lower half", "upper half"] * 3000)
    assert bag(codec, "lower half") != bag(codec, "upper half")
    assert len(bag(codec, "lower half")) > 3


def test_encode_before_fit_is_an_error():
    with pytest.raises(NotFittedError, match="fit"):
        NgramCodec().encode(["a"])
