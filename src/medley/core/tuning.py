"""Fields of blocks with pretrained weights: checks, and ranges of learning rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medley.core.arguments import whole_number_problems
from medley.core.space import OneOf, Space

POOLINGS = ("cls", "mean", "attention")

MAX_CHEAP_PARAMETERS = 5_000_000
"""Number of parameters that can be fine-tuned within minutes on a CPU and small data."""


def tuning_problems(block: Any) -> Iterator[str]:
    """Checks the fields of a block with pretrained weights; yields a sentence per error.

    Args:
        block: with the fields `name_or_path`, `pooling`, `num_hidden_layers`, `trainable`, `learning_rate_factor`,
            `layer_decay`, `lora_rank`.
    """
    if not isinstance(block.name_or_path, str) or not block.name_or_path:
        yield (
            "name_or_path must be the folder of a pretrained model, or its name on the hub such as "
            f"'google-bert/bert-base-uncased', got {block.name_or_path!r}."
        )
    for choice in block.trainable.choices if isinstance(block.trainable, OneOf) else (block.trainable,):
        if not (
            choice is None
            or isinstance(choice, bool | Space)
            or choice == "lora"
            or (type(choice) is int and choice > 0)
        ):
            yield f"trainable must be False, True, 'lora' or the number of top layers from 1, got {choice!r}."
    yield from whole_number_problems(block, "num_hidden_layers", "lora_rank")
    for name in ("learning_rate_factor", "layer_decay"):
        value = getattr(block, name)
        if value is not None and not isinstance(value, Space) and not _is_factor(value):
            yield f"{name} must be a number above 0, at most 1, got {value!r}."


def _is_factor(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def learning_rate_fields(block: Any) -> dict[str, Any]:
    """The fields `learning_rate_factor` and `layer_decay` of a pretrained layer, as set, else ranges to search.

    Pretrained weights need a lower learning rate, the lower layers even more so; low-rank adapters are new weights,
    with a higher rate. Frozen layers need no search.

    Args:
        block: with the fields `trainable`, `learning_rate_factor` and `layer_decay`.

    Returns:
        Both fields by name, each a number or a `Space`.
    """
    if block.trainable is False:
        factor = decay = 1.0
    elif block.trainable == "lora":
        factor, decay = OneOf(0.03, 0.1, 0.3, default=0.1), 1.0
    else:
        factor, decay = OneOf(0.003, 0.01, 0.03, 0.1, default=0.01), OneOf(0.8, 0.9, 1.0, default=0.9)
    settings = block.learning_rate_factor, block.layer_decay
    return {
        "learning_rate_factor": factor if settings[0] is None else settings[0],
        "layer_decay": decay if settings[1] is None else settings[1],
    }


def is_cheap_to_tune(parameters: int) -> bool:
    """Whether a search may fine-tune an encoder by default: if it is small, or on a GPU.

    Args:
        parameters: number of parameters of the encoder.
    """
    import torch

    return parameters <= MAX_CHEAP_PARAMETERS or torch.cuda.is_available()
