"""The block of pretrained image encoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, cast

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.registry import lookup
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.core.tuning import is_cheap_to_tune, learning_rate_fields, tuning_problems
from medley.errors import ConfigError
from medley.image.families import image_size
from medley.image.pretrained_encoder import PretrainedImageEncoder, PretrainedPixels
from medley.image.sizes import as_text, pair, size_problem

IMAGE_MODELS = (
    "microsoft/resnet-18",
    "microsoft/resnet-34",
    "microsoft/resnet-50",
    "facebook/dinov2-small",
    "google/vit-base-patch16-224",
)
"""Models that are used if none is named: the first, or the first that is in the local cache."""


class PretrainedImageBlock(Composite, register="image.pretrained"):
    """A pretrained image encoder, with the image size, mean and standard deviation of its own training.

    Any encoder that `AutoModel` of transformers loads: ViT, DINOv2, ResNet, ConvNeXt, Swin, EfficientNet, the vision
    towers of CLIP and SigLIP, ...; those of timm if it is installed. Weights are read from safetensors; no code of a
    model is run. Called on an ImageInput, images are resized once, when they are encoded; called on the output of other
    blocks (ImageAugmentation, Normalization, ...), they are resized in the network. Images are not cropped. If it is
    frozen (`trainable=False`, the default) and no augmentation comes before it, each image is encoded only once.

    Args:
        name_or_path: a folder (of `save_pretrained`), or a name on the hub. HF_HUB_OFFLINE is respected.
        pooling: `"cls"` (the class token, or the model's own pooled output), `"mean"` over the image, or `"attention"`
            (a learned weighted mean).
        num_hidden_layers: number of layers to use, from the bottom; if unset, all. Only for models whose layers all
            have the same shape.
        trainable: False, True, `"lora"` (low-rank adaptation; Hu et al. 2021) or the number of top layers (stages, if
            the model has stages) to train.
        size: side length, or (height, width), to which images are resized; if unset, that of the model's files.
        learning_rate_factor: multiplier of the learning rate for the top layer; if unset, it is searched when any layer
            is trained.
        layer_decay: multiplier of the learning rate per layer further down; likewise.
        gradient_checkpointing: use less memory in training, at the cost of time.
        lora_rank: rank of the LoRA matrices.
        revision: branch, tag or commit on the hub.

    Shape: (B, C, H, W) -> (B, D), D the width of the encoder.

    Raises:
        ConfigError: no model is named, it cannot be found, it does not read images, or an argument is invalid.
        GraphError: called on something that is not an image.
    """

    name_or_path: str | None = None
    pooling: str | Space | None = searched(OneOf("mean", "cls", "attention"))
    num_hidden_layers: int | None = None
    trainable: bool | int | str | Space | None = searched(OneOf(False, True), other_types=(int, str))
    size: int | tuple[int, int] | None = None
    learning_rate_factor: float | Space | None = field(default=None, kw_only=True)
    layer_decay: float | Space | None = field(default=None, kw_only=True)
    gradient_checkpointing: bool = field(default=False, kw_only=True)
    lora_rank: int = field(default=8, kw_only=True)
    revision: str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks model, training settings and size."""
        yield from tuning_problems(self)
        yield from size_problem(self.size)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Frozen first, with the model's own pooling if it has one; large encoders are not fine-tuned without a GPU."""
        from medley.nn.backbone_sizes import has_summary, parameters_of

        config = self._read_config()[0]
        is_cheap = is_cheap_to_tune(parameters_of(config))
        poolings = ("cls", "mean", "attention") if has_summary(config) else ("mean", "attention")
        return {"pooling": OneOf(*poolings), "trainable": OneOf(False, True) if is_cheap else OneOf(False)}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Connects the resizing, the encoder and the pooling."""
        image_size(specs[0], "PretrainedImageBlock")
        pooling = str(self.pooling)
        encoder = pretrained_encoder(self, "none" if pooling == "attention" else pooling)
        node, source = nodes[0], cast("Any", nodes[0].block)
        if isinstance(source, lookup("image.input")):
            assert encoder.size is not None
            pixels = PretrainedPixels(
                encoder.size,
                encoder.interpolation,
                len(encoder.mean),
                as_text(source.root),
                source.on_bad_file,
            )
            node = pixels(node)
        node = encoder(node)
        return lookup("series.attention_pooling")()(node) if pooling == "attention" else node

    def _read_config(self) -> tuple[dict[str, Any], str | None]:
        return read_image_config(self.name_or_path, self.revision, self.num_hidden_layers)


def pretrained_encoder(block: Any, pooling: str) -> PretrainedImageEncoder:
    """The layer of a PretrainedImageBlock without open fields.

    Args:
        block: the PretrainedImageBlock.
        pooling: of the layer: `"cls"`, `"mean"`, `"none"` or `"map"`.

    Raises:
        ConfigError: there is no such model, or it does not read images.
    """
    from medley.image.pretrained_format import read_image_format
    from medley.nn.hub import find

    files = find(block.name_or_path, block.revision)
    config, revision = read_image_config(block.name_or_path, block.revision, block.num_hidden_layers)
    image_format = read_image_format(files, config)
    return PretrainedImageEncoder(
        block.name_or_path,
        config,
        revision or block.revision,
        size=pair(block.size) or image_format.size,
        mean=image_format.mean,
        std=image_format.std,
        interpolation=image_format.interpolation,
        pooling=pooling,
        num_hidden_layers=block.num_hidden_layers,
        trainable=block.trainable,
        gradient_checkpointing=block.gradient_checkpointing,
        lora_rank=block.lora_rank,
        **learning_rate_fields(block),
    )


def pretrained_map(name: str, trainable: Any) -> PretrainedImageEncoder:
    """The layer of a pretrained convolutional network that outputs its feature map.

    Args:
        name: folder, or name on the hub.
        trainable: as in PretrainedImageBlock; None is False.

    Raises:
        ConfigError: there is no such model, or it has no feature map.
    """
    block = PretrainedImageBlock(name, trainable=False if trainable is None else trainable)
    encoder = pretrained_encoder(block, "map")
    rates = {name: getattr(rate, "default", rate) for name, rate in learning_rate_fields(block).items()}
    return replace(encoder, **rates)


def read_image_config(
    name: Any, revision: str | None, num_hidden_layers: int | None
) -> tuple[dict[str, Any], str | None]:
    """The config of a pretrained image encoder, and its commit on the hub.

    Raises:
        ConfigError: there is no such model, or it does not read images.
    """
    from medley.nn.backbone_config import read_config
    from medley.nn.hub import find

    files = find(name, revision)
    config = read_config(files, "image", num_hidden_layers)
    if "vocab_size" in config:
        raise ConfigError(f"{name} does not read images: it is a {config['model_type']!r} model.")
    return config, files.revision
