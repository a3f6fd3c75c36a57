"""Configs of pretrained encoders, as JSON."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from medley.errors import ConfigError
from medley.nn.hub import ModelFiles, missing_package

# Not needed to rebuild the encoder, and longer than everything else for models with a thousand classes.
_IGNORED_KEYS = (
    "id2label",
    "label2id",
    "architectures",
    "task_specific_params",
    "transformers_version",
    "_name_or_path",
)
_TOWERS = {"text": ("text_config",), "image": ("vision_config", "image_config")}
# Towers that return a pooled output which is not a token of their last layer.
WITH_POOLED_OUTPUT = ("clip", "siglip", "siglip2", "metaclip_2", "altclip", "chinese_clip")


SETTLED_KEYS = (
    *("model_type", "dtype", "torch_dtype", "return_dict", "use_return_dict", "output_hidden_states"),
    *("output_attentions", "torchscript", "return_unused_kwargs"),
)
"""What medley settles itself: a config has no say in what an encoder returns."""

_FORBIDDEN_KEYS = (
    # Each of these makes transformers or timm fetch something, or read another file.
    *("attn_implementation", "experts_implementation", "auto_map", "quantization_config", "trust_remote_code"),
    *("custom_pipelines", "kernel_config", "use_kernels", "backbone", "backbone_config", "backbone_kwargs"),
    *("use_timm_backbone", "use_pretrained_backbone", "adapter_kwargs", "name_or_path", "pretrained", "cache_dir"),
    *("pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "hub_kernels", "gguf_file"),
)


def check_config(config: Mapping[str, Any]) -> None:
    """Checks a config that may come from anybody: no key makes a package fetch or read something.

    Args:
        config: as JSON.

    Raises:
        ConfigError: a key is not allowed, or the type of model has no usual name.

    >>> check_config({"model_type": "bert", "attn_implementation": "someone/kernel"})
    Traceback (most recent call last):
        ...
    medley.errors.ConfigError: The config of a pretrained encoder must not set 'attn_implementation'.
    """
    for key in ("model_type", "architecture"):
        value = config.get(key, "x")
        if not isinstance(value, str) or not re.fullmatch(r"[\w.-]{1,100}", value):
            raise ConfigError(f"The {key} of a pretrained encoder must be a name, got {value!r:.100}.")
    if "model_type" not in config:
        raise ConfigError("The config of a pretrained encoder must have a model_type.")
    _check_keys(config, depth=0)


def _check_keys(value: Any, depth: int) -> None:
    if depth > 10:
        raise ConfigError("The config of a pretrained encoder is nested too deeply.")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in _FORBIDDEN_KEYS and item not in (None, False):
                raise ConfigError(f"The config of a pretrained encoder must not set {key!r}.")
            _check_keys(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item, depth + 1)


def read_config(files: ModelFiles, modality: str, num_hidden_layers: int | None = None) -> dict[str, Any]:
    """Reads the config of an encoder as JSON; for a model with two towers, that of the tower for the modality.

    Args:
        files: the model's files.
        modality: `"text"` or `"image"`.
        num_hidden_layers: use only so many of the first layers.

    Raises:
        ConfigError: transformers does not know this type of model, or it has fewer layers.
    """
    content = files.json("config.json") or {}
    if "architecture" in content and "model_type" not in content:
        from medley.nn.backbone_timm import timm_config

        return timm_config(content, num_hidden_layers)
    config: Any = _auto_config(files)
    for tower in _TOWERS[modality]:
        config = getattr(config, tower, None) or config
    _check_modality(config, modality, files)
    full = config.to_dict()
    if num_hidden_layers is not None:
        _check_layers(config, full, num_hidden_layers)
        config.num_hidden_layers = num_hidden_layers
        if isinstance(getattr(config, "layer_types", None), list):
            config.layer_types = config.layer_types[:num_hidden_layers]
        full = config.to_dict()
    return json.loads(json.dumps({key: value for key, value in full.items() if key not in _IGNORED_KEYS}, default=str))


def _auto_config(files: ModelFiles) -> Any:
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise missing_package(error) from error
    try:
        with quiet():
            return AutoConfig.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, KeyError, OSError) as error:
        raise ConfigError(f"transformers cannot read {files.folder / 'config.json'}: {brief(error)}") from error


def _check_modality(config: Any, modality: str, files: ModelFiles) -> None:
    reads_images = hasattr(config, "num_channels") or hasattr(config, "image_size") or hasattr(config, "patch_size")
    if reads_images != (modality == "image"):
        actual = "images: use PretrainedImageBlock" if reads_images else "texts: use PretrainedTextBlock"
        raise ConfigError(f"{files.folder} contains a model of type {config.model_type!r}, which reads {actual}.")


def _check_layers(config: Any, full: Mapping[str, Any], count: int) -> None:
    if "depths" in full or "num_block_repeats" in full or not hasattr(config, "num_hidden_layers"):
        raise ConfigError(
            f"num_hidden_layers={count}: a model of type {config.model_type!r} consists of stages of different widths, "
            "none of which can be removed; leave num_hidden_layers out."
        )
    if count > config.num_hidden_layers:
        raise ConfigError(f"num_hidden_layers={count}, but the model has {config.num_hidden_layers} layers.")


def brief(error: Exception) -> str:
    """The message of an error of transformers, without the long list of valid values.

    >>> brief(ValueError("Unrecognized model. Choose one of a, b, " + "c, " * 999))[-16:]
    'c, c, c, c, c...'
    """
    message = " ".join(str(error).split())
    return message if len(message) <= 300 else f"{message[:300].rstrip(', ')}..."


def is_text(config: Mapping[str, Any]) -> bool:
    """Whether the encoder reads texts."""
    return "vocab_size" in config


def kind_of(config: Mapping[str, Any]) -> str:
    """The type of model; for a tower, the type of the whole model."""
    return str(config["model_type"]).removesuffix("_text_model").removesuffix("_vision_model")


def plain(value: Any) -> Any:
    """Converts a config to plain JSON values: fields of blocks that were read from a file contain tuples."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def quiet() -> Iterator[None]:
    """Silences the progress bars and logs of transformers; medley checks weights and reports problems itself."""
    from transformers.utils import logging as transformers_logging

    had_progress_bar, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if had_progress_bar:
            transformers_logging.enable_progress_bar()
