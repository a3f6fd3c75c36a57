"""Word ids: properties of the vocabulary for arbitrary texts."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.errors import NotFittedError
from medley.text.tokens import MAX_LENGTH, PADDING, SHORT_LENGTH, UNKNOWN, TokenCodec

ANY_TEXT = st.text(st.characters(), max_size=40)  # halves of surrogate pairs included
ROWS = st.lists(st.none() | ANY_TEXT | st.sampled_from(["", " ", "[PAD] [UNK]", "red red blue", "a\x00b"]), max_size=8)


@given(ROWS, ROWS)
def test_any_texts_are_encoded_within_the_spec_and_equally_after_restoring(training, later):
    codec = TokenCodec().fit(training)
    rows = training + later
    encoded = codec.encode(rows)
    assert encoded.array.dtype == np.int32
    assert encoded.array.shape == (len(rows), *codec.spec.shape)
    assert encoded.present.tolist() == [row is not None for row in rows]
    assert not encoded.array[~encoded.present].any()
    assert ((encoded.array >= 0) & (encoded.array < codec.spec.cardinality)).all()
    ids = codec.encode(training).array
    if len(set(training)) <= 8:
        assert (ids != UNKNOWN).all()  # few texts: every word has an id

    restored = TokenCodec().restore(json.loads(json.dumps(codec.state())))
    assert restored.spec == codec.spec
    assert np.array_equal(restored.encode(rows).array, encoded.array)
    assert np.array_equal(codec.encode(rows).array, encoded.array)


@given(ROWS.filter(len))
def test_encoding_does_not_depend_on_other_rows(rows):
    codec = TokenCodec().fit(rows)
    together = codec.encode(rows).array
    assert np.array_equal(np.concatenate([codec.encode([row]).array for row in rows]), together)


def test_ids_are_ordered_by_frequency():
    questions = ["lower half", "upper half", "even number", "odd number"]
    codec = TokenCodec().fit(np.array(questions * 5))
    assert codec.spec.shape == (2,)
    assert codec.spec.cardinality == 8  # 6 words, padding, the unknown word
    ids = codec.encode(questions).array
    assert set(ids[:, 1]) == {2, 3}  # "half" and "number" are the most frequent
    assert len(set(ids[:, 0])) == 4


def test_padding_comes_before_the_words_and_unseen_words_are_unknown():
    codec = TokenCodec().fit(["the old house"])
    ids = codec.encode(["house", "zebra house", ""]).array
    house = ids[0, -1]
    assert ids.tolist() == [[PADDING, PADDING, house], [PADDING, UNKNOWN, house], [PADDING] * 3]
    assert house > UNKNOWN


@pytest.mark.parametrize(
    ("text", "words"),
    [("Half, HALF!", 4), ("don't", 1), ("don\u2019t", 1), ("東京", 2), ("\uff21 a", 2), ("a\tb\nc", 3), ("...", 3)],
)
def test_words_are_split_at_spaces_and_punctuation(text, words):
    codec = TokenCodec().fit([text])
    assert codec.spec.shape == (words,)


def test_case_does_not_matter():
    codec = TokenCodec().fit(["Red ÉTÉ"])
    assert np.array_equal(codec.encode(["rEd été"]).array, codec.encode(["Red ÉTÉ"]).array)


def test_words_spelled_like_special_tokens_are_ordinary_words():
    codec = TokenCodec().fit(["[PAD] here", "[UNK] there"])
    assert (codec.encode(["[PAD] here"]).array[0, -4:] > UNKNOWN).all()


def test_a_single_very_long_text_does_not_make_all_rows_long():
    texts = ["five words are in here"] * 99 + ["word " * 5000]
    texts = [f"{text} {i}" for i, text in enumerate(texts)]
    assert TokenCodec().fit(texts).spec.shape == (SHORT_LENGTH,)
    assert TokenCodec().fit(["word " * 5000]).spec.shape == (MAX_LENGTH,)
    assert TokenCodec(length=7).fit(texts).spec.shape == (7,)


def test_longer_texts_keep_their_beginning():
    codec = TokenCodec(length=2).fit(["one two three four"])
    assert np.array_equal(codec.encode(["one two three"]).array, codec.encode(["one two"]).array)


def test_words_that_occur_once_in_many_texts_are_unknown():
    texts = [f"common text number{i}" for i in range(2000)]
    codec = TokenCodec().fit(texts)
    assert codec.spec.cardinality == 4
    assert (codec.encode(texts).array == UNKNOWN).any()


def test_the_vocabulary_keeps_the_most_frequent_words():
    codec = TokenCodec(max_tokens=4).fit(["a a a b b c"])
    assert codec.spec.cardinality == 4
    ids = codec.encode(["a b c"]).array[0]
    assert ids[-3:].tolist() == [2, 3, UNKNOWN]


def test_fit_accepts_missing_texts_only():
    codec = TokenCodec().fit([None, None])
    assert codec.encode(["word", None]).array.tolist() == [[UNKNOWN], [PADDING]]


def test_encode_before_fit_is_an_error():
    with pytest.raises(NotFittedError, match="fit"):
        TokenCodec().encode(["a"])
