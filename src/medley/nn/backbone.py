"""Pretrained encoders. Weights are read from safetensors, and no code that comes with a model is run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from medley.errors import ConfigError
from medley.nn.backbone_config import (
    SETTLED_KEYS,
    WITH_POOLED_OUTPUT,
    brief,
    check_config,
    is_text,
    kind_of,
    plain,
    quiet,
)
from medley.nn.backbone_layers import (
    POOLING_PARTS,
    Trainable,
    enable_gradient_checkpointing,
    has_argument,
    learning_rate_factors,
    prefix_tokens,
    set_trainable,
    untrained_modules,
)
from medley.nn.hub import find, missing_package
from medley.nn.speed import has_bfloat16

MIN_BFLOAT16_PARAMETERS = 3_000_000
"""Frozen encoders with as many parameters run in bfloat16 on CPUs that multiply it faster."""

_blank: ContextVar[bool] = ContextVar("blank", default=False)


@contextmanager
def blank() -> Iterator[None]:
    """A context in which encoders are built without pretrained weights; the caller loads them afterwards."""
    token = _blank.set(True)
    try:
        yield
    finally:
        _blank.reset(token)


@dataclass(frozen=True)
class BackbonePlan:
    """Which encoder to build, and how to train it.

    Args:
        config: configuration of the encoder alone, as JSON (`read_config`).
        name: the folder, or name on the hub, from which weights are loaded.
        revision: commit on the hub.
        pooling: `"cls"` (the encoder's pooled output, or its first token), `"mean"`, `"none"` (the states of all
            tokens) or `"map"` (a feature map).
        trainable: False, True, `"lora"` or a number of top layers.
        learning_rate_factor: multiplier of the learning rate for the top layer.
        layer_decay: multiplier of the learning rate per layer below.
        gradient_checkpointing: recompute activations in the backward pass instead of storing them.
        lora_rank: rank of the low-rank adapters of `"lora"`.
    """

    config: Mapping[str, Any]
    name: str
    revision: str | None = None
    pooling: str = "mean"
    trainable: Trainable = False
    learning_rate_factor: float = 1.0
    layer_decay: float = 1.0
    gradient_checkpointing: bool = False
    lora_rank: int = 8

    @classmethod
    def of(cls, layer: Any) -> Self:
        """The settings of a layer, whose fields have the same names, except `name_or_path`."""
        settings = {field.name: getattr(layer, field.name) for field in fields(cls) if field.name != "name"}
        return cls(name=layer.name_or_path, **settings)


def build(plan: BackbonePlan) -> Backbone:
    """Builds an encoder with its pretrained weights, or without weights inside `blank()`.

    Raises:
        WeightsNotFoundError: there are no pretrained weights.
        ConfigError: the weights belong to another type of model, or the encoder does not support the plan.
    """
    config = plain(plan.config)
    check_config(config)
    is_blank = _blank.get() or torch.get_default_device().type == "meta"
    encoder = empty(config) if is_blank else _load(plan, config)
    if hasattr(encoder, "pooler") and kind_of(config) not in WITH_POOLED_OUTPUT:
        encoder.pooler = None if has_argument(type(encoder).__init__, "add_pooling_layer") else encoder.pooler
    if hasattr(getattr(encoder, "config", None), "use_cache"):
        encoder.config.use_cache = False  # a cache for decoding, which is not done here
    return Backbone(encoder.float(), plan)


def empty(config: dict[str, Any]) -> Any:
    """Builds the encoder of a config without loading weights."""
    if config["model_type"] == "timm":
        from medley.nn.backbone_timm import timm_encoder

        return timm_encoder(config)
    arguments = _config_arguments(config)
    with quiet(), _uninitialised():
        return _encoder_of(_model_class(config)(_config_of(config["model_type"], arguments)))


def _config_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in SETTLED_KEYS and not key.startswith("_")}


def _uninitialised() -> AbstractContextManager[None]:
    # Initialising a large encoder at random takes longer than reading the weights that replace the random values.
    try:
        from transformers.initialization import no_init_weights
    except ImportError:  # before 5.0
        from transformers.modeling_utils import no_init_weights  # pyright: ignore[reportAttributeAccessIssue]
    return no_init_weights()


def _load(plan: BackbonePlan, config: dict[str, Any]) -> Any:
    files = find(plan.name, plan.revision)
    if config["model_type"] == "timm":
        from medley.nn.backbone_timm import load_timm

        return load_timm(config, files)
    arguments = _config_arguments(config)
    with quiet():
        try:
            model, info = _model_class(config).from_pretrained(
                files.folder,
                config=_config_of(config["model_type"], arguments),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ConfigError(f"The weights in {files.folder} cannot be read: {brief(error)}") from error
    missing = [name for name in info["missing_keys"] if not {"pooler", "head", "mask_token"} & set(name.split("."))]
    if missing or info["mismatched_keys"]:
        invalid = sorted(missing or [str(mismatch[0]) for mismatch in info["mismatched_keys"]])
        raise ConfigError(
            f"The weights in {files.folder} do not fit a model of type {config['model_type']!r}: {invalid[0]!r} and "
            f"{len(invalid) - 1} others are missing or have another shape."
        )
    return _encoder_of(model)


def _config_of(model_type: str, arguments: Mapping[str, Any]) -> Any:
    import transformers

    try:
        return _checked(transformers.AutoConfig.for_model(model_type, **arguments))
    except ValueError:
        # Some towers are not listed as models in transformers: "siglip_text_model" is a SiglipTextConfig.
        name = "".join(word.capitalize() for word in model_type.removesuffix("_model").split("_"))
        config_class = getattr(transformers, f"{name}Config", None)
        if config_class is None:
            raise ConfigError(
                f"The installed version of transformers has no model of type {model_type!r}; another version may."
            ) from None
        return _checked(config_class(**arguments))


def _checked(config: Any) -> Any:
    """A config of transformers; refused if its encoder would fetch another one, as some detectors do."""
    if any(getattr(config, key, None) for key in ("use_pretrained_backbone", "use_timm_backbone", "backbone")):
        raise ConfigError(
            f"A model of type {config.model_type!r} is built around another model, which is not supported."
        )
    return config


def _model_class(config: Mapping[str, Any]) -> Any:
    """The class of the encoder, among those that transformers itself provides."""
    try:
        import transformers
    except ImportError as error:
        raise missing_package(error) from error
    config_class = type(_config_of(config["model_type"], {}))
    mapping: Any = transformers.MODEL_MAPPING
    if config_class in mapping:
        model_class = mapping[config_class]
        return model_class[0] if isinstance(model_class, tuple | list) else model_class
    model_class = getattr(transformers, config_class.__name__.removesuffix("Config") + "Model", None)
    if model_class is None:
        raise ConfigError(f"transformers has no encoder of type {config['model_type']!r}.")
    return model_class


def _encoder_of(model: Any) -> Any:
    return model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model


class Backbone(nn.Module):
    """A pretrained encoder with pooling. Modules that are not trained always stay in evaluation mode.

    Args:
        encoder: an encoder of transformers, or a module with the same interface.
        plan: how it pools and which weights are trained.

    Shape: texts: `input_ids` and `attention_mask` (B, T); images: `pixel_values` (B, C, H, W) -> (B, D), states
        (B, T, D) or feature maps (B, C, H, W).

    Raises:
        ConfigError: the encoder has no class token, or fewer layers than `trainable` requires.
    """

    def __init__(self, encoder: Any, plan: BackbonePlan) -> None:
        super().__init__()
        self.encoder = encoder
        self.plan = plan
        config = plain(plan.config)
        self.is_text = is_text(config)
        self.has_pooled_output = kind_of(config) in WITH_POOLED_OUTPUT
        self.prefix = 0 if self.is_text else prefix_tokens(encoder, config)
        self.interpolates = not self.is_text and has_argument(encoder.forward, "interpolate_pos_encoding")
        if plan.pooling == "cls" and not (self.is_text or self.has_pooled_output or self.prefix):
            raise ConfigError(
                f"pooling='cls', but a model of type {config['model_type']!r} has no class token; "
                "use 'mean' or 'attention'."
            )
        set_trainable(encoder, plan.trainable, self._unused_parts(config), lora_rank=plan.lora_rank)
        if plan.gradient_checkpointing and plan.trainable is not False:
            enable_gradient_checkpointing(encoder)
        self._untrained = untrained_modules(encoder)
        # Frozen and large: bfloat16 is two to three times as fast, and changes vectors by less than one percent.
        size = sum(parameter.numel() for parameter in encoder.parameters())
        self._may_round = self.frozen and size >= MIN_BFLOAT16_PARAMETERS and has_bfloat16()
        self.train()

    def _unused_parts(self, config: Mapping[str, Any]) -> set[str]:
        """Names of parts above the layers whose output this pooling does not use."""
        if self.plan.pooling == "cls" and self.has_pooled_output:
            return set()
        # ConvNeXt normalises its mean, but not its feature map.
        skips_norm = kind_of(config) in ("convnext", "convnextv2") and self.plan.pooling != "mean"
        return {*POOLING_PARTS, *(("layernorm",) if skips_norm else ())}

    @property
    def frozen(self) -> bool:
        """Whether no weights are trained."""
        return self.plan.trainable is False

    def train(self, mode: bool = True) -> Backbone:  # noqa: FBT001, FBT002  (torch's own)
        """Sets training mode, except for modules that are not trained."""
        super().train(mode)
        for module in self._untrained:
            module.train(False)
        return self

    def forward(self, **inputs: Tensor) -> Tensor:
        if self.interpolates:
            inputs["interpolate_pos_encoding"] = True  # type: ignore[assignment]
        if not (self.is_text or torch.compiler.is_compiling()):
            # Convolutions of a CPU are up to twice as fast in this layout; others do not care.
            inputs["pixel_values"] = inputs["pixel_values"].contiguous(memory_format=torch.channels_last)
        device = next(iter(inputs.values())).device.type
        rounds = self._may_round and device == "cpu" and not torch.compiler.is_compiling()
        with torch.autocast(device, torch.bfloat16) if rounds else nullcontext():
            output = self.encoder(**inputs)
        for name in ("last_hidden_state", "pooler_output") if rounds else ():
            if getattr(output, name, None) is not None:
                setattr(output, name, getattr(output, name).float())
        return self._pooled(output, inputs.get("attention_mask"))

    def _pooled(self, output: Any, mask: Tensor | None) -> Tensor:
        states: Tensor = output.last_hidden_state
        pooling = self.plan.pooling
        if pooling == "cls":
            return output.pooler_output if self.has_pooled_output else states[:, 0]
        if states.ndim == 4:
            return _pool_map(output, pooling)
        if pooling == "mean":
            return states[:, self.prefix :].mean(1) if mask is None else _masked_mean(states, mask)
        return states if mask is None else states * mask.unsqueeze(2).to(states.dtype)

    def learning_rates(self) -> dict[str, float]:
        """The learning-rate multiplier of each trained parameter, by name."""
        factor, decay = self.plan.learning_rate_factor, self.plan.layer_decay
        return {f"encoder.{name}": rate for name, rate in learning_rate_factors(self.encoder, factor, decay).items()}

    def untouched(self) -> list[str]:
        """Names of the weights that training does not change: they are as loaded."""
        changing = {
            f"encoder.{name}" for name, p in self.encoder.named_parameters() if p.requires_grad or "lora_" in name
        }
        untrained = {id(module) for root in self._untrained for module in root.modules()}
        for name, module in self.encoder.named_modules():
            if id(module) not in untrained:
                prefix = f"encoder.{name}." if name else "encoder."
                changing |= {f"{prefix}{buffer}" for buffer, _ in module.named_buffers(recurse=False)}
        return [name for name in self.state_dict() if name not in changing]

    def checksum(self) -> str:
        """SHA-256 of the names, shapes and values of `untouched`."""
        state, digest = self.state_dict(), hashlib.sha256()
        for name in sorted(self.untouched()):
            weight = state[name].detach().cpu().contiguous()
            digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
            digest.update(weight.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


def _pool_map(output: Any, pooling: str) -> Tensor:
    states = output.last_hidden_state
    if pooling == "map":
        return states
    if pooling == "none":
        return states.flatten(2).transpose(1, 2)
    pooled = getattr(output, "pooler_output", None)  # the mean, normalised if the model has such a layer
    return states.mean((2, 3)) if pooled is None else pooled.flatten(1)


def _masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(2).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp_min(1)
