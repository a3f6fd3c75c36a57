"""Which parameters of a pretrained encoder are trained, and with which learning rates."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import nn

from medley.errors import ConfigError
from medley.nn.hub import missing_package

Trainable = bool | int | str
ALL_LAYERS_FRACTION = 0.9
"""The fraction of a network's parameters from which an `nn.Sequential` is taken as the list of all its layers."""

# Parts above the layers that do not contribute to the states of tokens.
POOLING_PARTS = ("pooler", "head", "post_layernorm", "classifier")


def layers_of(encoder: nn.Module) -> dict[str, nn.Module]:
    """A network's layers by name, from the lowest: the elements of its largest outermost `nn.ModuleList`.

    Stages count as layers. Networks without module lists (those of timm) have `nn.Sequential` instead: a single one
    that contains nearly all parameters, or several in a row.
    """
    lists = _outermost(encoder, nn.ModuleList)
    containers = lists or _outermost(encoder, nn.Sequential)
    if not containers:
        return {"": encoder}
    largest = max(containers, key=lambda name: _size(containers[name]))
    if lists or _size(containers[largest]) > ALL_LAYERS_FRACTION * _size(encoder):
        return {f"{largest}.{index}": layer for index, layer in containers[largest].named_children()}
    return containers


def _outermost(encoder: nn.Module, kind: type[nn.Module]) -> dict[str, nn.Module]:
    outermost: dict[str, nn.Module] = {}
    for name, module in encoder.named_modules():
        if isinstance(module, kind) and not any(name.startswith(f"{outer}.") for outer in outermost):
            outermost[name] = module
    return {name: module for name, module in outermost.items() if _size(module)}


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def depths(encoder: nn.Module) -> tuple[dict[str, int], int]:
    """The depth of each parameter by name, and the number of layers L.

    Embeddings and other parts before the layers have depth 0, the first layer 1, parts after the last layer L + 1.
    """
    layers = {id(p): depth for depth, layer in enumerate(layers_of(encoder).values(), 1) for p in layer.parameters()}
    embeddings = {
        id(p) for module in encoder.modules() if isinstance(module, nn.Embedding) for p in module.parameters()
    }
    count = max(layers.values(), default=0)
    depth_of, is_after_first = {}, False
    for name, parameter in encoder.named_parameters():
        depth = layers.get(id(parameter))
        is_after_first = is_after_first or depth is not None
        outside = count + 1 if is_after_first and id(parameter) not in embeddings else 0
        depth_of[name] = outside if depth is None else depth
    return depth_of, count


def set_trainable(encoder: nn.Module, trainable: Trainable, unused: Collection[str], *, lora_rank: int) -> None:
    """Sets which parameters require gradients.

    Args:
        encoder: the encoder as loaded.
        trainable: True (all), False (none), `"lora"` (low-rank adapters of the layers), or the number of top layers.
        unused: names of parts above the layers whose output is not used.
        lora_rank: rank of the adapters.

    Raises:
        ConfigError: the encoder has fewer layers than `trainable`.
    """
    depth, count = depths(encoder)
    if isinstance(trainable, int) and not isinstance(trainable, bool) and trainable > count:
        raise ConfigError(f"trainable={trainable}, but the encoder has {count} layers.")
    lowest = _lowest_trained(trainable, count)
    for name, parameter in encoder.named_parameters():
        is_unused = depth[name] > count and any(part in unused for part in name.split("."))
        parameter.requires_grad_(depth[name] >= lowest and not is_unused and not name.endswith("mask_token"))
    if trainable == "lora":
        _add_lora(encoder, lora_rank)


def _lowest_trained(trainable: Trainable, count: int) -> int:
    if trainable is True:
        return 0
    if trainable is False or isinstance(trainable, str):
        return count + 2
    return count + 1 - trainable


def learning_rate_factors(encoder: nn.Module, factor: float, decay: float) -> dict[str, float]:
    """The learning-rate multiplier of each trained parameter: `factor`, times `decay` per layer above it.

    Source of layer-wise decay: Howard and Ruder 2018 (ULMFiT), arXiv:1801.06146; Clark et al. 2020 (ELECTRA).
    """
    depth, count = depths(encoder)
    return {
        name: factor * decay ** (count + 1 - depth[name])
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad
    }


def untrained_modules(encoder: nn.Module) -> list[nn.Module]:
    """Modules that are not trained and therefore stay in evaluation mode: no dropout, no batch statistics.

    In an encoder with low-rank adapters, these are only the batch norms.
    """
    if any("lora_" in name for name, _ in encoder.named_parameters()):
        return [module for module in encoder.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    return list(_outermost_untrained(encoder))


def _outermost_untrained(module: nn.Module) -> Iterator[nn.Module]:
    parameters = list(module.parameters())
    if parameters and not any(p.requires_grad for p in parameters):
        yield module
        return
    for child in module.children():
        yield from _outermost_untrained(child)


def enable_gradient_checkpointing(encoder: Any) -> None:
    """Recomputes activations in the backward pass instead of storing them.

    Raises:
        ConfigError: the encoder does not support gradient checkpointing.
    """
    if not getattr(encoder, "supports_gradient_checkpointing", False):
        raise ConfigError(
            f"gradient_checkpointing=True, but {type(encoder).__name__} does not support it; leave it out."
        )
    if hasattr(encoder, "activation_checkpointing_enable"):
        encoder.activation_checkpointing_enable({"use_reentrant": False})
    else:  # before 5.20
        encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def _add_lora(encoder: nn.Module, rank: int) -> None:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise missing_package(error) from error

    in_layers = {id(module) for layer in layers_of(encoder).values() for module in layer.modules()}
    modules = {name: module for name, module in encoder.named_modules() if id(module) in in_layers}
    linear = [name for name, module in modules.items() if isinstance(module, nn.Linear)]
    convolutions = [name for name, module in modules.items() if isinstance(module, nn.Conv2d) and module.groups == 1]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=linear or convolutions)
    inject_adapter_in_model(config, encoder)


def prefix_tokens(encoder: nn.Module, config: Mapping[str, Any]) -> int:
    """The number of leading tokens in the last layer that do not correspond to a patch of the image."""
    parameters = ("cls_token", "class_embedding", "distillation_token")
    count = sum(name.rpartition(".")[2] in parameters for name, _ in encoder.named_parameters())
    return count + (int(config.get("num_register_tokens") or 0) if count else 0)


def has_argument(function: Any, name: str) -> bool:
    """Whether a function has an argument of this name."""
    return name in inspect.signature(function).parameters
