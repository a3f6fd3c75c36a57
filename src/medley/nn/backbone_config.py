"""What a pretrained encoder is made of, as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from medley.errors import ConfigError
from medley.nn.hub import Found, missing_package

# Not needed to build the encoder again, and for models of a thousand classes longer than all the rest.
_LEFT_OUT = ("id2label", "label2id", "architectures", "task_specific_params", "transformers_version", "_name_or_path")
_TOWERS = {"text": ("text_config",), "image": ("vision_config", "image_config")}
# Towers whose summary of a row is made by the encoder itself, and is no token of its last layer.
SUMMARISED = ("clip", "siglip", "siglip2", "metaclip_2", "altclip", "chinese_clip")


def read_config(found: Found, modality: str, num_hidden_layers: int | None = None) -> dict[str, Any]:
    """What an encoder is made of, as JSON: of a model of two towers, the tower of that modality.

    Args:
        found: the model's files.
        modality: `"text"` or `"image"`.
        num_hidden_layers: the first so many of its layers.

    Raises:
        ConfigError: a kind of model that transformers does not know, or fewer layers than are wanted.
    """
    told = found.json("config.json") or {}
    if "architecture" in told and "model_type" not in told:
        from medley.nn.backbone_timm import timm_config

        return timm_config(told, num_hidden_layers)
    config: Any = _auto_config(found)
    for tower in _TOWERS[modality]:
        config = getattr(config, tower, None) or config
    _check_modality(config, modality, found)
    full = config.to_dict()
    if num_hidden_layers is not None:
        _check_layers(config, full, num_hidden_layers)
        config.num_hidden_layers = num_hidden_layers
        if isinstance(getattr(config, "layer_types", None), list):
            config.layer_types = config.layer_types[:num_hidden_layers]
        full = config.to_dict()
    return json.loads(json.dumps({key: one for key, one in full.items() if key not in _LEFT_OUT}, default=str))


def _auto_config(found: Found) -> Any:
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise missing_package(error) from error
    try:
        with quiet():
            return AutoConfig.from_pretrained(found.folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, KeyError, OSError) as error:
        raise ConfigError(f"transformers cannot read {found.folder / 'config.json'}: {brief(error)}") from error


def _check_modality(config: Any, modality: str, found: Found) -> None:
    sees = hasattr(config, "num_channels") or hasattr(config, "image_size") or hasattr(config, "patch_size")
    if sees != (modality == "image"):
        other = "images: use PretrainedImageBlock" if sees else "texts: use PretrainedTextBlock"
        raise ConfigError(f"{found.folder} holds a model of kind {config.model_type!r}, which reads {other}.")


def _check_layers(config: Any, full: Mapping[str, Any], wanted: int) -> None:
    if "depths" in full or "num_block_repeats" in full or not hasattr(config, "num_hidden_layers"):
        raise ConfigError(
            f"num_hidden_layers={wanted}: a model of kind {config.model_type!r} is made of stages of different widths, "
            "so that none can be left out; leave num_hidden_layers out."
        )
    if wanted > config.num_hidden_layers:
        raise ConfigError(f"num_hidden_layers={wanted}, but the model has {config.num_hidden_layers} layers.")


def brief(error: Exception) -> str:
    """What an error of transformers says, without the list of all that would have been right.

    >>> brief(ValueError("Unrecognized model. Choose one of a, b, " + "c, " * 999))[-16:]
    'c, c, c, c, c...'
    """
    told = " ".join(str(error).split())
    return told if len(told) <= 300 else f"{told[:300].rstrip(', ')}..."


def is_text(config: Mapping[str, Any]) -> bool:
    """Whether the encoder reads texts."""
    return "vocab_size" in config


def kind_of(config: Mapping[str, Any]) -> str:
    """The kind of model; of a tower, that of the whole."""
    return str(config["model_type"]).removesuffix("_text_model").removesuffix("_vision_model")


def plain(value: Any) -> Any:
    """A config as JSON had it: blocks that were read from a file hold tuples."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and notes of transformers: what is wrong with the weights is checked and told here."""
    from transformers.utils import logging as notes

    bars, level = notes.is_progress_bar_enabled(), notes.get_verbosity()
    notes.disable_progress_bar()
    notes.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        notes.set_verbosity(level)
        if bars:
            notes.enable_progress_bar()
