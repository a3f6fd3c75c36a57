"""Encoders of timm: built by its factory, with weights read from safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from medley.errors import ConfigError, MissingDependencyError
from medley.nn.hub import INDEX, WEIGHTS, ModelFiles

_WEIGHTS = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir")
_SET_HERE = (*_WEIGHTS, "num_classes", "features_only", "out_indices", "scriptable", "exportable", "no_jit")
"""Arguments of timm's factory that a config does not decide: which weights are read, and that features come out."""


def timm_config(content: Mapping[str, Any], num_hidden_layers: int | None) -> dict[str, Any]:
    """The config of an encoder of timm, from the JSON file next to its weights.

    Raises:
        ConfigError: `num_hidden_layers` is set; the factory of timm builds whole encoders only.
    """
    if num_hidden_layers is not None:
        raise ConfigError(
            f"num_hidden_layers={num_hidden_layers}: layers of timm encoders cannot be removed; leave it out."
        )
    image = {**content, **(content.get("pretrained_cfg") or {})}
    channels, height, width = image.get("input_size") or (3, 224, 224)
    return {
        "model_type": "timm",
        "architecture": content["architecture"],
        "model_args": {key: value for key, value in (content.get("model_args") or {}).items() if key not in _SET_HERE},
        "hidden_size": int(content["num_features"]),
        "num_channels": channels,
        "image_size": [height, width],
        "image_mean": list(image.get("mean") or (0.485, 0.456, 0.406)),
        "image_std": list(image.get("std") or (0.229, 0.224, 0.225)),
        "interpolation": image.get("interpolation") or "bilinear",
    }


def timm_encoder(config: Mapping[str, Any]) -> TimmEncoder:
    """Builds the encoder without loading weights.

    Raises:
        ConfigError: timm has no such architecture, or not with these arguments.
        MissingDependencyError: timm cannot be imported.
    """
    try:
        import timm  # pyright: ignore[reportMissingImports]
    except Exception as error:  # a torchvision that does not match torch raises other errors than ImportError
        raise MissingDependencyError(
            f"Encoders of timm need timm, which cannot be imported ({error}).", package="timm"
        ) from error
    name = config["architecture"]
    if not timm.is_model(name):  # timm would look for other names on the hub
        raise ConfigError(f"timm has no architecture {name!r}; a newer timm may have it.")
    arguments = config["model_args"]
    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        settings = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise ConfigError(
            f"timm cannot build {name!r} with the model_args of its config ({settings}): {error}"
        ) from error
    if not any(True for _ in getattr(model, "fc_norm", nn.Identity()).parameters()):
        # Pooling is ours. Encoders that normalise what they have pooled keep theirs: its weights are among the others.
        model.reset_classifier(0, "")
    return TimmEncoder(model)


def load_timm(config: Mapping[str, Any], files: ModelFiles) -> TimmEncoder:
    """Builds the encoder and loads its weights, except those of the classifier.

    Raises:
        ConfigError: the weights belong to another architecture.
    """
    from safetensors.torch import load_file

    if not (files.folder / WEIGHTS).is_file():
        raise ConfigError(f"{files.folder} contains {INDEX}; weights of timm must be in a single file, {WEIGHTS}.")
    encoder = timm_encoder(config)
    missing, _ = encoder.model.load_state_dict(load_file(files.folder / WEIGHTS), strict=False)
    if missing:
        raise ConfigError(
            f"The weights in {files.folder} do not fit timm's {config['architecture']!r}: {missing[0]!r} is missing."
        )
    return encoder


@dataclass(frozen=True)
class TimmStates:
    """The output of an encoder, under the name that transformers uses."""

    last_hidden_state: Tensor


class TimmEncoder(nn.Module):
    """An encoder of timm with the interface of transformers.

    Shape: pixel_values (B, C, H, W) -> states (B, T, D) or a map (B, C', H', W').
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> TimmStates:
        return TimmStates(self.model.forward_features(pixel_values))
