"""Use of any torch module as a block."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from medley.core.layer import Layer
from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn


class TorchBlock(Layer, register="core.torch"):
    """Any `torch.nn.Module` as a block; the shape of its result is inferred without data.

    Args:
        module: a module (each trial trains a copy, including its weights), or a function that returns one. A function
            with parameters receives the `Spec` of each node that the block reads. To be saved, the function or class
            must have a registered name: `@medley.extend.register("mine.net")`.

    Shape: (B, ...) -> result of the module: feature maps (B, C, H, W), sequences (B, T, D) or vectors (B, D).

    >>> from torch import nn
    >>> str(TorchBlock(nn.Linear(20, 32)).out(Spec((20,), "D")))
    '(D=32)'
    >>> str(TorchBlock(lambda spec: nn.Linear(spec.width, 8)).out(Spec((20,), "D")))
    '(D=8)'
    """

    module: nn.Module | Callable[..., nn.Module] | None = None

    def check(self) -> Iterable[str]:
        """Checks that there is a module or a function."""
        if not callable(self.module):
            yield f"module must be a torch.nn.Module or a callable that makes one, got {self.module!r}."

    def build(self, *specs: Spec) -> nn.Module:
        """Builds a new module."""
        from torch import nn

        if isinstance(self.module, nn.Module):
            return deepcopy(self.module)
        factory: Any = self.module
        return factory(*specs) if _takes_specs(factory) else factory()


def _takes_specs(factory: Callable[..., Any]) -> bool:
    parameters = inspect.signature(factory).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
