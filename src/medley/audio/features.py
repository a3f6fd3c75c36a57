"""Log-mel spectrograms. Uses NumPy only, so that exported models need no torch for preprocessing."""

from __future__ import annotations

from functools import cache

import numpy as np

from medley.errors import MissingDependencyError

WINDOW_SECONDS = 0.025
HOP_SECONDS = 0.01
FLOOR = 1e-6
"""Added to the energies before the logarithm; about the energy of 16-bit silence."""


def count_frames(samples: int, rate: int) -> int:
    """The number of spectrogram frames for a number of samples.

    >>> count_frames(8000, 8000)
    101
    """
    return 1 + samples // hop_length(rate)


def hop_length(rate: int) -> int:
    """The number of samples between two frames (10 ms)."""
    return max(round(rate * HOP_SECONDS), 1)


def log_mel(samples: np.ndarray, rate: int, bins: int) -> np.ndarray:
    """Computes the logarithm of the mel spectrogram.

    Centred Hann windows of 25 ms every 10 ms, zero-padded at both ends; energies in triangular filters that are evenly
    spaced on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy, Speech Communication, 1987).

    Args:
        samples: (N,) float32.
        rate: sampling rate in Hz.
        bins: number of mel filters M.

    Returns:
        (T, M) float32, T = 1 + N // hop.

    >>> log_mel(np.zeros(800, np.float32), 8000, 40).shape
    (11, 40)
    """
    hop, window = hop_length(rate), max(round(rate * WINDOW_SECONDS), 2)
    size = 1 << (window - 1).bit_length()
    count = count_frames(len(samples), rate)
    padded = np.zeros((count - 1) * hop + window, np.float32)
    padded[window // 2 : window // 2 + len(samples)] = samples[: len(padded) - window // 2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    energy = np.abs(np.fft.rfft(windows * _hann(window), size)) ** 2
    return np.log(energy @ mel_filters(rate, size, bins) + FLOOR).astype(np.float32)


@cache
def mel_filters(rate: int, size: int, bins: int) -> np.ndarray:
    """Triangular filters (size / 2 + 1, M) between 0 Hz and half the rate, each with a peak of 1."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bins + 2) / 2595) - 1)
    frequencies = np.arange(size // 2 + 1) * rate / size
    rising = (frequencies[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(np.minimum(rising, falling), 0)


@cache
def _hann(window: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)


def mix_channels(samples: np.ndarray, channels: int) -> np.ndarray:
    """Samples (N, C) -> (N, channels): the mean for one channel; missing channels repeat the last one."""
    if channels == 1:
        return samples.mean(axis=1, keepdims=True)
    missing = channels - samples.shape[1]
    return (
        np.concatenate([samples, np.repeat(samples[:, -1:], missing, 1)], 1) if missing > 0 else samples[:, :channels]
    )


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resamples (N, C) to another rate by band-limited interpolation.

    Raises:
        MissingDependencyError: the rates differ and soxr is not installed.
    """
    if rate == new_rate:
        return samples
    try:
        import soxr
    except (ImportError, OSError) as error:
        message = f"Resampling recordings from {rate:,} Hz to {new_rate:,} Hz needs soxr."
        raise MissingDependencyError(message, package="soxr", extra="audio") from error
    return np.asarray(soxr.resample(samples, rate, new_rate), np.float32).reshape(-1, samples.shape[1])
