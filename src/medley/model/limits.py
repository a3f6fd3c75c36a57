"""Limits of what building a saved model may take: declared sizes are compared with those of the weights beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import get_ident
from typing import Any, Self

from torch import Tensor, nn
from torch.nn.modules import module as torch_modules

from medley.errors import ArtifactError

BUILDS = 8
"""How often parts may be built anew: to find out what shape they return, and at last to keep them."""

SPARE_NUMBERS, SPARE_TENSORS, SPARE_MODULES = 1 << 20, 1_000, 10_000
"""What is built besides the weights of a file: buffers that are not saved, parts without weights."""


@dataclass(frozen=True)
class Weights:
    """What a file of weights says of itself in its header; the weights themselves are not read.

    Args:
        shapes: name -> shape.
    """

    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Reads the header of a safetensors file.

        Raises:
            ArtifactError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="np") as file:
                return cls({name: tuple(file.get_slice(name).get_shape()) for name in file.keys()})  # noqa: SIM118
        except SafetensorError as error:
            raise ArtifactError(f"{path} is damaged: {error}.") from error

    @property
    def numbers(self) -> int:
        """Numbers in all tensors."""
        return sum(map(prod, self.shapes.values()))


@contextmanager
def limited_to(weights: Weights, more: int = 0) -> Iterator[None]:
    """Stops building modules as soon as they hold many more numbers, tensors or modules than weights were saved.

    A number of layers or a width that somebody wrote into `model.json` takes no memory this way: tensors are counted
    before they are filled.

    Args:
        weights: of the saved model.
        more: numbers of weights that the model refers to instead of holding them.

    Raises:
        ArtifactError: the modules do not belong to these weights.
    """
    counts = {"numbers": 0, "tensors": 0, "modules": 0}
    tensors = len(weights.shapes) + (1_000 if more else 0)
    most = {
        "numbers": BUILDS * (weights.numbers + more) + SPARE_NUMBERS,
        "tensors": BUILDS * tensors + SPARE_TENSORS,
        "modules": 20 * BUILDS * tensors + SPARE_MODULES,
    }
    thread = get_ident()  # the hooks are the whole process's, and other threads build what they like

    def count(kind: str, amount: int) -> None:
        if get_ident() != thread:
            return
        counts[kind] += amount
        if counts[kind] > most[kind]:
            raise ArtifactError(
                f"The parts of model.json do not belong to the weights beside it: they hold more than "
                f"{most[kind]:,} {kind}, but {weights.numbers:,} numbers in {len(weights.shapes):,} tensors were saved."
            )

    def count_tensor(module: nn.Module, name: str, tensor: Tensor | None) -> None:
        if tensor is not None:
            count("tensors", 1)
            count("numbers", tensor.numel())

    def count_module(module: nn.Module, name: str, part: nn.Module | None) -> None:
        count("modules", 1)

    hooks: list[Any] = [
        torch_modules.register_module_parameter_registration_hook(count_tensor),
        torch_modules.register_module_buffer_registration_hook(count_tensor),
        torch_modules.register_module_module_registration_hook(count_module),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
