"""Encoders of timm, where it is installed: built by its factory, their weights read like all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from medley.errors import ConfigError, MissingDependencyError
from medley.nn.hub import INDEX, WEIGHTS, Found


def timm_config(told: Mapping[str, Any], num_hidden_layers: int | None) -> dict[str, Any]:
    """The config of an encoder of timm, from the JSON beside its weights.

    Raises:
        ConfigError: fewer layers are asked for; its factory builds whole encoders.
    """
    if num_hidden_layers is not None:
        raise ConfigError(f"num_hidden_layers={num_hidden_layers}: encoders of timm are taken whole; leave it out.")
    image = {**told, **(told.get("pretrained_cfg") or {})}
    channels, height, width = image.get("input_size") or (3, 224, 224)
    return {
        "model_type": "timm",
        "architecture": told["architecture"],
        "model_args": told.get("model_args") or {},
        "hidden_size": int(told["num_features"]),
        "num_channels": channels,
        "image_size": [height, width],
        "image_mean": list(image.get("mean") or (0.485, 0.456, 0.406)),
        "image_std": list(image.get("std") or (0.229, 0.224, 0.225)),
        "interpolation": image.get("interpolation") or "bilinear",
    }


def timm_encoder(config: Mapping[str, Any]) -> TimmEncoder:
    """The encoder without weights.

    Raises:
        MissingDependencyError: timm cannot be imported.
    """
    try:
        import timm  # pyright: ignore[reportMissingImports]
    except Exception as error:  # a torchvision that does not fit its torch raises more than ImportError
        raise MissingDependencyError(
            f"Encoders of timm need timm, which cannot be imported here ({error}).", package="timm"
        ) from error
    model = timm.create_model(
        config["architecture"], pretrained=False, num_classes=0, global_pool="", **config["model_args"]
    )
    return TimmEncoder(model)


def load_timm(config: Mapping[str, Any], found: Found) -> TimmEncoder:
    """The encoder with its weights; those of its classifier are left out.

    Raises:
        ConfigError: the weights are of another architecture.
    """
    from safetensors.torch import load_file

    if not (found.folder / WEIGHTS).is_file():
        raise ConfigError(f"{found.folder} holds {INDEX}; weights of timm are read from one file, {WEIGHTS}.")
    encoder = timm_encoder(config)
    lacking, _ = encoder.model.load_state_dict(load_file(found.folder / WEIGHTS), strict=False)
    if lacking:
        raise ConfigError(
            f"The weights in {found.folder} do not fit timm's {config['architecture']!r}: {lacking[0]!r} is missing."
        )
    return encoder


@dataclass(frozen=True)
class TimmStates:
    """What an encoder made, under the name that transformers gives it."""

    last_hidden_state: Tensor


class TimmEncoder(nn.Module):
    """An encoder of timm that answers as one of transformers.

    Shape: pixel_values (B, C, H, W) -> states (B, T, D) or a map (B, C', H', W').
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> TimmStates:
        return TimmStates(self.model.forward_features(pixel_values))
