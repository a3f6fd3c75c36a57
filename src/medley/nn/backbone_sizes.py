"""Sizes of a pretrained encoder and of its output, computed from its config alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from medley.errors import ConfigError
from medley.nn.backbone import BackbonePlan, blank, build, empty
from medley.nn.backbone_config import WITH_POOLED_OUTPUT, is_text, kind_of, plain
from medley.nn.backbone_layers import prefix_tokens


def parameters_of(config: Mapping[str, Any]) -> int:
    """The number of parameters of an encoder."""
    return _parameters(json.dumps(plain(config), sort_keys=True))


@cache
def _parameters(config: str) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in empty(json.loads(config)).parameters())


def has_summary(config: Mapping[str, Any]) -> bool:
    """Whether an encoder has a class token or a pooled output, which `pooling="cls"` requires."""
    return _has_summary(json.dumps(plain(config), sort_keys=True))


@cache
def _has_summary(config: str) -> bool:
    parsed = json.loads(config)
    if is_text(parsed) or kind_of(parsed) in WITH_POOLED_OUTPUT:
        return True
    with torch.device("meta"):
        return prefix_tokens(empty(parsed), parsed) > 0


def width_of(config: Mapping[str, Any]) -> int:
    """D, the width of an encoder's states."""
    if config["model_type"] in ("resnet", "convnext", "convnextv2", "regnet"):
        return int(config["hidden_sizes"][-1])
    if config["model_type"] == "efficientnet":
        return int(config["hidden_dim"])
    if "hidden_sizes" not in config:
        for name in ("hidden_size", "dim", "d_model", "n_embd"):  # most models; DistilBERT; T5; GPT-2
            if isinstance(config.get(name), int):
                return int(config[name])
    if is_text(config):
        raise ConfigError(
            f"The config of a model of type {config['model_type']!r} does not contain the width of its states."
        )
    side = config.get("image_size")
    return states_shape(config, (side, side) if isinstance(side, int) else (224, 224), "mean")[0]


def states_shape(config: Mapping[str, Any], size: tuple[int, int], pooling: str) -> tuple[int, ...]:
    """The shape of an encoder's output for one image without pooling: (T, D), or (C, H, W) of a feature map."""
    return _states_shape(json.dumps(plain(config), sort_keys=True), size, pooling)


@cache
def _states_shape(config: str, size: tuple[int, int], pooling: str) -> tuple[int, ...]:
    parsed = json.loads(config)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), blank():
        backbone = build(BackbonePlan(parsed, "", pooling=pooling)).eval()
        return tuple(backbone(pixel_values=torch.zeros(1, parsed.get("num_channels") or 3, *size)).shape[1:])
