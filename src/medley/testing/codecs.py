"""Conformance test of codecs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from safetensors.numpy import load, save

from medley.core.codec import Codec
from medley.core.linear import Labels, SupervisedCodec
from medley.data.split import FOLDS

AnyCodec = TypeVar("AnyCodec", bound=Codec)
DTYPES = {"float32": np.float32, "int64": np.int32, "uint8": np.uint8}


def check_codec(codec: Callable[[], Codec], rows: Sequence[Any]) -> None:
    """Tests a codec on a list of rows, where None is an absent row.

    Args:
        codec: returns a new, unfitted codec.
        rows: at least one of them None and two not None.

    Raises:
        AssertionError: the codec violates a requirement, which the message names.
        MedleyError: the codec cannot read such rows.
    """
    name = type(codec()).__name__
    fitted = codec()
    assert fitted.fit(rows) is fitted, f"{name}: fit must return the codec itself."
    encoded = fitted.encode(rows)
    expected_present = np.array([row is not None for row in rows])
    assert encoded.present.dtype == bool, f"{name}: present must be bool, got {encoded.present.dtype}."
    assert encoded.present.tolist() == expected_present.tolist(), (
        f"{name}: rows that are None must be absent, and no others."
    )
    shape = (len(rows), *fitted.spec.shape)
    assert encoded.array.shape == shape, f"{name}: spec is {fitted.spec}, got an array of shape {encoded.array.shape}."
    dtype = DTYPES[fitted.spec.dtype]
    assert encoded.array.dtype == dtype, (
        f"{name}: {fitted.spec} must be encoded as {dtype.__name__}, got {encoded.array.dtype}."
    )
    assert not encoded.array[~expected_present].any(), f"{name}: absent rows must hold zeros."
    if fitted.spec.dtype == "int64":
        assert encoded.array.min() >= 0, f"{name}: an index is negative."
        assert encoded.array.max() < fitted.spec.cardinality, f"{name}: an index is not below the cardinality."
    for row in range(len(rows)):
        single = fitted.encode([rows[row]]) if rows[row] is not None else fitted.encode([None])
        is_equal = np.array_equal(single.array[0], encoded.array[row], equal_nan=encoded.array.dtype.kind == "f")
        assert is_equal, f"{name}: row {row} is encoded differently alone than in a batch."
    check_state(codec, fitted, rows)


def check_supervised_codec(codec: Callable[[], SupervisedCodec], values: Any, rows: int) -> None:
    """Tests a codec that learns from labels.

    Args:
        codec: returns a new, unfitted codec.
        values: rows as the codec reads them.
        rows: their number.

    Raises:
        AssertionError: the codec violates a requirement, which the message names.
        MedleyError: the codec cannot read such rows.
    """
    from medley.core.registry import lookup

    numbers = np.random.default_rng(0).normal(size=rows)
    targets = {"head": lookup("heads.regression")().codec().fit(numbers)}
    folds = np.arange(rows) % FOLDS

    def labels(changed: np.ndarray, *, is_sample: bool = False) -> Labels:
        return Labels(targets, {"head": targets["head"].encode(changed)}, None, folds, is_sample=is_sample)

    fitted, name = codec(), type(codec()).__name__
    encoded = fitted.fit_encode(values, labels(numbers))
    assert encoded.array.shape == (rows, *fitted.spec.shape), (
        f"{name}: spec is {fitted.spec}, got {encoded.array.shape}."
    )
    assert not encoded.array[~encoded.present].any(), f"{name}: absent rows must hold zeros."
    row = int(np.flatnonzero(encoded.present)[0])
    other = numbers.copy()
    other[row] += 0.05
    start = 1 + sum(outputs for _, outputs in fitted.spec.linear_outputs)
    changed = codec().fit_encode(values, labels(other)).array[row, 1:start]
    assert np.allclose(changed, encoded.array[row, 1:start], atol=1e-4), (
        f"{name}: the encoding of a training row depends on its own label."
    )
    check_state(codec, fitted, values)
    fitted = codec()
    fitted.fit_encode(values, labels(numbers, is_sample=True))
    restored = check_state(codec, fitted, values)
    restored.restore_training(fitted.training_state())
    original, roundtrip = fitted.encode_training(values, folds), restored.encode_training(values, folds)
    assert np.array_equal(original.array, roundtrip.array), (
        f"{name}: a codec that was restored by training_state encodes training rows differently."
    )


def check_state(codec: Callable[[], AnyCodec], fitted: AnyCodec, rows: Any) -> AnyCodec:
    """Tests that encoding does not change the state, and that a saved state restores the codec; returns that codec."""
    name = type(fitted).__name__
    before = serialized_state(fitted)
    fitted.encode(rows[::-1] if isinstance(rows, list) else rows)
    assert serialized_state(fitted) == before, f"{name}: encoding changes the state."
    restored = codec()
    assert restored.restore(_deserialize(before)) is restored, f"{name}: restore must return the codec itself."
    assert restored.spec == fitted.spec, f"{name}: the restored spec is {restored.spec}, it was {fitted.spec}."
    assert serialized_state(restored) == before, f"{name}: the restored state differs."
    original, roundtrip = fitted.encode(rows), restored.encode(rows)
    assert np.array_equal(original.array, roundtrip.array, equal_nan=original.array.dtype.kind == "f"), (
        f"{name}: the restored codec encodes rows differently."
    )
    assert original.present.tolist() == roundtrip.present.tolist(), (
        f"{name}: the restored codec finds other rows present."
    )
    return restored


def serialized_state(codec: Codec) -> tuple[str, bytes]:
    """The state as it is saved: JSON and safetensors."""
    state = codec.state()
    arrays = {key: np.ascontiguousarray(value) for key, value in state.items() if isinstance(value, np.ndarray)}
    return json.dumps({key: value for key, value in state.items() if key not in arrays}), save(arrays)


def _deserialize(files: tuple[str, bytes]) -> dict[str, Any]:
    return {**json.loads(files[0]), **load(files[1])}
