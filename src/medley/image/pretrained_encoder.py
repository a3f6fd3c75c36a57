"""A pretrained encoder of images as a layer, and the encoding that it reads."""

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
    """Images of the size and channels that a pretrained encoder was trained on; normalised inside the network.

    Args:
        size: side, or (height, width).
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
        channels: 3 for colours; grey images are given as many alike.
        root: as of ImageInput.
        on_bad_file: as of ImageInput.

    Shape: rows -> (B, C, H, W)

    Raises:
        ConfigError: the size is not of whole numbers from 1.
    """

    size: int | tuple[int, int] = 224
    interpolation: str = "bilinear"
    channels: int = 3
    root: str | None = None
    on_bad_file: Policy = "warn"

    def check(self) -> Iterable[str]:
        """As of the input."""
        yield from size_problem(self.size)
        yield from root_problem(self.root)
        yield from IMAGES.policy_problem(self.on_bad_file)

    def codec(self) -> Codec:
        """A codec of that size."""
        from medley.image.codec import ImageCodec

        return ImageCodec(
            pair(self.size),
            self.interpolation,
            root=self.root,
            on_bad_file=self.on_bad_file,
            wanted_channels=self.channels,
        )


class PretrainedImageEncoder(Layer, register="image.pretrained_encoder"):
    """A pretrained encoder of images: what `PretrainedImageBlock` becomes.

    Args:
        name_or_path: where its weights are read when it is first built; a saved model holds them itself.
        config: what it is made of, as JSON.
        revision: on the hub.
        size: height and width that images are brought to; left out, none but their own.
        mean: per channel, of values from 0 to 1.
        std: likewise.
        interpolation: how other sizes are resampled.
        pooling: `"cls"`, `"mean"`, `"none"` (the states of all parts of the image) or `"map"`.
        num_hidden_layers: told by `config`; kept for the reader.
        trainable: False, True, `"lora"` or the number of top layers.
        learning_rate_factor: share of the learning rate for its top layer.
        layer_decay: factor on that per layer below.
        gradient_checkpointing: run layers twice in training rather than keep what they made.
        lora_rank: of `"lora"`.

    Shape: (B, C, H, W) -> (B, D); (B, T, D) or (B, C', H', W') where it is not pooled.

    Raises:
        GraphError: joined to something that is not an image of one or as many channels as it reads.
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
        """As of the block; and there is a config."""
        yield from tuning_problems(self)
        if self.config is None:
            yield "config must hold what the encoder is made of; PretrainedImageBlock(name_or_path) finds it."

    @property
    def frozen(self) -> bool:
        """Whether nothing of it learns."""
        return self.trainable is False

    def build(self, *specs: Spec) -> nn.Module:
        """The encoder with its weights."""
        from medley.nn.backbone import Plan, build
        from medley.nn.backbone_inputs import ImageEncoder

        self._check_specs(specs)
        return ImageEncoder(build(Plan.of(self)), self.size, self.mean, self.std, self.interpolation)

    def out(self, *specs: Spec) -> Spec:
        """A vector, one per part of the image, or a map."""
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
                f"The encoder {self.name_or_path} reads images of {len(self.mean)} channels, or grey ones, "
                f"got {specs[0]}."
            )
        return height, width
