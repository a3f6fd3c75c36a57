"""Which parameters of a pretrained encoder learn, and how fast."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import nn

from medley.errors import ConfigError
from medley.nn.hub import missing_package

Trainable = bool | int | str
MOST = 0.9
"""Share of a network's parameters above which a sequence of it is all of its layers."""

# What a model holds above its layers that makes no state of a token.
BESIDE = ("pooler", "head", "post_layernorm", "classifier")


def layers_of(encoder: nn.Module) -> dict[str, nn.Module]:
    """A network's layers by name, from the lowest: the members of its largest list that lies in no other.

    Stages count as layers. Networks without lists (those of timm) have sequences in their place: one that is nearly all
    of the network, or several in a row.
    """
    lists = _outermost(encoder, nn.ModuleList)
    found = lists or _outermost(encoder, nn.Sequential)
    if not found:
        return {"": encoder}
    name = max(found, key=lambda one: _size(found[one]))
    if lists or _size(found[name]) > MOST * _size(encoder):
        return {f"{name}.{place}": one for place, one in found[name].named_children()}
    return found


def _outermost(encoder: nn.Module, kind: type[nn.Module]) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {}
    for name, module in encoder.named_modules():
        if isinstance(module, kind) and not any(name.startswith(f"{outer}.") for outer in found):
            found[name] = module
    return {name: one for name, one in found.items() if _size(one)}


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def depths(encoder: nn.Module) -> tuple[dict[str, int], int]:
    """How deep each parameter lies, and the number of layers L.

    Embeddings and what else comes before the layers are 0, the first layer 1, what follows the last L + 1.
    """
    layers = {id(p): place + 1 for place, one in enumerate(layers_of(encoder).values()) for p in one.parameters()}
    tables = {id(p) for one in encoder.modules() if isinstance(one, nn.Embedding) for p in one.parameters()}
    count = max(layers.values(), default=0)
    found, seen = {}, False
    for name, parameter in encoder.named_parameters():
        place = layers.get(id(parameter))
        seen = seen or place is not None
        above = count + 1 if seen and id(parameter) not in tables else 0
        found[name] = above if place is None else place
    return found, count


def release(encoder: nn.Module, trainable: Trainable, unread: Collection[str], *, lora_rank: int) -> None:
    """Lets the parameters learn that shall, and no other.

    Args:
        encoder: as loaded.
        trainable: all, none, `"lora"` (low-rank additions to the layers' weights), or the number of top layers.
        unread: names of parts above the layers whose results nobody reads.
        lora_rank: of the additions.

    Raises:
        ConfigError: more top layers than there are.
    """
    place, count = depths(encoder)
    if isinstance(trainable, int) and not isinstance(trainable, bool) and trainable > count:
        raise ConfigError(f"trainable={trainable}, but the encoder has {count} layers.")
    lowest = _lowest(trainable, count)
    for name, parameter in encoder.named_parameters():
        above = place[name] > count and any(part in unread for part in name.split("."))
        parameter.requires_grad_(place[name] >= lowest and not above and not name.endswith("mask_token"))
    if trainable == "lora":
        _add_lora(encoder, lora_rank)


def _lowest(trainable: Trainable, count: int) -> int:
    if trainable is True:
        return 0
    if trainable is False or isinstance(trainable, str):
        return count + 2
    return count + 1 - trainable


def rates(encoder: nn.Module, factor: float, decay: float) -> dict[str, float]:
    """Each learning parameter's share of the learning rate: `factor`, times `decay` per layer above it.

    Source of layer-wise decay: Howard and Ruder 2018 (ULMFiT), arXiv:1801.06146; Clark et al. 2020 (ELECTRA).
    """
    place, count = depths(encoder)
    return {
        name: factor * decay ** (count + 1 - place[name])
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad
    }


def still(encoder: nn.Module) -> list[nn.Module]:
    """Modules that never learn and so are always in evaluation mode: no dropout, no statistics of batches.

    Of an encoder with low-rank additions, only normalisation by batches stands still.
    """
    if any("lora_" in name for name, _ in encoder.named_parameters()):
        return [one for one in encoder.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    return list(_still(encoder))


def _still(module: nn.Module) -> Iterator[nn.Module]:
    own = list(module.parameters())
    if own and not any(p.requires_grad for p in own):
        yield module
        return
    for child in module.children():
        yield from _still(child)


def checkpoint_gradients(encoder: Any) -> None:
    """Layers are run again in the backward pass, in place of keeping what they made.

    Raises:
        ConfigError: this kind of encoder cannot.
    """
    if not getattr(encoder, "supports_gradient_checkpointing", False):
        raise ConfigError(
            f"gradient_checkpointing=True, but {type(encoder).__name__} has no gradient checkpointing; leave it out."
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

    inside = {id(part) for layer in layers_of(encoder).values() for part in layer.modules()}
    parts = {name: one for name, one in encoder.named_modules() if id(one) in inside}
    linear = [name for name, one in parts.items() if isinstance(one, nn.Linear)]
    convolutions = [name for name, one in parts.items() if isinstance(one, nn.Conv2d) and one.groups == 1]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=linear or convolutions)
    inject_adapter_in_model(config, encoder)


def prefix_tokens(encoder: nn.Module, config: Mapping[str, Any]) -> int:
    """Tokens of the last layer that stand for no part of the image."""
    words = ("cls_token", "class_embedding", "distillation_token")
    named = sum(name.rpartition(".")[2] in words for name, _ in encoder.named_parameters())
    return named + (int(config.get("num_register_tokens") or 0) if named else 0)


def takes(forward: Any, name: str) -> bool:
    """Whether a forward method has an argument of this name."""
    return name in inspect.signature(forward).parameters
