"""One network for each image of a set, pooled, as a layer."""

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
"""Width of the gated network of the attention; the paper's images of 27 x 27 were pooled with 128."""


class ImageSetEncoder(Wrapper, register="image.set_encoder"):
    """Runs one chain of layers on every image of every row, and pools each row's results.

    An image of nothing but zeros is an empty place (`ImageSetCodec` sees to it that no image is). Empty places never
    reach the layers. Maps are averaged over space before they are pooled.

    Args:
        encoder: a block that reads one image; resolved, a tuple of layers.
        pooling: `"attention"` (Ilse et al. 2018), `"mean"`, or `"none"` where `ImageSetPool` comes after it.
        positions: whether places in a row mean something; each then scales and shifts the vectors of its images.

    Shape: (B, S, C, H, W) -> (B, D), D what the encoder makes of one image; (B, S, D) where they are not pooled.

    Raises:
        GraphError: joined to something that is no set of images.

    >>> from medley.image.strided import StridedConvBlock
    >>> layer = ImageSetEncoder((StridedConvBlock(filters=16, kernel_size=3),), pooling="mean")
    >>> str(layer.out(Spec((4, 3, 32, 32), "SCHW")))
    '(D=32)'
    """

    pooling: str = "attention"
    positions: bool = False

    def check(self) -> Iterable[str]:
        """One of three poolings."""
        if self.pooling not in POOLINGS:
            yield f"pooling must be one of {', '.join(map(repr, POOLINGS))}, got {self.pooling!r}."

    @property
    def frozen(self) -> bool:
        """Whether neither its layers nor its pooling learn."""
        learns = self.pooling == "attention" or self.positions
        return isinstance(self.encoder, tuple) and not learns and all(layer.frozen for layer in self.encoder)

    def inner(self, *specs: Spec) -> Spec:
        """One image."""
        if specs[0].axes != "SCHW":
            raise GraphError(f"{type(self).__name__} reads sets of images (SCHW) of ImageSetInput, got {specs[0]}.")
        return Spec(specs[0].shape[1:], "CHW")

    def build(self, *specs: Spec) -> nn.Module:
        """The module."""
        from medley.nn.set_pool import NoPool, SetEncoder

        steps = self._steps(*specs)
        width = steps[-1][2].width
        pool = NoPool() if self.pooling == "none" else _pool(self.pooling, specs[0].shape[0], width, self.positions)
        return SetEncoder([layer.build(spec) for layer, spec, _ in steps], width, pool)

    def out(self, *specs: Spec) -> Spec:
        """One vector, or one per place."""
        width = self._steps(*specs)[-1][2].width
        return Spec((specs[0].shape[0], width), "TD") if self.pooling == "none" else vector(width)

    def _steps(self, *specs: Spec) -> list[tuple[Layer, Spec, Spec]]:
        """Each layer with what it reads and what it makes; the last makes a vector."""
        if not isinstance(self.encoder, tuple):
            raise GraphError(f"{type(self).__name__} builds a network of resolved layers, got {self.encoder!r}.")
        spec, steps = self.inner(*specs), []
        for layer in self.encoder:
            steps.append((layer, spec, layer.out(spec)))
            spec = steps[-1][2]
        if not spec.is_vector:
            reduction = SpatialReduction(reduction_type="global_avg")
            steps.append((reduction, spec, reduction.out(spec)))
        return steps


class ImageSetPool(Layer, register="image.set_pool"):
    """Pools the vectors of a row's images, where what makes them is frozen and so need not run again.

    Args:
        pooling: `"attention"` or `"mean"`.
        positions: as of `ImageSetEncoder`.

    Shape: (B, S, D), zeros where there is not an image -> (B, D)

    Raises:
        GraphError: joined to something else than vectors in a row.

    >>> str(ImageSetPool().out(Spec((4, 32), "TD")))
    '(D=32)'
    """

    pooling: str = "attention"
    positions: bool = False

    def check(self) -> Iterable[str]:
        """One of two poolings."""
        if self.pooling not in POOLINGS[:2]:
            yield f"pooling must be one of {', '.join(map(repr, POOLINGS[:2]))}, got {self.pooling!r}."

    def build(self, *specs: Spec) -> nn.Module:
        """The module."""
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
