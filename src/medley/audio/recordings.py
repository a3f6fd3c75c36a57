"""What a caller writes for a recording -> samples and their rate."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from medley.core.unreadable import FileReporter
from medley.errors import BadAudioWarning, DataError, MissingDependencyError

_MAX_NAME = 120
_BLOCK = 1 << 18
"""Frames that are decoded at once where a file is only checked."""


class BadAudioError(DataError):
    """One recording cannot be read: what `on_bad_file` decides about."""


def describe(item: Any) -> str:
    """How a message names a recording: its path, `"bytes"`; nothing where the row says it all.

    >>> describe("a.wav"), describe(b"RIFF...")
    ("'a.wav'", 'bytes')
    """
    if isinstance(item, Mapping):
        item = item.get("path") or item.get("bytes")
    if isinstance(item, bytes | bytearray | memoryview):
        return "bytes"
    if not isinstance(item, str | PathLike):
        return ""
    text = str(item)
    return repr(text if len(text) <= _MAX_NAME else f"...{text[-_MAX_NAME:]}")


RECORDINGS = FileReporter("recording", "recordings", BadAudioWarning, describe)
"""Reports recordings that cannot be read."""


def is_missing(item: Any) -> bool:
    """Whether a row has no recording: None, NaN, an empty string, no samples, samples of nothing but NaN.

    >>> is_missing(None), is_missing(""), is_missing("a.wav"), is_missing(np.full(8, np.nan))
    (True, True, False, True)
    """
    if item is None or (isinstance(item, float | np.floating) and item != item) or type(item).__name__ == "NAType":
        return True
    if isinstance(item, str):
        return not item.strip()
    if isinstance(item, Mapping) and all(item.get(name) is None for name in ("array", "bytes", "path")):
        return True
    found = _samples(item)
    samples = item if found is None else found[0]
    if isinstance(samples, list | tuple):
        return not len(samples)
    if not isinstance(samples, np.ndarray):
        return False
    return samples.size == 0 or (samples.dtype.kind == "f" and bool(np.isnan(samples).all()))


def as_file(item: Any, root: str | None = None) -> Any:
    """What soundfile opens: a path with its folder before it, or bytes; None for samples in memory."""
    if isinstance(item, Mapping):
        item = item.get("bytes") or item.get("path")
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    if isinstance(item, str | PathLike):
        text = os.fspath(item)
        if isinstance(text, str) and text.startswith(("http://", "https://")):
            raise BadAudioError("URLs are not downloaded; save the file and use its path")
        return os.path.join(root or "", text.strip() if isinstance(text, str) else text)
    return None


def content(item: Any, rate: int | None = None, root: str | None = None) -> list[bytes | np.ndarray | str]:
    """What tells one recording from another: the bytes of its file, or its samples and rate.

    Raises:
        BadAudioError: the file cannot be read.
    """
    file = None if _samples(item) is not None else as_file(item, root)
    if isinstance(file, bytes):
        return [file]
    if file is not None:
        _check_exists(file)
        try:
            with open(file, "rb") as stream:
                return [stream.read()]
        except OSError as error:
            raise BadAudioError(error.strerror or str(error)) from None
    samples, rate = load(item, rate)
    return [samples, str(rate)]


def length(item: Any, rate: int | None = None, root: str | None = None) -> tuple[int, float]:
    """Sampling rate in Hz and duration in seconds, without decoding a file.

    Raises:
        BadAudioError: the file cannot be read.
    """
    if _samples(item) is not None:
        samples, own = load(item, rate)
        return own, len(samples) / own
    with _reading(item, root) as file:
        return file.samplerate, file.frames / file.samplerate


def check(item: Any, rate: int | None = None, root: str | None = None) -> None:
    """Decodes a recording to its end and keeps nothing of it.

    Raises:
        BadAudioError: it cannot be read.
        ValueError: something is no recording.
    """
    if _samples(item) is not None:
        load(item, rate)
        return
    with _reading(item, root) as file:
        while len(_read(file, _BLOCK)) == _BLOCK:
            pass


def load(
    item: Any, rate: int | None = None, root: str | None = None, seconds: float | None = None
) -> tuple[np.ndarray, int]:
    """Samples (N, channels) float32 between -1 and 1, and their rate in Hz.

    Args:
        item: a path, bytes, `(samples, rate)`, `{"array": ..., "sampling_rate": ...}`, or samples.
        rate: of samples that come without one.
        root: the folder of relative paths.
        seconds: what comes later in a file is not decoded; None decodes all.

    Raises:
        BadAudioError: the file cannot be read.
        ValueError: something is no recording.

    >>> samples, rate = load((np.zeros(800, np.int16), 8000))
    >>> samples.shape, samples.dtype.name, rate
    ((800, 1), 'float32', 8000)
    """
    found = _samples(item)
    if found is None:
        with _reading(item, root) as file:
            return _read(file, -1 if seconds is None else round(seconds * file.samplerate)), file.samplerate
    samples, own = found
    own = own or rate
    if own is None:
        raise ValueError("samples need their rate: pass (samples, rate), or sampling_rate= of the input")
    array = np.asarray(samples)
    if array.dtype.kind == "O" or array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        raise ValueError(f"samples have shape (N,) or (N, channels) and are numbers, got {array.dtype} {array.shape}")
    if array.dtype.kind in "iu":
        array = _scaled(array)
    if array.ndim == 2 and array.shape[0] < array.shape[1] and array.shape[0] <= 8:
        array = array.T  # (channels, N), as torchaudio has it
    return np.nan_to_num(np.atleast_2d(array.T).T.astype(np.float32)), int(own)


def _scaled(array: np.ndarray) -> np.ndarray:
    """Whole numbers -> float32 between -1 and 1, by the range of their type.

    64 bits are no format of samples but what Python's integers become: they are read as 16 bits where they fit.
    """
    if array.dtype == np.int64:
        array = array.astype(np.int16 if np.abs(array).max(initial=0) <= np.iinfo(np.int16).max else np.int32)
    half = (int(np.iinfo(array.dtype).max) + 1) / (2 if array.dtype.kind == "u" else 1)
    return (array.astype(np.float32) - (half if array.dtype.kind == "u" else 0)) / np.float32(half)


def _read(file: Any, frames: int) -> np.ndarray:
    try:
        return file.read(frames, dtype="float32", always_2d=True)
    except RuntimeError as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise BadAudioError(f"damaged: it cannot be decoded ({reason})") from None


def _samples(item: Any) -> tuple[Any, int | None] | None:
    """Samples in memory and their rate, where it says it; None for files."""
    if hasattr(item, "detach"):
        return item.detach().cpu().numpy(), None
    if isinstance(item, Mapping) and item.get("array") is not None:
        return item["array"], item.get("sampling_rate")
    if isinstance(item, tuple) and len(item) == 2 and np.ndim(item[1]) == 0:
        return item[0], int(item[1])
    if isinstance(item, np.ndarray) or (isinstance(item, list | tuple) and item):
        return item, None
    return None


def _reading(item: Any, root: str | None) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            "Recordings in files need soundfile.", package="soundfile", extra="audio"
        ) from error
    file = as_file(item, root)
    if file is None:
        raise ValueError(f"a recording is a path, bytes or samples with their rate, got {type(item).__name__}")
    _check_exists(file)
    try:
        opened = soundfile.SoundFile(io.BytesIO(file) if isinstance(file, bytes) else file)
    except (RuntimeError, OSError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise BadAudioError(f"not a recording of a known format ({reason})") from None
    if opened.frames == 0:
        opened.close()
        raise BadAudioError("it holds no samples")
    return opened


def _check_exists(file: Any) -> None:
    if isinstance(file, str) and not os.path.isfile(file):
        raise BadAudioError("no such file")
