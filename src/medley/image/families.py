"""What the blocks that are named after published networks have in common: what they read, and `pretrained`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medley.core.space import OneOf
from medley.core.spec import Spec
from medley.errors import GraphError, did_you_mean


def image_size(spec: Spec, name: str) -> tuple[int, int, int]:
    """Channels, height and width.

    Raises:
        GraphError: the spec is not an image's.

    >>> image_size(Spec((3, 32, 48), "CHW"), "ResNetBlock")
    (3, 32, 48)
    """
    if spec.axes != "CHW":
        way = f" Each image of a set is read by ImageSetBlock({name}())." if spec.axes == "SCHW" else ""
        raise GraphError(f"{name} reads images (CHW), got {spec}.{way}")
    return spec.shape[0], spec.shape[1], spec.shape[2]


def shrunk(side: int, halvings: int) -> int:
    """A side after convolutions with stride 2, each rounding up.

    >>> shrunk(28, 3), shrunk(1, 3)
    (4, 1)
    """
    for _ in range(halvings):
        side = -(-side // 2)
    return side


def not_pretrained(pretrained: Any) -> Iterator[str]:
    """A sentence where pretrained weights were asked for of a family that has none.

    >>> list(not_pretrained(False))
    []
    """
    if pretrained not in (None, False):
        yield (
            f"pretrained={pretrained!r}: there are no pretrained weights of this network. Take ResNetBlock or "
            "EfficientNetBlock, or PretrainedImageBlock with a model of your choice; left out, it learns from scratch."
        )


def named_problem(version: Any, names: tuple[str, ...]) -> Iterator[str]:
    """A sentence per version whose name the family does not know.

    >>> list(named_problem("resnet5", ("resnet50", "resnet101")))
    ["version must be one of 'resnet50', 'resnet101', got 'resnet5'. Did you mean 'resnet50'?"]
    """
    for one in version.choices if isinstance(version, OneOf) else (version,):
        if one is not None and one not in names:
            yield f"version must be one of {', '.join(map(repr, names))}, got {one!r}.{did_you_mean(one, names)}"
