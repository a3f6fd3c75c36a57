"""Recordings -> normalised log-mel spectrograms of one length."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np

from medley.audio.features import frames, hop_length, log_mel, mixed, resampled
from medley.audio.recordings import RECORDINGS, BadAudioError, check, content, is_missing, length, load
from medley.cache import folder as cache
from medley.cache.row_stores import RowStore
from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec
from medley.core.unreadable import Policy, Problems, Unreadable, by_row
from medley.errors import DataError, NotFittedError

Result = TypeVar("Result")

MAX_RATE = 16_000
MAX_SECONDS = 10.0
MIN_STEPS = 8
_QUANTILE = 0.99
_SAMPLE = 2_000
"""Training recordings from which mean and deviation of each bin are learned."""


class AudioCodec(Codec):
    """Recordings -> spectrograms (T, C M): steps of 10 ms, M mel bins for each of C channels, zeros behind the end.

    Every bin is standardised over the training rows. A distinct recording is read and transformed once: its spectrogram
    is kept in the cache of all runs.

    Args:
        sampling_rate: in Hz, that all recordings are brought to; the most frequent one of the training rows, 16,000 at
            most, where None. Also the rate of samples that come without one.
        max_seconds: longer recordings are cut; the 99 % quantile of the training rows, 10 s at most, where None.
        channels: 1 mixes all channels down.
        bins: mel bins M; 40 up to 8,000 Hz, else 64, where None.
        root: the folder of relative paths.
        on_bad_file: what becomes of recordings that cannot be read.

    Attributes:
        bad: the recordings that the last `fit` or `encode` could not read.

    Raises:
        DataError: something is no recording, or (with `"raise"`) cannot be read: all are listed.

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
        self.bad: list[Unreadable] = []
        self._rate = 0
        self._steps = 0
        self._mean = np.zeros(0, np.float32)
        self._deviation = np.ones(0, np.float32)
        self._store: RowStore | None = None

    @property
    def spec(self) -> Spec:
        """(T, C M) steps of numbers."""
        if not self._steps:
            raise NotFittedError("This codec knows no recordings yet: fit() it on training rows, or restore() one.")
        return Spec((self._steps, len(self._mean)), "TD")

    def fit(self, values: Any) -> Self:
        rows, problems = _rows(values), Problems()
        lengths = self._attempt(rows, lambda item: length(item, self.sampling_rate, self.root), problems)
        self.bad = RECORDINGS.listed(problems.bad, rows)
        RECORDINGS.stop(problems, rows, by_row, self.on_bad_file)
        known = [found for found in lengths if found is not None]
        if not known:
            because = ": " + "; ".join(map(str, self.bad[:3])) if self.bad else ""
            raise DataError(f"None of the {len(rows)} training rows has a recording that can be read{because}.")
        rates = Counter(rate for rate, _ in known)
        self._rate = self.sampling_rate or min(max(rates, key=lambda rate: (rates[rate], rate)), MAX_RATE)
        seconds = self.max_seconds or min(float(np.quantile([one for _, one in known], _QUANTILE)), MAX_SECONDS)
        self._steps = max(frames(round(seconds * self._rate), self._rate), MIN_STEPS)
        width = self.channels * self._bins
        self._mean, self._deviation, self._store = np.zeros(width, np.float32), np.ones(width, np.float32), None
        present = [item for item, found in zip(rows, lengths, strict=True) if found is not None]
        spectrograms, _ = self._spectrograms(present[:: max(len(present) // _SAMPLE, 1)], Problems())
        steps = np.concatenate([one for one in spectrograms if one is not None] or [np.zeros((1, width), np.float32)])
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
        RECORDINGS.stop(problems, rows, by_row, self.on_bad_file)
        self.bad = RECORDINGS.listed(problems.bad, rows)
        RECORDINGS.warn_of(self.bad, len(rows))
        return Encoded(array, np.array([spectrogram is not None for spectrogram in spectrograms], bool))

    def unreadable_rows(self, values: Any) -> dict[int, list[str]]:
        rows, problems = _rows(values), Problems()
        self._attempt(rows, lambda item: check(item, self.sampling_rate, self.root), problems)
        listed = RECORDINGS.listed(problems.bad, rows)
        return {row: [str(recording)] for row, recording in zip(sorted(problems.bad), listed, strict=True)}

    def state(self) -> dict[str, Any]:
        return {"rate": self._rate, "steps": self.spec.shape[0], "mean": self._mean, "deviation": self._deviation}

    def restore(self, state: State) -> Self:
        self._rate, self._steps = int(state["rate"]), int(state["steps"])
        self._mean = np.asarray(state["mean"], np.float32)
        self._deviation = np.asarray(state["deviation"], np.float32)
        self.bins = len(self._mean) // self.channels
        return self

    @property
    def _bins(self) -> int:
        return self.bins or (40 if self._rate <= 8_000 else 64)

    def _spectrograms(
        self, rows: Sequence[Any], problems: Problems
    ) -> tuple[list[np.ndarray | None], list[str | None]]:
        """Log-mel spectrograms (steps, C M) of the rows, None where there is none, and keys of their content."""
        keys = self._attempt(rows, lambda item: cache.digest(*content(item, self.sampling_rate, self.root)), problems)
        first: dict[str, int] = {}
        for row, key in enumerate(keys):
            if key is not None:
                first.setdefault(key, row)
        store, names = self._kept(), list(first)
        new = [names[place] for place in store.missing(cache.as_keys(names))] if names else []
        made = self._attempt([rows[first[name]] for name in new], self._transform, local := Problems())
        wrong = {new[place]: reason for place, reason in local.wrong.items()}
        bad = {new[place]: reason for place, reason in local.bad.items()}
        for row, key in enumerate(keys):
            if key in bad:
                problems.bad[row] = bad[str(key)]
            if key in wrong:
                problems.wrong[row] = wrong[str(key)]
        done = {name: one for name, one in zip(new, made, strict=True) if one is not None}
        if done:
            store.add(cache.as_keys(list(done)), np.stack([self._packed(one) for one in done.values()]))
        good = [key if key not in bad and key not in wrong else None for key in keys]
        there = [key for key in good if key is not None]
        packed = store.take(cache.as_keys(there)) if there else np.zeros((0, 1, 1), np.float32)
        found = iter(packed)
        return [None if key is None else _unpacked(next(found)) for key in good], good

    def _transform(self, item: Any) -> np.ndarray:
        seconds = self._steps * hop_length(self._rate) / self._rate + 1  # beyond the cut, for the resampler's filter
        samples, rate = load(item, self.sampling_rate, self.root, seconds)
        samples = mixed(samples[: round(seconds * rate)], self.channels)
        samples = resampled(samples, rate, self._rate)[: (self._steps - 1) * hop_length(self._rate)]
        parts = [log_mel(np.ascontiguousarray(channel), self._rate, self._bins) for channel in samples.T]
        return np.concatenate(parts, axis=1)[: self._steps]

    def _packed(self, spectrogram: np.ndarray) -> np.ndarray:
        """One row of the store: the number of steps in a line of its own, then the steps."""
        row = np.zeros((self._steps + 1, len(self._mean)), np.float32)
        row[0] = len(spectrogram)
        row[1 : 1 + len(spectrogram)] = spectrogram
        return row

    def _kept(self) -> RowStore:
        if self._store is None:
            shape = (self._steps + 1, len(self._mean))
            settings = f"log-mel-1-{self._rate}-{self._bins}-{self.channels}-{self._steps}"
            self._store = RowStore(cache.folder("audio", settings) if cache.is_on() else None, shape)
        return self._store

    def _attempt(self, rows: Sequence[Any], work: Callable[[Any], Result], problems: Problems) -> list[Result | None]:
        """Work for each row with a recording, in threads; what goes wrong is noted by its position."""

        def attempt(row: int) -> Result | None:
            try:
                return None if is_missing(rows[row]) else work(rows[row])
            except BadAudioError as error:
                problems.bad[row] = error.message
            except (ValueError, TypeError) as error:
                problems.wrong[row] = str(error)
            return None

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            return list(pool.map(attempt, range(len(rows))))


def _unpacked(row: np.ndarray) -> np.ndarray:
    return row[1 : 1 + int(row[0, 0])]


def _rows(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and values.ndim >= 2:
        return list(values)
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise DataError(f"Rows of recordings are a list or an array, got {type(values).__name__}.")
    return values.tolist() if hasattr(values, "tolist") and getattr(values, "ndim", 2) == 1 else list(values)
