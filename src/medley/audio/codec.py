"""Encodes recordings as standardised log-mel spectrograms of equal length."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np

from medley.audio.features import count_frames, hop_length, log_mel, mix_channels, resample
from medley.audio.recordings import RECORDINGS, BadAudioError, check, content, is_missing, length, load
from medley.cache import folder as cache
from medley.cache.row_stores import RowStore
from medley.core.codec import Codec, Encoded, State
from medley.core.rules import MOST_STEPS, Array, StateRules, Whole, require
from medley.core.spec import Spec
from medley.core.unreadable import Policy, Problems, Unreadable, by_row
from medley.errors import DataError, NotFittedError

Result = TypeVar("Result")

MAX_RATE = 16_000
MAX_SECONDS = 10.0
MIN_STEPS = 8
MAX_BINS = 1_024
_QUANTILE = 0.99
_MAX_FIT_RECORDINGS = 2_000
"""Approximate number of training recordings from which mean and standard deviation of each bin are computed."""


class AudioCodec(Codec):
    """Recordings -> spectrograms (T, C M): steps of 10 ms, M mel bins for each of C channels, zeros after the end.

    Every bin is standardised over the training rows. A distinct recording is read and transformed once; its spectrogram
    is cached for later runs.

    Args:
        sampling_rate: in Hz; all recordings are resampled to it. None is the most frequent rate of the training rows,
            at most 16,000. Also the rate of samples without a rate of their own.
        max_seconds: longer recordings are truncated; None is the 99 % quantile of the training rows, at most 10 s.
        channels: 1 downmixes all channels.
        bins: number of mel bins M; None is 40 for rates up to 8,000 Hz, otherwise 64.
        root: the folder that relative paths are resolved against.
        on_bad_file: how to handle recordings that cannot be read.

    Attributes:
        unreadable: the recordings that the last `fit` or `encode` could not read.

    Raises:
        DataError: something is not a recording, or (with `"raise"`) cannot be read; all are listed.

    >>> tone = np.sin(np.arange(4000) / 5).astype(np.float32)
    >>> codec = AudioCodec().fit([(tone, 8000), (tone[:2000], 8000), None])
    >>> str(codec.spec), codec.encode([(tone, 8000), None]).present.tolist()
    ('(T=50 D=40)', [True, False])
    """

    def __init__(
        self,
        sampling_rate: int | None = None,
        max_seconds: float | None = None,
        *,
        channels: int = 1,
        bins: int | None = None,
        root: str | None = None,
        on_bad_file: Policy = "warn",
    ) -> None:
        self.sampling_rate = sampling_rate
        self.max_seconds = max_seconds
        self.channels = channels
        self.bins = bins
        self.root = root
        self.on_bad_file: Policy = on_bad_file
        self.unreadable: list[Unreadable] = []
        self._rate = 0
        self._steps = 0
        self._mean = np.zeros(0, np.float32)
        self._deviation = np.ones(0, np.float32)
        self._store: RowStore | None = None

    @property
    def spec(self) -> Spec:
        """(T, C M), a sequence of vectors."""
        if not self._steps:
            raise NotFittedError("This audio codec is not fitted: call fit() on training rows, or restore().")
        return Spec((self._steps, len(self._mean)), "TD")

    def fit(self, values: Any) -> Self:
        rows, problems = _rows(values), Problems()
        lengths = self._attempt(rows, lambda item: length(item, self.sampling_rate, self.root), problems)
        self.unreadable = RECORDINGS.list_items(problems.unreadable, rows)
        RECORDINGS.raise_errors(problems, rows, by_row, self.on_bad_file)
        readable = [rate_and_length for rate_and_length in lengths if rate_and_length is not None]
        if not readable:
            reasons = ": " + "; ".join(map(str, self.unreadable[:3])) if self.unreadable else ""
            raise DataError(f"None of the {len(rows)} training rows has a recording that can be read{reasons}.")
        rates = Counter(rate for rate, _ in readable)
        self._rate = self.sampling_rate or min(max(rates, key=lambda rate: (rates[rate], rate)), MAX_RATE)
        seconds = self.max_seconds or min(
            float(np.quantile([seconds for _, seconds in readable], _QUANTILE)), MAX_SECONDS
        )
        self._steps = max(count_frames(round(seconds * self._rate), self._rate), MIN_STEPS)
        width = self.channels * self._bins
        self._mean, self._deviation, self._store = np.zeros(width, np.float32), np.ones(width, np.float32), None
        present = [item for item, known_length in zip(rows, lengths, strict=True) if known_length is not None]
        spectrograms, _ = self._spectrograms(present[:: max(len(present) // _MAX_FIT_RECORDINGS, 1)], Problems())
        computed = [spectrogram for spectrogram in spectrograms if spectrogram is not None]
        steps = np.concatenate(computed or [np.zeros((1, width), np.float32)])
        self._mean, deviation = steps.mean(axis=0), steps.std(axis=0)
        self._deviation = np.where(deviation > 1e-3, deviation, 1.0).astype(np.float32)
        return self

    def encode(self, values: Any) -> Encoded:
        rows, problems = _rows(values), Problems()
        array = np.zeros((len(rows), *self.spec.shape), np.float32)
        spectrograms, _ = self._spectrograms(rows, problems)
        for row, spectrogram in enumerate(spectrograms):
            if spectrogram is not None:
                array[row, : len(spectrogram)] = (spectrogram - self._mean) / self._deviation
        RECORDINGS.raise_errors(problems, rows, by_row, self.on_bad_file)
        self.unreadable = RECORDINGS.list_items(problems.unreadable, rows)
        RECORDINGS.warn_of(self.unreadable, len(rows))
        return Encoded(array, np.array([spectrogram is not None for spectrogram in spectrograms], bool))

    def unreadable_rows(self, values: Any) -> dict[int, list[str]]:
        rows, problems = _rows(values), Problems()
        self._attempt(rows, lambda item: check(item, self.sampling_rate, self.root), problems)
        listed = RECORDINGS.list_items(problems.unreadable, rows)
        return {row: [str(recording)] for row, recording in zip(sorted(problems.unreadable), listed, strict=True)}

    def state(self) -> dict[str, Any]:
        return {"rate": self._rate, "steps": self.spec.shape[0], "mean": self._mean, "deviation": self._deviation}

    RULES = StateRules(
        rate=Whole(100, 1_000_000),
        steps=Whole(1, MOST_STEPS),
        mean=Array(np.float32, ("W",)),
        deviation=Array(np.float32, ("W",), low=1e-30),
    )

    def restore(self, state: State) -> Self:
        values = self.RULES.read(state)
        self._rate, self._steps = values["rate"], values["steps"]
        self._mean, self._deviation = values["mean"], values["deviation"]
        self.bins = len(self._mean) // self.channels
        is_whole = self.bins * self.channels == len(self._mean)
        require(is_whole and 1 <= self.bins <= MAX_BINS, f"mean must have 1 to {MAX_BINS} numbers per channel.")
        return self

    @property
    def _bins(self) -> int:
        return self.bins or (40 if self._rate <= 8_000 else 64)

    def _spectrograms(
        self, rows: Sequence[Any], problems: Problems
    ) -> tuple[list[np.ndarray | None], list[str | None]]:
        """Log-mel spectrograms (steps, C M) of the rows and keys of their content, None for missing recordings."""
        keys = self._attempt(rows, lambda item: cache.digest(*content(item, self.sampling_rate, self.root)), problems)
        first: dict[str, int] = {}
        for row, key in enumerate(keys):
            if key is not None:
                first.setdefault(key, row)
        store, names = self._open_store(), list(first)
        new = [names[index] for index in store.missing(cache.as_keys(names))] if names else []
        computed = self._attempt([rows[first[name]] for name in new], self._transform, local := Problems())
        invalid = {new[index]: reason for index, reason in local.invalid.items()}
        unreadable = {new[index]: reason for index, reason in local.unreadable.items()}
        for row, key in enumerate(keys):
            if key in unreadable:
                problems.unreadable[row] = unreadable[str(key)]
            if key in invalid:
                problems.invalid[row] = invalid[str(key)]
        to_store = {
            name: spectrogram for name, spectrogram in zip(new, computed, strict=True) if spectrogram is not None
        }
        if to_store:
            store.add(
                cache.as_keys(list(to_store)), np.stack([self._pack(spectrogram) for spectrogram in to_store.values()])
            )
        readable = [None if key in unreadable or key in invalid else key for key in keys]
        present = [key for key in readable if key is not None]
        packed = iter(store.take(cache.as_keys(present)) if present else np.zeros((0, 1, 1), np.float32))
        return [None if key is None else _unpack(next(packed)) for key in readable], readable

    def _transform(self, item: Any) -> np.ndarray:
        seconds = (
            self._steps * hop_length(self._rate) / self._rate + 1
        )  # one more second, for the filter of the resampler
        samples, rate = load(item, self.sampling_rate, self.root, seconds)
        samples = mix_channels(samples[: round(seconds * rate)], self.channels)
        samples = resample(samples, rate, self._rate)[: (self._steps - 1) * hop_length(self._rate)]
        parts = [log_mel(np.ascontiguousarray(channel), self._rate, self._bins) for channel in samples.T]
        return np.concatenate(parts, axis=1)[: self._steps]

    def _pack(self, spectrogram: np.ndarray) -> np.ndarray:
        """One row of the store: the number of steps in the first line, then the steps."""
        row = np.zeros((self._steps + 1, len(self._mean)), np.float32)
        row[0] = len(spectrogram)
        row[1 : 1 + len(spectrogram)] = spectrogram
        return row

    def _open_store(self) -> RowStore:
        if self._store is None:
            shape = (self._steps + 1, len(self._mean))
            settings = f"log-mel-1-{self._rate}-{self._bins}-{self.channels}-{self._steps}"
            self._store = RowStore(cache.folder("audio", settings) if cache.is_on() else None, shape)
        return self._store

    def _attempt(self, rows: Sequence[Any], work: Callable[[Any], Result], problems: Problems) -> list[Result | None]:
        """Calls `work` for each row with a recording, in threads; errors are recorded by position."""

        def attempt(row: int) -> Result | None:
            try:
                return None if is_missing(rows[row]) else work(rows[row])
            except BadAudioError as error:
                problems.unreadable[row] = error.message
            except (ValueError, TypeError) as error:
                problems.invalid[row] = str(error)
            return None

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            return list(pool.map(attempt, range(len(rows))))


def _unpack(row: np.ndarray) -> np.ndarray:
    return row[1 : 1 + int(row[0, 0])]


def _rows(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and values.ndim >= 2:
        return list(values)
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise DataError(f"Recordings must be a list or an array, got {type(values).__name__}.")
    return values.tolist() if hasattr(values, "tolist") and getattr(values, "ndim", 2) == 1 else list(values)
