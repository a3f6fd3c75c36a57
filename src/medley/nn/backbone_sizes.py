"""What is known of a pretrained encoder from its config alone: how large it is, and what it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from medley.errors import ConfigError
from medley.nn.backbone import Plan, blank, build, empty
from medley.nn.backbone_config import SUMMARISED, is_text, kind_of, plain
from medley.nn.backbone_layers import prefix_tokens


def parameters_of(config: Mapping[str, Any]) -> int:
    """How many parameters an encoder of this config has."""
    return _parameters(json.dumps(plain(config), sort_keys=True))


@cache
def _parameters(config: str) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in empty(json.loads(config)).parameters())


def has_summary(config: Mapping[str, Any]) -> bool:
    """Whether an encoder has a summary of a row of its own, which `pooling="cls"` reads."""
    return _has_summary(json.dumps(plain(config), sort_keys=True))


@cache
def _has_summary(config: str) -> bool:
    told = json.loads(config)
    if is_text(told) or kind_of(told) in SUMMARISED:
        return True
    with torch.device("meta"):
        return prefix_tokens(empty(told), told) > 0


def width_of(config: Mapping[str, Any]) -> int:
    """D of an encoder's states."""
    if config["model_type"] in ("resnet", "convnext", "convnextv2", "regnet"):
        return int(config["hidden_sizes"][-1])
    if config["model_type"] == "efficientnet":
        return int(config["hidden_dim"])
    if "hidden_sizes" not in config:
        for name in ("hidden_size", "dim", "d_model", "n_embd"):  # most; DistilBERT's, T5's, GPT-2's
            if isinstance(config.get(name), int):
                return int(config[name])
    if is_text(config):
        raise ConfigError(f"A model of kind {config['model_type']!r} does not say how wide its states are.")
    side = config.get("image_size")
    return states_shape(config, (side, side) if isinstance(side, int) else (224, 224), "mean")[0]


def states_shape(config: Mapping[str, Any], size: tuple[int, int], pooling: str) -> tuple[int, ...]:
    """The shape of what an encoder makes of one image where it is not pooled: (T, D), or (C, H, W) of a map."""
    return _states_shape(json.dumps(plain(config), sort_keys=True), size, pooling)


@cache
def _states_shape(config: str, size: tuple[int, int], pooling: str) -> tuple[int, ...]:
    told = json.loads(config)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), blank():
        backbone = build(Plan(told, "", pooling=pooling)).eval()
        return tuple(backbone(pixel_values=torch.zeros(1, told.get("num_channels") or 3, *size)).shape[1:])
