"""Images of a row -> one short vector, by words that are found in the images themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec, vector
from medley.image.set_codec import ImageSetCodec
from medley.image.unreadable import Unreadable

SIDE = 48
PATCH = 6
STEP = 2
WORDS = 200
PARTS = 2
WIDTH = 20
COLOURS = 0.3
LOUDNESS = 0.1
"""Mean square of a vector. Columns beside it are numbers about 1 each: what images say of few rows is mostly noise, and
the smaller they are the later a network turns to them."""

_PATCHES = 30_000
_ROUNDS = 12
_FLAT = 0.01  # added to the variance of a patch of numbers from 0 to 1, so that plain walls do not become noise
_WHITE = 0.1  # likewise to the variances of directions


class VisualWordsCodec(Codec):
    """Learns 200 words from patches of training images and tells how much of each is in each quarter of an image.

    Images become 48 x 48; patches of 6 x 6 are normalised, whitened, and grouped by k-means; of a patch, all words
    count that are nearer than the mean word. Means over the quarters of all images of a row, and the images' mean
    colours, are standardised and reduced to their 20 main directions. Nothing is learnt from labels, so that a few
    hundred rows do: as many as a network for images memorises.

    Source: Coates, Ng, Lee: An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011.

    Args:
        images: reads the images of a row as (S, C, 48, 48); its places are kept apart if they mean something, else
            averaged.

    >>> rows = np.random.default_rng(0).integers(0, 255, (8, 20, 20, 3)).astype(np.uint8)
    >>> codec = VisualWordsCodec(ImageSetCodec((SIDE, SIDE))).fit([[one] for one in rows])
    >>> codec.encode([[rows[0]], None]).array.shape
    (2, 8)
    """

    def __init__(self, images: ImageSetCodec) -> None:
        self.images = images
        self._known: dict[str, np.ndarray] = {}

    @property
    def bad(self) -> list[Unreadable]:
        """The images that could not be read."""
        return self.images.bad

    @property
    def spec(self) -> Spec:
        """A vector."""
        return vector(self._known["axes"].shape[1])

    def fit(self, values: Any) -> Self:
        """Learns from rows of images, as `ImageSetCodec.fit`."""
        self.images.fit(values)
        sets = self.images.encode(values)
        images = sets.array[_here(sets.array)]
        rng = np.random.default_rng(0)
        mean, whitening = _whitening(_some_patches(images, rng))
        self._known = {"mean": mean, "whitening": whitening}
        some = (_some_patches(images, rng) - mean) @ whitening
        self._known["words"] = _grouped(some, min(WORDS, len(np.unique(some, axis=0))))
        said = self._said(sets.array)[sets.present]
        centre, spread = said.mean(0), said.std(0)
        scale = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0) * self._shares(said.shape[1])
        axes = np.linalg.svd((said - centre) * scale, full_matrices=False)[2][:WIDTH].T
        size = np.square((said - centre) * scale @ axes).sum(1).mean()
        axes *= np.sqrt(LOUDNESS / max(size, 1e-12))
        self._known |= {"centre": centre, "axes": scale[:, None] * axes}
        # As `restore` gives them back, so that a saved model gives the same numbers.
        self._known = {name: np.ascontiguousarray(array, np.float32) for name, array in self._known.items()}
        return self

    def encode(self, values: Any) -> Encoded:
        """Rows -> (B, D) and presence: whether a row has an image that can be read."""
        sets = self.images.encode(values)
        said, axes = self._said(sets.array) - self._known["centre"], self._known["axes"]
        # Row by row: all at once, the last bits of a row would depend on how many others there are.
        array = np.stack([row @ axes for row in said]) if len(said) else np.zeros((0, axes.shape[1]), np.float32)
        return Encoded(np.where(sets.present[:, None], array, 0).astype(np.float32), sets.present)

    def unreadable_rows(self, values: Any) -> Mapping[int, Sequence[str]]:
        return self.images.unreadable_rows(values)

    def state(self) -> dict[str, Any]:
        """Words, directions, and what was learnt of the images."""
        return {**self.images.state(), **{f"words_{name}": array for name, array in self._known.items()}}

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self.images.restore(state)
        names = ("mean", "whitening", "words", "centre", "axes")
        self._known = {name: np.ascontiguousarray(state[f"words_{name}"], np.float32) for name in names}
        return self

    def _said(self, sets: np.ndarray) -> np.ndarray:
        """Sets (B, S, C, H, W) -> how much of each word is in each quarter (B, numbers); 0 for empty places."""
        here = _here(sets)
        said = np.zeros((*here.shape, PARTS * PARTS * len(self._known["words"]) + sets.shape[2]), np.float32)
        for row, place in zip(*np.nonzero(here), strict=True):
            said[row, place] = self._read(sets[row, place])
        if self.images.positions:
            return said.reshape(len(said), -1)
        return said.sum(1) / np.maximum(here.sum(1, keepdims=True), 1)

    def _read(self, image: np.ndarray) -> np.ndarray:
        patches = (_patches(image) - self._known["mean"]) @ self._known["whitening"]
        distance = _distances(patches, self._known["words"])
        near = np.maximum(distance.mean(1, keepdims=True) - distance, 0)
        across = round(len(near) ** 0.5)
        halves = np.array_split(near.reshape(across, across, -1), PARTS, 0)
        parts = [part.mean((0, 1)) for half in halves for part in np.array_split(half, PARTS, 1)]
        return np.concatenate([*parts, image.mean((1, 2))])

    def _shares(self, numbers: int) -> np.ndarray:
        """What each number weighs before directions are found: all mean colours .3 of all words."""
        words, channels = PARTS * PARTS * len(self._known["words"]), self.images.spec.shape[1]
        one = np.repeat([words**-0.5, COLOURS * channels**-0.5], [words, channels])
        return np.tile(one, numbers // len(one)).astype(np.float32)


def _here(sets: np.ndarray) -> np.ndarray:
    return np.any(sets != 0, axis=(2, 3, 4))


def _patches(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) -> normalised patches (N, numbers)."""
    numbers = image.astype(np.float32) / (255 if image.dtype == np.uint8 else 1)
    windows = np.lib.stride_tricks.sliding_window_view(numbers, (PATCH, PATCH), (1, 2))[:, ::STEP, ::STEP]
    flat = windows.transpose(1, 2, 0, 3, 4).reshape(windows.shape[1] * windows.shape[2], -1)
    flat = flat - flat.mean(1, keepdims=True)
    return flat / np.sqrt(flat.var(1, keepdims=True) + _FLAT)


def _some_patches(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    some = images[rng.permutation(len(images))[:2_000]]
    each = -(-_PATCHES // len(some))
    found = []
    for image in some:
        patches = _patches(image)
        found.append(patches[rng.permutation(len(patches))[:each]])
    return np.concatenate(found)


def _whitening(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    return mean, ((vectors / np.sqrt(np.maximum(values, 0) + _WHITE)) @ vectors.T).astype(np.float32)


def _grouped(points: np.ndarray, count: int) -> np.ndarray:
    """Points (N, numbers) -> centres (count, numbers)."""
    from sklearn.cluster import KMeans

    groups = KMeans(count, max_iter=_ROUNDS, random_state=0)
    return groups.fit(points).cluster_centers_.astype(np.float32)


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    squares = (points**2).sum(1)[:, None] - 2 * points @ centres.T + (centres**2).sum(1)
    return np.sqrt(np.maximum(squares, 0))
