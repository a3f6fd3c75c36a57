"""Any torch module as a block."""

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
    """Any `torch.nn.Module` as a block; the shape of its result is found without data.

    Args:
        module: a module (each trial trains a copy, weights included), or a factory of one. A factory that takes
            arguments gets the `Spec` of each input. A saved model keeps it only by a registered name:
            `@medley.extend.register("mine.net")` on the factory or its class.

    Shape: what the module makes of (B, ...): maps are (B, C, H, W), sequences (B, T, D), vectors (B, D).

    >>> from torch import nn
    >>> str(TorchBlock(nn.Linear(20, 32)).out(Spec((20,), "D")))
    '(D=32)'
    >>> str(TorchBlock(lambda spec: nn.Linear(spec.width, 8)).out(Spec((20,), "D")))
    '(D=8)'
    """

    module: nn.Module | Callable[..., nn.Module] | None = None

    def check(self) -> Iterable[str]:
        """There is a module or a factory."""
        if not callable(self.module):
            yield f"module must be a torch.nn.Module or a callable that makes one, got {self.module!r}."

    def build(self, *specs: Spec) -> nn.Module:
        """A fresh module."""
        from torch import nn

        if isinstance(self.module, nn.Module):
            return deepcopy(self.module)
        factory: Any = self.module
        return factory(*specs) if _takes_specs(factory) else factory()


def _takes_specs(factory: Callable[..., Any]) -> bool:
    parameters = inspect.signature(factory).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
