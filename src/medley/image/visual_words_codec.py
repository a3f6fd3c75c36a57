"""Codec of the images of a row -> one short vector, by visual words learned from unlabelled images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import Array, StateRules, require
from medley.core.spec import Spec, vector
from medley.errors import BadImageWarning
from medley.image.set_codec import ImageSetCodec
from medley.image.unreadable import Unreadable

SIDE = 48
PATCH = 6
STEP = 2
NUM_WORDS = 200
GRID = 2
WIDTH = 20
COLOUR_WEIGHT = 0.3
MEAN_SQUARE = 0.1
"""Mean squared norm of the vectors. Table columns have variance 1: with few rows, image features are mostly noise,
and a network learns from small features later."""

_NUM_PATCHES = 30_000
_KMEANS_ITERATIONS = 12
_CONTRAST_EPSILON = 0.01  # added to the variance of a patch (pixels 0..1): plain areas are not amplified to noise
_WHITENING_EPSILON = 0.1  # added to the variances of the principal directions


class VisualWordsCodec(Codec):
    """Learns 200 visual words from patches of training images; encodes how much of each is in each quarter of an image.

    Images are resized to 48 x 48; patches of 6 x 6 are normalised, whitened and clustered by k-means. Each patch
    activates the words that are nearer than the mean distance. Means over the quarters of all images of a row, and the
    mean colours of the images, are standardised and reduced to 20 principal components. Labels are not used, so a few
    hundred rows are enough, which a network for images would memorise.

    Source: Coates, Ng, Lee: An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011.

    Args:
        images: encodes the images of a row as (S, C, 48, 48); with `positions` the vectors of its positions are
            concatenated, otherwise averaged.

    >>> rows = np.random.default_rng(0).integers(0, 255, (8, 20, 20, 3)).astype(np.uint8)
    >>> codec = VisualWordsCodec(ImageSetCodec((SIDE, SIDE))).fit([[image] for image in rows])
    >>> codec.encode([[rows[0]], None]).array.shape
    (2, 8)
    """

    def __init__(self, images: ImageSetCodec) -> None:
        self.images = images
        self._arrays: dict[str, np.ndarray] = {}

    @property
    def unreadable(self) -> list[Unreadable]:
        """The images that the last `fit` or `encode` could not read."""
        return self.images.unreadable

    @property
    def spec(self) -> Spec:
        """A vector."""
        return vector(self._arrays["axes"].shape[1])

    def fit(self, values: Any) -> Self:
        """Learns from rows of images, as `ImageSetCodec.fit`. Only `encode` warns of unreadable ones."""
        self.images.fit(values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BadImageWarning)
            sets = self.images.encode(values)
        images = sets.array[_present(sets.array)]
        rng = np.random.default_rng(0)
        mean, whitening = _whitening(_sample_patches(images, rng))
        self._arrays = {"mean": mean, "whitening": whitening}
        patches = (_sample_patches(images, rng) - mean) @ whitening
        self._arrays["words"] = _cluster_centres(patches, min(NUM_WORDS, len(np.unique(patches, axis=0))))
        features = self._features(sets.array)[sets.present]
        centre, spread = features.mean(0), features.std(0)
        scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0) * self._feature_weights(features.shape[1])
        axes = np.linalg.svd((features - centre) * scale, full_matrices=False)[2][:WIDTH].T
        mean_square = np.square((features - centre) * scale @ axes).sum(1).mean()
        axes *= np.sqrt(MEAN_SQUARE / max(mean_square, 1e-12))
        self._arrays |= {"centre": centre, "axes": scale[:, None] * axes}
        # In the type that `restore` returns, so that a saved model gives identical results.
        self._arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in self._arrays.items()}
        return self

    def encode(self, values: Any) -> Encoded:
        """Encodes rows as (B, D); a row is present if it has a readable image."""
        sets = self.images.encode(values)
        features, axes = self._features(sets.array) - self._arrays["centre"], self._arrays["axes"]
        # Row by row: in one product, rounding would depend on the number of rows.
        empty = np.zeros((0, axes.shape[1]), np.float32)
        array = np.stack([row @ axes for row in features]) if len(features) else empty
        return Encoded(np.where(sets.present[:, None], array, 0).astype(np.float32), sets.present)

    def unreadable_rows(self, values: Any) -> Mapping[int, Sequence[str]]:
        return self.images.unreadable_rows(values)

    def state(self) -> dict[str, Any]:
        """Words, principal axes, and the state of the images' codec."""
        return {**self.images.state(), **{f"words_{name}": array for name, array in self._arrays.items()}}

    RULES = StateRules(
        words_mean=Array(np.float32, ("patch",)),
        words_whitening=Array(np.float32, ("patch", "patch")),
        words_words=Array(np.float32, ("words", "patch")),
        words_centre=Array(np.float32, ("features",)),
        words_axes=Array(np.float32, ("features", "D")),
    )

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self.images.restore(state)
        images = self.images.spec
        sizes = {"patch": images.shape[1] * PATCH * PATCH}
        values = self.RULES.read(state, sizes)
        require(sizes["words"] and sizes["D"], "words_words and words_axes must not be empty.")
        require(images.shape[2:] == (SIDE, SIDE), f"size must be {SIDE} x {SIDE}, got {images.shape[2:]}.")
        width = (GRID * GRID * sizes["words"] + images.shape[1]) * (images.shape[0] if self.images.positions else 1)
        require(sizes["features"] == width, f"words_centre must have {width} numbers, got {sizes['features']}.")
        self._arrays = {name.removeprefix("words_"): array for name, array in values.items()}
        return self

    def _features(self, sets: np.ndarray) -> np.ndarray:
        """Sets (B, S, C, H, W) -> activation of each word in each quarter (B, features); 0 for empty positions."""
        present = _present(sets)
        features = np.zeros((*present.shape, GRID * GRID * len(self._arrays["words"]) + sets.shape[2]), np.float32)
        for row, place in zip(*np.nonzero(present), strict=True):
            features[row, place] = self._image_features(sets[row, place])
        if self.images.positions:
            return features.reshape(len(features), -1)
        return features.sum(1) / np.maximum(present.sum(1, keepdims=True), 1)

    def _image_features(self, image: np.ndarray) -> np.ndarray:
        patches = (_patches(image) - self._arrays["mean"]) @ self._arrays["whitening"]
        distance = _distances(patches, self._arrays["words"])
        activation = np.maximum(distance.mean(1, keepdims=True) - distance, 0)
        side = round(len(activation) ** 0.5)
        halves = np.array_split(activation.reshape(side, side, -1), GRID, 0)
        quarters = [quarter.mean((0, 1)) for half in halves for quarter in np.array_split(half, GRID, 1)]
        return np.concatenate([*quarters, image.mean((1, 2))])

    def _feature_weights(self, count: int) -> np.ndarray:
        """Weights of the features before the decomposition: mean colours together weigh 0.3 of all words."""
        words, channels = GRID * GRID * len(self._arrays["words"]), self.images.spec.shape[1]
        per_image = np.repeat([words**-0.5, COLOUR_WEIGHT * channels**-0.5], [words, channels])
        return np.tile(per_image, count // len(per_image)).astype(np.float32)


def _present(sets: np.ndarray) -> np.ndarray:
    return np.any(sets != 0, axis=(2, 3, 4))


def _patches(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) -> normalised patches (N, C * PATCH * PATCH)."""
    pixels = image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH), (1, 2))[:, ::STEP, ::STEP]
    flat = windows.transpose(1, 2, 0, 3, 4).reshape(windows.shape[1] * windows.shape[2], -1)
    flat = flat - flat.mean(1, keepdims=True)
    return flat / np.sqrt(flat.var(1, keepdims=True) + _CONTRAST_EPSILON)


def _sample_patches(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sample = images[rng.permutation(len(images))[:2_000]]
    per_image = -(-_NUM_PATCHES // len(sample))
    samples = []
    for image in sample:
        patches = _patches(image)
        samples.append(patches[rng.permutation(len(patches))[:per_image]])
    return np.concatenate(samples)


def _whitening(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    return mean, ((vectors / np.sqrt(np.maximum(values, 0) + _WHITENING_EPSILON)) @ vectors.T).astype(np.float32)


def _cluster_centres(points: np.ndarray, count: int) -> np.ndarray:
    """Points (N, D) -> centres (count, D)."""
    from sklearn.cluster import KMeans

    kmeans = KMeans(count, max_iter=_KMEANS_ITERATIONS, random_state=0)
    return kmeans.fit(points).cluster_centers_.astype(np.float32)


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    squares = (points**2).sum(1)[:, None] - 2 * points @ centres.T + (centres**2).sum(1)
    return np.sqrt(np.maximum(squares, 0))
