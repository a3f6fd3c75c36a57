"""Long texts are cut before they are encoded, so that one row takes bounded memory."""

import subprocess
import sys

import numpy as np
import pytest

import medley as md
from medley.text.features import TextFeatures
from medley.text.rows import MAX_CHARACTERS, in_chunks, read_texts

HUGE = """
import resource, sys
from medley.text.features import TextFeatures
from medley.text.ngrams import NgramCodec
from medley.text.tokens import TokenCodec
codecs = [TokenCodec(), NgramCodec(), TextFeatures()]
for codec in codecs:
    codec.fit(["a short text", "another one"] * 10)
text = "another short word " * 2_500_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for codec in codecs:
    codec.encode([text, text.encode()])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_text_of_50_megabytes_takes_little_more_than_itself():
    done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 300_000_000


def test_texts_are_cut_where_the_caller_says():
    assert read_texts(["a" * 10, "é" * 10, b"abcdef"], 4)[0] == ["aaaa", "éééé", "abcd"]
    assert len(read_texts(["a" * 10**6])[0][0]) == MAX_CHARACTERS
    codec = md.TextInput(max_characters=7).codec().fit(["one two three", "one two"])
    assert np.array_equal(codec.encode(["one two three"]).array, codec.encode(["one two"]).array)


def test_the_limit_of_features_comes_back():
    features = TextFeatures(7).fit(["one two three", "one two", "one two"])
    again = TextFeatures().restore(features.state())
    assert again.max_characters == 7


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many"])
def test_limits_are_positive_numbers(limit):
    with pytest.raises(md.MedleyError, match="max_characters"):
        md.TextInput(max_characters=limit)


def test_chunks_hold_all_texts_in_order():
    texts = ["a" * (i * 300_000) for i in range(6)] + ["b"]
    assert [text for chunk in in_chunks(texts) for text in chunk] == texts
    assert max(map(len, in_chunks(["x"] * 5))) == 5
