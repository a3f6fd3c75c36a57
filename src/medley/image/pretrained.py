"""Images through a pretrained encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, cast

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.registry import lookup
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.core.tuning import is_cheap_to_tune, rates_of, tuning_problems
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
"""What is taken where no model is named: the first, or the first that is in the cache."""


class PretrainedImageBlock(Composite, register="image.pretrained"):
    """A pretrained encoder of images, with the size, mean and deviation that it was trained with.

    Any encoder that `AutoModel` of transformers loads: ViT, DINOv2, ResNet, ConvNeXt, Swin, EfficientNet, the vision
    towers of CLIP and SigLIP, ...; those of timm where it is installed. Weights are read as safetensors; no code of a
    model is run. Called on an ImageInput, images are brought to its size once, as they are encoded; called on what
    other blocks make of one (ImageAugmentation, Normalization, ...), in the network. Images are not cropped. Where
    nothing of it learns (`trainable=False`, what is tried first) and no augmentation comes before it, images run
    through it once.

    Args:
        name_or_path: a folder (of `save_pretrained`), or a name on the hub. HF_HUB_OFFLINE is respected.
        pooling: `"cls"` (the class token, or the summary that the model makes itself), `"mean"` over the image, or
            `"attention"` (a weighted mean that is learnt).
        num_hidden_layers: the first so many layers; left out, all. Only of models whose layers are all alike.
        trainable: False, True, `"lora"` (low-rank additions to the layers' weights; Hu et al. 2021) or the number of
            top layers (of stages, where a model has such) that learn.
        size: side, or (height, width), that images get; left out, that of the model's files.
        learning_rate_factor: share of the training's learning rate that the top layer learns with; unset, it is
            searched where something learns.
        layer_decay: factor on that per layer below; likewise.
        gradient_checkpointing: less memory in training, for more time.
        lora_rank: of `"lora"`.
        revision: branch, tag or commit on the hub.

    Shape: (B, C, H, W) -> (B, D), D the width of the encoder.

    Raises:
        ConfigError: no model is named, it is nowhere, it reads no images, or a field breaks a rule.
        GraphError: joined to something that is not an image.
    """

    name_or_path: str | None = None
    pooling: str | Space | None = searched(OneOf("mean", "cls", "attention"))
    num_hidden_layers: int | None = None
    trainable: bool | int | str | Space | None = searched(OneOf(False, True), also=(int, str))
    size: int | tuple[int, int] | None = None
    learning_rate_factor: float | Space | None = field(default=None, kw_only=True)
    layer_decay: float | Space | None = field(default=None, kw_only=True)
    gradient_checkpointing: bool = field(default=False, kw_only=True)
    lora_rank: int = field(default=8, kw_only=True)
    revision: str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """A model is named; modes and numbers are such that exist."""
        yield from tuning_problems(self)
        yield from size_problem(self.size)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Frozen, its own summary where it has one; large encoders are not tuned without a GPU unless asked for."""
        from medley.nn.backbone_sizes import has_summary, parameters_of

        config = self._config()[0]
        cheap = is_cheap_to_tune(parameters_of(config))
        poolings = ("cls", "mean", "attention") if has_summary(config) else ("mean", "attention")
        return {"pooling": OneOf(*poolings), "trainable": OneOf(False, True) if cheap else OneOf(False)}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the encoding, the encoder and the pooling."""
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

    def _config(self) -> tuple[dict[str, Any], str | None]:
        return configured(self.name_or_path, self.revision, self.num_hidden_layers)


def pretrained_encoder(block: Any, pooling: str) -> PretrainedImageEncoder:
    """The layer that a settled block becomes.

    Args:
        block: a PretrainedImageBlock.
        pooling: of the layer: `"cls"`, `"mean"`, `"none"` or `"map"`.

    Raises:
        ConfigError: there is no such model, or it reads no images.
    """
    from medley.image.pretrained_pixels import image_of
    from medley.nn.hub import find

    found = find(block.name_or_path, block.revision)
    config, revision = configured(block.name_or_path, block.revision, block.num_hidden_layers)
    image = image_of(found, config)
    return PretrainedImageEncoder(
        block.name_or_path,
        config,
        revision or block.revision,
        size=pair(block.size) or image.size,
        mean=image.mean,
        std=image.std,
        interpolation=image.interpolation,
        pooling=pooling,
        num_hidden_layers=block.num_hidden_layers,
        trainable=block.trainable,
        gradient_checkpointing=block.gradient_checkpointing,
        lora_rank=block.lora_rank,
        **rates_of(block),
    )


def pretrained_map(name: str, trainable: Any) -> PretrainedImageEncoder:
    """The layer that makes the map of a pretrained network of convolutions.

    Args:
        name: folder, or name on the hub.
        trainable: as of PretrainedImageBlock; None is False.

    Raises:
        ConfigError: there is no such model, or it makes no map.
    """
    block = PretrainedImageBlock(name, trainable=False if trainable is None else trainable)
    encoder = pretrained_encoder(block, "map")
    rates = {key: getattr(one, "default", one) for key, one in rates_of(block).items()}
    return replace(encoder, **rates)


def configured(name: Any, revision: str | None, num_hidden_layers: int | None) -> tuple[dict[str, Any], str | None]:
    """The config of a pretrained encoder of images, and the commit that it is of.

    Raises:
        ConfigError: there is no such model, or it reads no images.
    """
    from medley.nn.backbone_config import read_config
    from medley.nn.hub import find

    found = find(name, revision)
    config = read_config(found, "image", num_hidden_layers)
    if "vocab_size" in config:
        raise ConfigError(f"{name} reads no images: it is of kind {config['model_type']!r}.")
    return config, found.revision
