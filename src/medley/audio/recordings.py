"""Reads recordings of all supported formats into samples and their rate."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from medley.core.floats import as_float32
from medley.core.unreadable import FileReporter
from medley.errors import BadAudioWarning, DataError, MissingDependencyError

_MAX_NAME = 120
_BLOCK = 1 << 18
"""Number of frames that are decoded at once when a file is only checked."""


class BadAudioError(DataError):
    """A recording cannot be read; `on_bad_file` decides how it is handled."""


def describe(item: Any) -> str:
    """The name of a recording in messages: its path, `"bytes"`, or empty if the row number is sufficient.

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
    """Whether a row has no recording: None, NaN, an empty string, no samples, or only NaN samples.

    >>> is_missing(None), is_missing(""), is_missing("a.wav"), is_missing(np.full(8, np.nan))
    (True, True, False, True)
    """
    if item is None or (isinstance(item, float | np.floating) and item != item) or type(item).__name__ == "NAType":
        return True
    if isinstance(item, str):
        return not item.strip()
    if isinstance(item, Mapping) and all(item.get(name) is None for name in ("array", "bytes", "path")):
        return True
    in_memory = _samples(item)
    samples = item if in_memory is None else in_memory[0]
    if isinstance(samples, list | tuple):
        return not len(samples)
    if not isinstance(samples, np.ndarray):
        return False
    return samples.size == 0 or (samples.dtype.kind == "f" and bool(np.isnan(samples).all()))


def as_file(item: Any, root: str | None = None) -> Any:
    """The argument of soundfile: a path resolved against `root`, or bytes; None for samples in memory."""
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
    """The content that identifies a recording: the bytes of its file, or its samples and rate.

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
    """The sampling rate in Hz and the duration in seconds, without decoding the file.

    Raises:
        BadAudioError: the file cannot be read.
    """
    if _samples(item) is not None:
        samples, own_rate = load(item, rate)
        return own_rate, len(samples) / own_rate
    with _open(item, root) as file:
        return file.samplerate, file.frames / file.samplerate


def check(item: Any, rate: int | None = None, root: str | None = None) -> None:
    """Decodes a complete recording to check it, without keeping the samples.

    Raises:
        BadAudioError: it cannot be read.
        ValueError: it is not a recording.
    """
    if _samples(item) is not None:
        load(item, rate)
        return
    with _open(item, root) as file:
        while len(_read(file, _BLOCK)) == _BLOCK:
            pass


def load(
    item: Any, rate: int | None = None, root: str | None = None, seconds: float | None = None
) -> tuple[np.ndarray, int]:
    """Loads samples (N, channels) float32 between -1 and 1, and their rate in Hz.

    Args:
        item: a path, bytes, `(samples, rate)`, `{"array": ..., "sampling_rate": ...}`, or samples.
        rate: the rate of samples without a rate of their own.
        root: the folder that relative paths are resolved against.
        seconds: decode only so much of a file; None decodes all.

    Raises:
        BadAudioError: the file cannot be read.
        ValueError: it is not a recording.

    >>> samples, rate = load((np.zeros(800, np.int16), 8000))
    >>> samples.shape, samples.dtype.name, rate
    ((800, 1), 'float32', 8000)
    """
    in_memory = _samples(item)
    if in_memory is None:
        with _open(item, root) as file:
            return _read(file, -1 if seconds is None else round(seconds * file.samplerate)), file.samplerate
    samples, own_rate = in_memory
    own_rate = own_rate or rate
    if own_rate is None:
        raise ValueError("samples need a rate: pass (samples, rate), or set sampling_rate= of the input")
    array = np.asarray(samples)
    if array.dtype.kind == "O" or array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        raise ValueError(f"samples must be numbers of shape (N,) or (N, channels), got {array.dtype} {array.shape}")
    if array.dtype.kind in "iu":
        array = _scale_integers(array)
    if array.ndim == 2 and array.shape[0] < array.shape[1] and array.shape[0] <= 8:
        array = array.T  # (channels, N), as in torchaudio
    return np.nan_to_num(as_float32(np.atleast_2d(array.T).T), posinf=0.0, neginf=0.0), int(own_rate)


def _scale_integers(array: np.ndarray) -> np.ndarray:
    """Scales integers to float32 between -1 and 1, by the range of their type.

    64 bits are not a sample format, but the type of converted Python integers: they are taken as 16 bits if they fit.
    """
    if array.dtype == np.int64:
        array = array.astype(np.int16 if np.abs(array).max(initial=0) <= np.iinfo(np.int16).max else np.int32)
    scale = (int(np.iinfo(array.dtype).max) + 1) / (2 if array.dtype.kind == "u" else 1)
    return (array.astype(np.float32) - (scale if array.dtype.kind == "u" else 0)) / np.float32(scale)


def _read(file: Any, frames: int) -> np.ndarray:
    try:
        return file.read(frames, dtype="float32", always_2d=True)
    except RuntimeError as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise BadAudioError(f"damaged: cannot be decoded ({reason})") from None


def _samples(item: Any) -> tuple[Any, int | None] | None:
    """Samples in memory and their rate, if it is known; None for files."""
    if hasattr(item, "detach"):
        return item.detach().cpu().numpy(), None
    if isinstance(item, Mapping) and item.get("array") is not None:
        return item["array"], item.get("sampling_rate")
    if isinstance(item, tuple) and len(item) == 2 and np.ndim(item[1]) == 0:
        return item[0], int(item[1])
    if isinstance(item, np.ndarray) or (isinstance(item, list | tuple) and item):
        return item, None
    return None


def _open(item: Any, root: str | None) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            "Recordings in files need soundfile.", package="soundfile", extra="audio"
        ) from error
    file = as_file(item, root)
    if file is None:
        raise ValueError(f"a recording must be a path, bytes, or samples with their rate, got {type(item).__name__}")
    _check_exists(file)
    try:
        opened = soundfile.SoundFile(io.BytesIO(file) if isinstance(file, bytes) else file)
    except (RuntimeError, OSError) as error:
        reason = getattr(error, "error_string", None) or str(error)
        raise BadAudioError(f"not an audio file of a known format ({reason})") from None
    if opened.frames == 0:
        opened.close()
        raise BadAudioError("contains no samples")
    return opened


def _check_exists(file: Any) -> None:
    if isinstance(file, str) and not os.path.isfile(file):
        raise BadAudioError("no such file")
