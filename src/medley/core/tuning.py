"""How a pretrained part learns: what its declarations have in common, checked in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medley.core.space import OneOf, Space

POOLINGS = ("cls", "mean", "attention")

CHEAP = 5_000_000
"""Parameters that a processor tunes within minutes on small data."""


def tuning_problems(block: Any) -> Iterator[str]:
    """Yields a sentence per field of a pretrained part that breaks a rule.

    Args:
        block: has the fields `name_or_path`, `pooling`, `num_hidden_layers`, `trainable`, `learning_rate_factor`,
            `layer_decay`, `lora_rank`.
    """
    if not isinstance(block.name_or_path, str) or not block.name_or_path:
        yield (
            "name_or_path must be the folder of a pretrained model, or its name on the hub such as "
            f"'google-bert/bert-base-uncased', got {block.name_or_path!r}."
        )
    for one in block.trainable.choices if isinstance(block.trainable, OneOf) else (block.trainable,):
        if not (one is None or isinstance(one, bool | Space) or one == "lora" or (type(one) is int and one > 0)):
            yield f"trainable must be False, True, 'lora' or the number of top layers from 1, got {one!r}."
    for name in ("num_hidden_layers", "lora_rank"):
        value = getattr(block, name)
        if value is not None and (type(value) is not int or value < 1):
            yield f"{name} must be a whole number from 1, got {value!r}."
    for name in ("learning_rate_factor", "layer_decay"):
        value = getattr(block, name)
        if value is not None and not isinstance(value, Space) and not _is_share(value):
            yield f"{name} must be a number above 0, at most 1, got {value!r}."


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def rates_of(block: Any) -> dict[str, Any]:
    """The fields `learning_rate_factor` and `layer_decay` of a pretrained layer: as set, else ranges to search.

    What a model has learnt elsewhere is changed by small steps only, the lower layers by smaller ones; low-rank
    additions are new weights, and learn faster. Nothing is searched where nothing learns.
    """
    if block.trainable is False:
        factor = decay = 1.0
    elif block.trainable == "lora":
        factor, decay = OneOf(0.03, 0.1, 0.3, default=0.1), 1.0
    else:
        factor, decay = OneOf(0.003, 0.01, 0.03, 0.1, default=0.01), OneOf(0.8, 0.9, 1.0, default=0.9)
    given = block.learning_rate_factor, block.layer_decay
    return {
        "learning_rate_factor": factor if given[0] is None else given[0],
        "layer_decay": decay if given[1] is None else given[1],
    }


def is_cheap_to_tune(parameters: int) -> bool:
    """Whether a search may tune an encoder of that many parameters without being asked to: small ones, or on a GPU."""
    import torch

    return parameters <= CHEAP or torch.cuda.is_available()
