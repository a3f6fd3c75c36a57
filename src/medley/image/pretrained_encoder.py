"""A pretrained image encoder as a layer, and the preprocessing of its images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from medley.core.codec import Codec
from medley.core.input import Preprocessing
from medley.core.layer import Layer
from medley.core.space import Space
from medley.core.spec import Spec, vector
from medley.core.tuning import tuning_problems
from medley.errors import GraphError
from medley.image.families import image_size
from medley.image.sizes import pair, root_problem, size_problem
from medley.image.unreadable import IMAGES, Policy

if TYPE_CHECKING:
    from torch import nn


class PretrainedPixels(Preprocessing, register="image.pretrained_pixels"):
    """Resizes images to the size and channels that a pretrained encoder expects; the network normalises them.

    Args:
        size: side length, or (height, width).
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
        channels: 3 for colour; grey images are repeated to as many channels.
        root: as in ImageInput.
        on_bad_file: as in ImageInput.

    Shape: rows -> (B, C, H, W)

    Raises:
        ConfigError: the size does not consist of positive integers.
    """

    size: int | tuple[int, int] = 224
    interpolation: str = "bilinear"
    channels: int = 3
    root: str | None = None
    on_bad_file: Policy = "warn"

    def check(self) -> Iterable[str]:
        """Checks size, root and on_bad_file."""
        yield from size_problem(self.size)
        yield from root_problem(self.root)
        yield from IMAGES.policy_problem(self.on_bad_file)

    def codec(self) -> Codec:
        """An `ImageCodec`."""
        from medley.image.codec import ImageCodec

        return ImageCodec(
            pair(self.size),
            self.interpolation,
            root=self.root,
            on_bad_file=self.on_bad_file,
            fixed_channels=self.channels,
        )


class PretrainedImageEncoder(Layer, register="image.pretrained_encoder"):
    """A pretrained image encoder, the layer of `PretrainedImageBlock`.

    Args:
        name_or_path: where weights are read from when it is first built; a saved model contains them.
        config: the configuration of the network, as JSON.
        revision: branch, tag or commit on the hub.
        size: height and width to which images are resized; if unset, they keep their size.
        mean: per channel, of pixels from 0 to 1.
        std: likewise.
        interpolation: how images are resized.
        pooling: `"cls"`, `"mean"`, `"none"` (the hidden states of all patches) or `"map"`.
        num_hidden_layers: for information; `config` contains it.
        trainable: False, True, `"lora"` or the number of top layers to train.
        learning_rate_factor: multiplier of the learning rate for its top layer.
        layer_decay: multiplier of the learning rate per layer further down.
        gradient_checkpointing: recompute activations in the backward pass to save memory.
        lora_rank: rank of the LoRA matrices.

    Shape: (B, C, H, W) -> (B, D); (B, T, D) or (B, C', H', W') if it is not pooled.

    Raises:
        GraphError: called on anything but images with one channel or as many as it reads.
    """

    name_or_path: str | None = None
    config: Mapping[str, Any] | None = None
    revision: str | None = None
    size: tuple[int, int] | None = field(default=None, kw_only=True)
    mean: tuple[float, ...] = field(default=(0.485, 0.456, 0.406), kw_only=True)
    std: tuple[float, ...] = field(default=(0.229, 0.224, 0.225), kw_only=True)
    interpolation: str = field(default="bilinear", kw_only=True)
    pooling: str = field(default="mean", kw_only=True)
    num_hidden_layers: int | None = field(default=None, kw_only=True)
    trainable: Any = field(default=False, kw_only=True)
    learning_rate_factor: float | Space = field(default=1.0, kw_only=True)
    layer_decay: float | Space = field(default=1.0, kw_only=True)
    gradient_checkpointing: bool = field(default=False, kw_only=True)
    lora_rank: int = field(default=8, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks training settings and that there is a config."""
        yield from tuning_problems(self)
        if self.config is None:
            yield "config must be the configuration of the encoder; PretrainedImageBlock(name_or_path) reads it."

    @property
    def frozen(self) -> bool:
        """Whether none of its weights are trained."""
        return self.trainable is False

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the encoder with its weights."""
        from medley.nn.backbone import BackbonePlan, build
        from medley.nn.backbone_inputs import ImageEncoder

        self._check_specs(specs)
        return ImageEncoder(build(BackbonePlan.of(self)), self.size, self.mean, self.std, self.interpolation)

    def out(self, *specs: Spec) -> Spec:
        """A vector, a vector per patch, or a feature map."""
        from medley.nn.backbone_sizes import states_shape, width_of

        size = self.size or self._check_specs(specs)
        assert self.config is not None
        if self.pooling in ("cls", "mean"):
            return vector(width_of(self.config))
        shape = states_shape(self.config, size, self.pooling)
        return Spec(shape, "CHW" if len(shape) == 3 else "TD")

    def _check_specs(self, specs: tuple[Spec, ...]) -> tuple[int, int]:
        channels, height, width = image_size(specs[0], "PretrainedImageBlock")
        if channels not in (1, len(self.mean)):
            raise GraphError(
                f"The encoder {self.name_or_path} reads images with {len(self.mean)} channels, or grey images, "
                f"got {specs[0]}."
            )
        return height, width
