"""Codecs that encode alike share one encoding of the same rows within a call."""

import numpy as np

import medley as md
from medley.core.codec import Encoded
from medley.core.shared_encodings import shared_encoding, sharing_encodings


def test_only_the_same_rows_encoded_alike_are_shared():
    calls = []

    def encode():
        calls.append(1)
        return Encoded(np.zeros((1, 1)), np.ones(1, bool))

    rows, equal_rows = [1.0], [1.0]
    with sharing_encodings():
        first = shared_encoding(rows, "plain", encode)
        assert shared_encoding(rows, "plain", encode) is first
        assert shared_encoding(equal_rows, "plain", encode) is not first
        assert shared_encoding(rows, "scaled", encode) is not first
    shared_encoding(rows, "plain", encode)
    assert len(calls) == 4


def test_a_table_codec_of_other_training_rows_encodes_by_itself():
    rows = {"size": [1.0, 3.0]}
    codecs = [md.StructuredDataInput().codec().fit({"size": sizes}) for sizes in ([1.0, 2.0], [0.0, 4.0], [1.0, 2.0])]
    with sharing_encodings():
        first, other, alike = (codec.encode(rows) for codec in codecs)
    assert alike is first
    assert first.array.tolist() == [[-1.0], [3.0]]
    assert other.array.tolist() == [[-0.5], [0.5]]
