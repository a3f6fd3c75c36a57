"""The features of the baselines of `equal_time.py`, learnt from training rows only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from equal_time_sets import Split

SIDE = 16
"""Images become SIDE x SIDE grey pixels and a histogram of 4 x 4 x 4 colours."""
BANDS = 40
"""Recordings become mean and deviation of as many log-mel bands."""
REDUCED = 100
"""Numbers that a text becomes for trees."""
COLOURS = 4
IMAGE_LENGTH, BESIDE_TEXTS = 3.0, 0.3
"""Mean length of an image's vector for linear models, without and with texts, whose vectors have length 1."""


def image_features(cell: Any, root: Path) -> np.ndarray:
    """Grey pixels and colour histogram (320,) of a file or an array; NaN where there is none.

    >>> image_features(np.zeros((28, 28), np.uint8), Path())[[0, 255, 256, 319]].tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    from PIL import Image

    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return np.full(SIDE**2 + COLOURS**3, np.nan, np.float32)
    opened = Image.open(root / cell) if isinstance(cell, str) else Image.fromarray(np.asarray(cell))
    with opened as image:
        colours = image.convert("RGB")
    grey = np.asarray(colours.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    bins = np.asarray(colours).reshape(-1, 3) // (256 // COLOURS)
    histogram = np.bincount(bins @ np.array([COLOURS**2, COLOURS, 1]), minlength=COLOURS**3) / len(bins)
    return np.concatenate([grey.ravel(), histogram.astype(np.float32)])


def mel_filters(rate: int, size: int) -> np.ndarray:
    """Triangles (size // 2 + 1, BANDS) of equal width on the mel scale."""
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    places = np.linspace(0, rate / 2, size // 2 + 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    return np.clip(np.minimum((places - low) / (centre - low), (high - places) / (high - centre)), 0, None)


def sound_features(cell: Any, root: Path) -> np.ndarray:
    """Mean and deviation over time of the log-mel bands (80,) of a file; frames of 32 ms every 8 ms."""
    import soundfile

    samples, rate = soundfile.read(root / cell, dtype="float32", always_2d=True)
    size = round(0.032 * rate)
    samples = np.pad(samples.mean(axis=1), (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 4] * np.hanning(size)
    bands = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ mel_filters(rate, size) + 1e-8)
    return np.concatenate([bands.mean(axis=0), bands.std(axis=0)]).astype(np.float32)


def date_features(cells: Any) -> np.ndarray:
    """Day of the year as sine and cosine, and day of the week (N, 3). The day's number would only be extrapolated."""
    dates = pd.to_datetime(cells)
    angle = 2 * np.pi * dates.dt.dayofyear.to_numpy(float) / 365.25
    return np.stack([np.sin(angle), np.cos(angle), dates.dt.dayofweek.to_numpy(float)], axis=1)


class Features:
    """Numbers and categories of all inputs but texts, and the texts.

    Args:
        split: names the columns.
    """

    def __init__(self, split: Split) -> None:
        self.split = split
        self.numbers, self.categories = split.plain_columns()

    def dense(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Numbers (N, D) of the columns of numbers, dates and recordings, and (N, E) of images; NaN where missing."""
        spec = self.split.data_set
        dates = [date_features(rows[column]) for column in spec.dates]
        sounds = [self._read(rows[column], sound_features) for column in spec.sounds]
        images = [self._read(rows[column], image_features) for column in spec.images]
        numbers = [rows[self.numbers].to_numpy(np.float32), *dates, *sounds]
        none = np.zeros((len(rows), 0), np.float32)
        return np.concatenate(numbers, axis=1).astype(np.float32), np.concatenate([none, *images], axis=1)

    def _read(self, cells: Any, read: Callable[[Any, Path], np.ndarray]) -> np.ndarray:
        with ThreadPoolExecutor(2) as pool:
            return np.stack(list(pool.map(lambda cell: read(cell, self.split.root), cells)))

    def texts(self, rows: pd.DataFrame) -> list[list[str]]:
        """The texts of each column; empty where missing."""
        return [rows[column].fillna("").astype(str).tolist() for column in self.split.data_set.texts]

    def names(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The categories as strings; "" where missing."""
        cells: Any = rows[self.categories]
        return cells.astype(object).where(cells.notna(), "").astype(str).astype(object)


def vectorizer() -> Any:
    """TF-IDF of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    single: Any = np.float32
    return TfidfVectorizer(min_df=2, ngram_range=(1, 2), sublinear_tf=True, dtype=single)


class LinearFeatures(Features):
    """Scaled numbers, scaled images, one-hot categories and TF-IDF, in one matrix, which is sparse if there are words.

    Numbers are scaled one by one. Pixels and colours are scaled together, so that a rare colour does not weigh as much
    as a common one.
    """

    def fit_transform(self, rows: pd.DataFrame) -> Any:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        numbers, images = self.dense(rows)
        self.scaler = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        self.scaler.fit(numbers if numbers.shape[1] else np.zeros((1, 1)))
        self.mean = np.nanmean(images, axis=0) if images.shape[1] else np.zeros(0)
        lengths = np.sqrt(np.nansum((images - self.mean) ** 2, axis=1))
        length = BESIDE_TEXTS if self.split.data_set.texts else IMAGE_LENGTH
        self.factor = length * len(self.split.data_set.images) ** 0.5 / max(float(lengths.mean()), 1e-6)
        single: Any = np.float32
        self.encoder = OneHotEncoder(handle_unknown="ignore", dtype=single)
        if self.categories:
            self.encoder.fit(self.names(rows))
        self.vectorizers = [vectorizer().fit(texts) for texts in self.texts(rows)]
        return self._matrix(rows, numbers, images)

    def transform(self, rows: pd.DataFrame) -> Any:
        return self._matrix(rows, *self.dense(rows))

    def _matrix(self, rows: pd.DataFrame, numbers: np.ndarray, images: np.ndarray) -> Any:
        parts = [np.clip(self.scaler.transform(numbers), -10, 10)] if numbers.shape[1] else []
        parts += [np.nan_to_num((images - self.mean) * self.factor)] if images.shape[1] else []
        parts += [self.encoder.transform(self.names(rows))] if self.categories else []
        parts += [words.transform(texts) for words, texts in zip(self.vectorizers, self.texts(rows), strict=True)]
        return _joined(parts)


def _joined(parts: list[Any]) -> Any:
    from scipy import sparse

    if not any(sparse.issparse(part) for part in parts):
        return np.concatenate(parts, axis=1)
    return sparse.csr_matrix(sparse.hstack([sparse.csr_matrix(part) for part in parts], dtype=np.float32))


class TreeFeatures(Features):
    """Numbers as they are, categories as such, and texts as 100 numbers: TF-IDF, then a truncated SVD."""

    def fit_transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        from sklearn.decomposition import TruncatedSVD

        names = self.names(rows)
        self.levels = {column: sorted(set(names[column]) - {""}) for column in self.categories}
        self.reducers = []
        reduced = []
        for texts in self.texts(rows):
            words = vectorizer()
            counts = words.fit_transform(texts)
            svd = TruncatedSVD(min(REDUCED, counts.shape[1] - 1), random_state=0)
            reduced.append(svd.fit_transform(counts))
            self.reducers.append((words, svd))
        return self._frame(rows, names, reduced)

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        reduced = [
            svd.transform(words.transform(texts))
            for (words, svd), texts in zip(self.reducers, self.texts(rows), strict=True)
        ]
        return self._frame(rows, self.names(rows), reduced)

    def _frame(self, rows: pd.DataFrame, names: pd.DataFrame, reduced: list[np.ndarray]) -> pd.DataFrame:
        frame = pd.DataFrame(np.concatenate([*self.dense(rows), *reduced], axis=1, dtype=np.float32))
        for column, levels in self.levels.items():
            frequent = names[column].where(names[column].isin(levels))
            frame[column] = pd.Categorical(frequent, levels)
        frame.columns = [f"c{place}" for place in range(frame.shape[1])]
        return frame
