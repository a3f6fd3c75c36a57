"""Pretrained encoders: the only door to them. Loading one runs no code of its own; weights are safetensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from medley.errors import ConfigError
from medley.nn.backbone_config import SUMMARISED, brief, is_text, kind_of, plain, quiet
from medley.nn.backbone_layers import (
    BESIDE,
    Trainable,
    checkpoint_gradients,
    prefix_tokens,
    rates,
    release,
    still,
    takes,
)
from medley.nn.hub import find, missing_package

_blank: ContextVar[bool] = ContextVar("blank", default=False)


@contextmanager
def blank() -> Iterator[None]:
    """Inside, encoders are built without weights: what builds them then fills them from elsewhere."""
    token = _blank.set(True)
    try:
        yield
    finally:
        _blank.reset(token)


@dataclass(frozen=True)
class Plan:
    """What is built and how it learns.

    Args:
        config: of the encoder alone, as JSON (`read_config`).
        name: folder or name on the hub that its weights come from.
        revision: commit on the hub.
        pooling: `"cls"` (the encoder's own summary: its first token, or what it makes of it), `"mean"`, `"none"`
            (the states of all tokens) or `"map"`.
        trainable: False, True, `"lora"` or a number of top layers.
        learning_rate_factor: share of the learning rate that the top layer learns with.
        layer_decay: factor per layer below.
        gradient_checkpointing: run layers twice rather than keep what they made.
        lora_rank: of the additions of `"lora"`.
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
        """As a declaration says whose fields have these names, but for `name_or_path`."""
        told = {one.name: getattr(layer, one.name) for one in fields(cls) if one.name != "name"}
        return cls(name=layer.name_or_path, **told)


def build(plan: Plan) -> Backbone:
    """An encoder with its pretrained weights, or inside `blank()` without.

    Raises:
        WeightsNotFoundError: there are none.
        ConfigError: they are of another kind of model, or the encoder has not what was asked for.
    """
    config = plain(plan.config)
    weightless = _blank.get() or torch.get_default_device().type == "meta"
    encoder = empty(config) if weightless else _load(plan, config)
    if hasattr(encoder, "pooler") and kind_of(config) not in SUMMARISED:
        encoder.pooler = None if takes(type(encoder).__init__, "add_pooling_layer") else encoder.pooler
    if hasattr(getattr(encoder, "config", None), "use_cache"):
        encoder.config.use_cache = False  # of decoders, which write; nothing is written here
    return Backbone(encoder.float(), plan)


def empty(config: dict[str, Any]) -> Any:
    """The encoder of a config, without its weights."""
    if config["model_type"] == "timm":
        from medley.nn.backbone_timm import timm_encoder

        return timm_encoder(config)
    told = {key: one for key, one in config.items() if key not in ("model_type", "dtype", "torch_dtype")}
    with quiet(), _uninitialised():
        return _encoder_of(_model_class(config)(_config_of(config["model_type"], told)))


def _uninitialised() -> AbstractContextManager[None]:
    # Drawing the first values of a large encoder takes longer than reading the ones that replace them.
    try:
        from transformers.initialization import no_init_weights
    except ImportError:  # before 5.0
        from transformers.modeling_utils import no_init_weights  # pyright: ignore[reportAttributeAccessIssue]
    return no_init_weights()


def _load(plan: Plan, config: dict[str, Any]) -> Any:
    found = find(plan.name, plan.revision)
    if config["model_type"] == "timm":
        from medley.nn.backbone_timm import load_timm

        return load_timm(config, found)
    told = {key: one for key, one in config.items() if key not in ("model_type", "dtype", "torch_dtype")}
    with quiet():
        try:
            model, info = _model_class(config).from_pretrained(
                found.folder,
                config=_config_of(config["model_type"], told),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ConfigError(f"The weights in {found.folder} cannot be read: {brief(error)}") from error
    lacking = [name for name in info["missing_keys"] if not {"pooler", "head", "mask_token"} & set(name.split("."))]
    if lacking or info["mismatched_keys"]:
        wrong = sorted(lacking or [str(one[0]) for one in info["mismatched_keys"]])
        raise ConfigError(
            f"The weights in {found.folder} do not fit a model of kind {config['model_type']!r}: {wrong[0]!r} and "
            f"{len(wrong) - 1} others are missing or of another shape."
        )
    return _encoder_of(model)


def _config_of(kind: str, told: Mapping[str, Any]) -> Any:
    import transformers

    try:
        return transformers.AutoConfig.for_model(kind, **told)
    except ValueError:
        # Some towers are no model by themselves in the package's list: "siglip_text_model" is a SiglipTextConfig.
        name = "".join(word.capitalize() for word in kind.removesuffix("_model").split("_"))
        found = getattr(transformers, f"{name}Config", None)
        if found is None:
            raise ConfigError(f"transformers has no model of kind {kind!r}; another version of it may.") from None
        return found(**told)


def _model_class(config: Mapping[str, Any]) -> Any:
    """The class of the encoder alone, of those that the package itself brings."""
    try:
        import transformers
    except ImportError as error:
        raise missing_package(error) from error
    kind = type(_config_of(config["model_type"], {}))
    known: Any = transformers.MODEL_MAPPING
    if kind in known:
        found = known[kind]
        return found[0] if isinstance(found, tuple | list) else found
    found = getattr(transformers, kind.__name__.removesuffix("Config") + "Model", None)
    if found is None:
        raise ConfigError(f"transformers has no encoder of kind {config['model_type']!r}.")
    return found


def _encoder_of(model: Any) -> Any:
    return model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model


class Backbone(nn.Module):
    """A pretrained encoder and its pooling. What shall not learn is in evaluation mode always, whatever `train` says.

    Args:
        encoder: of transformers, or what answers as one.
        plan: how it pools and learns.

    Shape: texts: `input_ids` and `attention_mask` (B, T); images: `pixel_values` (B, C, H, W) -> (B, D), states
        (B, T, D) or maps (B, C, H, W).

    Raises:
        ConfigError: it has no summary, no map, or fewer layers than are asked for.
    """

    def __init__(self, encoder: Any, plan: Plan) -> None:
        super().__init__()
        self.encoder = encoder
        self.plan = plan
        config = plain(plan.config)
        self.summarised = kind_of(config) in SUMMARISED
        self.prefix = 0 if is_text(config) else prefix_tokens(encoder, config)
        self.interpolates = not is_text(config) and takes(encoder.forward, "interpolate_pos_encoding")
        if plan.pooling == "cls" and not (is_text(config) or self.summarised or self.prefix):
            raise ConfigError(
                f"pooling='cls', but a model of kind {config['model_type']!r} has no class token; "
                "give 'mean' or 'attention'."
            )
        release(encoder, plan.trainable, self._unread(config), lora_rank=plan.lora_rank)
        if plan.gradient_checkpointing and plan.trainable is not False:
            checkpoint_gradients(encoder)
        self._still = still(encoder)
        self.train()

    def _unread(self, config: Mapping[str, Any]) -> set[str]:
        """Parts above the layers that this pooling does not read."""
        if self.plan.pooling == "cls" and self.summarised:
            return set()
        # ConvNeXt normalises its mean, and no map.
        mapped = kind_of(config) in ("convnext", "convnextv2") and self.plan.pooling != "mean"
        return {*BESIDE, *(("layernorm",) if mapped else ())}

    @property
    def frozen(self) -> bool:
        """Whether nothing of it learns."""
        return self.plan.trainable is False

    def train(self, mode: bool = True) -> Backbone:  # noqa: FBT001, FBT002  (torch's own)
        """Training mode for what learns."""
        super().train(mode)
        for module in self._still:
            module.train(False)
        return self

    def forward(self, **inputs: Tensor) -> Tensor:
        if self.interpolates:
            inputs["interpolate_pos_encoding"] = True  # type: ignore[assignment]
        made = self.encoder(**inputs)
        states: Tensor = made.last_hidden_state
        pooling = self.plan.pooling
        if pooling == "cls":
            return made.pooler_output if self.summarised else states[:, 0]
        if states.ndim == 4:
            return _of_map(made, pooling)
        mask = inputs.get("attention_mask")
        if pooling == "mean":
            return states[:, self.prefix :].mean(1) if mask is None else _masked_mean(states, mask)
        return states if mask is None else states * mask.unsqueeze(2).to(states.dtype)

    def learning_rates(self) -> dict[str, float]:
        """Own parameter name -> its share of the learning rate, of all that learn."""
        factor, decay = self.plan.learning_rate_factor, self.plan.layer_decay
        return {f"encoder.{name}": rate for name, rate in rates(self.encoder, factor, decay).items()}

    def untouched(self) -> list[str]:
        """Own names of the weights that are as they were loaded, since nothing in training changes them."""
        moving = {
            f"encoder.{name}" for name, p in self.encoder.named_parameters() if p.requires_grad or "lora_" in name
        }
        quiet = {id(one) for root in self._still for one in root.modules()}
        for name, module in self.encoder.named_modules():
            if id(module) not in quiet:
                path = f"encoder.{name}." if name else "encoder."
                moving |= {f"{path}{buffer}" for buffer, _ in module.named_buffers(recurse=False)}
        return [name for name in self.state_dict() if name not in moving]

    def checksum(self) -> str:
        """SHA-256 of the names, shapes and values of `untouched`."""
        state, found = self.state_dict(), hashlib.sha256()
        for name in sorted(self.untouched()):
            one = state[name].detach().cpu().contiguous()
            found.update(f"{name} {one.dtype} {tuple(one.shape)}".encode())
            found.update(one.reshape(-1).view(torch.uint8).numpy().data)
        return found.hexdigest()


def _of_map(made: Any, pooling: str) -> Tensor:
    states = made.last_hidden_state
    if pooling == "map":
        return states
    if pooling == "none":
        return states.flatten(2).transpose(1, 2)
    own = getattr(made, "pooler_output", None)  # the mean, behind a normalisation where the model has one
    return states.mean((2, 3)) if own is None else own.flatten(1)


def _masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(2).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp_min(1)
