"""Layers that encode each image of a set with one network and pool the results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medley.core.layer import Layer, Wrapper
from medley.core.shape import SpatialReduction
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn

POOLINGS = ("attention", "mean", "none")
HIDDEN = 64
"""Hidden width of the gated attention; the paper uses 128 for images of 27 x 27."""


class ImageSetEncoder(Wrapper, register="image.set_encoder"):
    """Runs one chain of layers on every image of every row, and pools the vectors of each row.

    An image that is all zeros is an empty position (`ImageSetCodec` ensures that no real image is) and is not encoded.
    Feature maps are averaged over space before pooling.

    Args:
        encoder: a block that encodes one image; after resolution, a tuple of layers.
        pooling: `"attention"` (Ilse et al. 2018), `"mean"`, or `"none"` if `ImageSetPool` follows.
        positions: whether positions in a row matter; if so, each has a learned scale and shift of its vectors.

    Shape: (B, S, C, H, W) -> (B, D), D the width of the encoder's output; (B, S, D) if it is not pooled.

    Raises:
        GraphError: called on anything but sets of images.

    >>> from medley.image.strided import StridedConvBlock
    >>> layer = ImageSetEncoder((StridedConvBlock(filters=16, kernel_size=3),), pooling="mean")
    >>> str(layer.out(Spec((4, 3, 32, 32), "SCHW")))
    '(D=32)'
    """

    pooling: str = "attention"
    positions: bool = False

    def check(self) -> Iterable[str]:
        """Checks the pooling."""
        if self.pooling not in POOLINGS:
            yield f"pooling must be one of {', '.join(map(repr, POOLINGS))}, got {self.pooling!r}."

    @property
    def frozen(self) -> bool:
        """Whether neither its layers nor its pooling are trained."""
        pool_is_trained = self.pooling == "attention" or self.positions
        return isinstance(self.encoder, tuple) and not pool_is_trained and all(layer.frozen for layer in self.encoder)

    def inner(self, *specs: Spec) -> Spec:
        """The spec of one image."""
        if specs[0].axes != "SCHW":
            raise GraphError(f"{type(self).__name__} reads sets of images (SCHW) of ImageSetInput, got {specs[0]}.")
        return Spec(specs[0].shape[1:], "CHW")

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module."""
        from medley.nn.set_pool import NoPool, SetEncoder

        steps = self._steps(*specs)
        width = steps[-1][2].width
        pool = NoPool() if self.pooling == "none" else _pool(self.pooling, specs[0].shape[0], width, self.positions)
        return SetEncoder([layer.build(spec) for layer, spec, _ in steps], width, pool)

    def out(self, *specs: Spec) -> Spec:
        """One vector, or one per position."""
        width = self._steps(*specs)[-1][2].width
        return Spec((specs[0].shape[0], width), "TD") if self.pooling == "none" else vector(width)

    def _steps(self, *specs: Spec) -> list[tuple[Layer, Spec, Spec]]:
        """Each layer with its input and output spec; the last one outputs a vector."""
        if not isinstance(self.encoder, tuple):
            raise GraphError(f"{type(self).__name__} must be built of resolved layers, got {self.encoder!r}.")
        spec, steps = self.inner(*specs), []
        for layer in self.encoder:
            steps.append((layer, spec, layer.out(spec)))
            spec = steps[-1][2]
        if not spec.is_vector:
            reduction = SpatialReduction(reduction_type="global_avg")
            steps.append((reduction, spec, reduction.out(spec)))
        return steps


class ImageSetPool(Layer, register="image.set_pool"):
    """Pools the vectors of a row's images, separate from a frozen encoder, which then runs only once per row.

    Args:
        pooling: `"attention"` or `"mean"`.
        positions: as in `ImageSetEncoder`.

    Shape: (B, S, D), zeros where an image is missing -> (B, D)

    Raises:
        GraphError: called on anything but a sequence of vectors.

    >>> str(ImageSetPool().out(Spec((4, 32), "TD")))
    '(D=32)'
    """

    pooling: str = "attention"
    positions: bool = False

    def check(self) -> Iterable[str]:
        """Checks the pooling."""
        if self.pooling not in POOLINGS[:2]:
            yield f"pooling must be one of {', '.join(map(repr, POOLINGS[:2]))}, got {self.pooling!r}."

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module."""
        from medley.nn.set_pool import VectorPool

        width = self.out(*specs).width
        return VectorPool(_pool(self.pooling, specs[0].shape[0], width, self.positions))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        if not specs[0].is_sequence:
            raise GraphError(f"ImageSetPool reads the vectors of ImageSetEncoder (TD), got {specs[0]}.")
        return vector(specs[0].width)


def _pool(pooling: str, places: int, width: int, positions: bool) -> nn.Module:  # noqa: FBT001  (a block's field)
    from medley.nn.set_pool import AttentionPool, MeanPool, PlacedPool

    pool = MeanPool() if pooling == "mean" else AttentionPool(width, HIDDEN)
    return PlacedPool(places, width, pool) if positions else pool
