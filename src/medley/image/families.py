"""Shared by the blocks of published networks: the check of their input, and of `version` and `pretrained`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medley.core.space import OneOf
from medley.core.spec import Spec
from medley.errors import GraphError, did_you_mean


def image_size(spec: Spec, name: str) -> tuple[int, int, int]:
    """Channels, height and width of a spec of images.

    Raises:
        GraphError: the spec is not that of an image.

    >>> image_size(Spec((3, 32, 48), "CHW"), "ResNetBlock")
    (3, 32, 48)
    """
    if spec.axes != "CHW":
        hint = f" Each image of a set is read by ImageSetBlock({name}())." if spec.axes == "SCHW" else ""
        raise GraphError(f"{name} reads images (CHW), got {spec}.{hint}")
    return spec.shape[0], spec.shape[1], spec.shape[2]


def shrunk(side: int, halvings: int) -> int:
    """A side length after convolutions with stride 2, each rounding up.

    >>> shrunk(28, 3), shrunk(1, 3)
    (4, 1)
    """
    for _ in range(halvings):
        side = -(-side // 2)
    return side


def not_pretrained(pretrained: Any) -> Iterator[str]:
    """An error message if pretrained weights are requested of a family that has none.

    >>> list(not_pretrained(False))
    []
    """
    if pretrained not in (None, False):
        yield (
            f"pretrained={pretrained!r}: there are no pretrained weights for this network. Use ResNetBlock, "
            "EfficientNetBlock or PretrainedImageBlock, or leave pretrained unset to train from scratch."
        )


def named_problem(version: Any, names: tuple[str, ...]) -> Iterator[str]:
    """An error message per unknown version.

    >>> list(named_problem("resnet5", ("resnet50", "resnet101")))
    ["version must be one of 'resnet50', 'resnet101', got 'resnet5'. Did you mean 'resnet50'?"]
    """
    for choice in version.choices if isinstance(version, OneOf) else (version,):
        if choice is not None and choice not in names:
            yield f"version must be one of {', '.join(map(repr, names))}, got {choice!r}.{did_you_mean(choice, names)}"
