"""What every codec keeps to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from safetensors.numpy import load, save

from medley.core.codec import Codec

AnyCodec = TypeVar("AnyCodec", bound=Codec)
DTYPES = {"float32": np.float32, "int64": np.int32, "uint8": np.uint8}


def check_codec(codec: Callable[[], Codec], rows: Sequence[Any]) -> None:
    """A codec on a list of rows, of which None is absent.

    Args:
        codec: makes a fresh one.
        rows: at least one of them None and two not.

    Raises:
        AssertionError: it breaks a promise; says which.
        MedleyError: it cannot read such rows.
    """
    told = type(codec()).__name__
    fitted = codec()
    assert fitted.fit(rows) is fitted, f"{told}: fit must return the codec itself."
    known = fitted.encode(rows)
    here = np.array([row is not None for row in rows])
    assert known.present.dtype == bool, f"{told}: present must be bool, got {known.present.dtype}."
    assert known.present.tolist() == here.tolist(), f"{told}: rows that are None must be absent, and no others."
    wanted = (len(rows), *fitted.spec.shape)
    assert known.array.shape == wanted, f"{told}: spec says {fitted.spec}, got an array {known.array.shape}."
    dtype = DTYPES[fitted.spec.dtype]
    assert known.array.dtype == dtype, f"{told}: {fitted.spec} is encoded as {dtype}, got {known.array.dtype}."
    assert not known.array[~here].any(), f"{told}: absent rows must hold zeros."
    if fitted.spec.dtype == "int64":
        assert known.array.min() >= 0, f"{told}: a code is negative."
        assert known.array.max() < fitted.spec.cardinality, f"{told}: a code is not below the cardinality."
    for place in range(len(rows)):
        alone = fitted.encode([rows[place]]) if rows[place] is not None else fitted.encode([None])
        same = np.array_equal(alone.array[0], known.array[place], equal_nan=known.array.dtype.kind == "f")
        assert same, f"{told}: row {place} alone is not encoded as among others."
    check_state(codec, fitted, rows)


def check_state(codec: Callable[[], AnyCodec], fitted: AnyCodec, rows: Any) -> AnyCodec:
    """The state survives a file, and encoding does not change it; returns the restored codec."""
    told = type(fitted).__name__
    before = written(fitted)
    fitted.encode(rows[::-1] if isinstance(rows, list) else rows)
    assert written(fitted) == before, f"{told}: encoding changes what was learnt."
    restored = codec()
    assert restored.restore(_read(before)) is restored, f"{told}: restore must return the codec itself."
    assert restored.spec == fitted.spec, f"{told}: the spec after a file is {restored.spec}, it was {fitted.spec}."
    assert written(restored) == before, f"{told}: the state after a file is another one."
    ours, theirs = fitted.encode(rows), restored.encode(rows)
    assert np.array_equal(ours.array, theirs.array, equal_nan=ours.array.dtype.kind == "f"), (
        f"{told}: rows are encoded otherwise after a file."
    )
    assert ours.present.tolist() == theirs.present.tolist(), f"{told}: presence is another one after a file."
    return restored


def written(codec: Codec) -> tuple[str, bytes]:
    """The state as a file holds it: JSON and safetensors."""
    state = codec.state()
    arrays = {key: np.ascontiguousarray(one) for key, one in state.items() if isinstance(one, np.ndarray)}
    return json.dumps({key: one for key, one in state.items() if key not in arrays}), save(arrays)


def _read(files: tuple[str, bytes]) -> dict[str, Any]:
    return {**json.loads(files[0]), **load(files[1])}
