"""Inference of a module's output shape without data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from medley.core.spec import Spec
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import Tensor, nn

AXES = {1: "D", 2: "TD", 3: "CHW", 4: "CZHW"}


def probe(build: Callable[[], nn.Module], specs: Sequence[Spec], name: str) -> Spec:
    """Builds a module, runs it on two rows of zeros, and returns the spec of the result.

    Args:
        build: returns the module.
        specs: of the inputs.
        name: of the module, for error messages.

    Raises:
        GraphError: the module cannot run on such inputs; the message contains its error.

    >>> from torch import nn
    >>> str(probe(lambda: nn.Conv2d(3, 8, 3), [Spec((3, 10, 10), "CHW")], "conv"))
    '(C=8 H=8 W=8)'
    """
    import torch

    # Not on the meta device: its first use imports modules for seconds, while two rows take no time.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            result = build().eval()(*[_rows(spec) for spec in specs])
        except Exception as error:
            received = " and ".join(map(str, specs))
            raise GraphError(f"{name} cannot read {received}: {error}") from error
    shape = getattr(result, "shape", None)
    if shape is None or len(shape) < 2 or shape[0] != 2:
        raise GraphError(
            f"{name} must return one tensor (B, ...) with as many rows as came in, got {_describe(result)} for B=2."
        )
    shape = tuple(shape)
    return Spec(shape[1:], AXES.get(len(shape) - 1, "ZYXWVUTS"[: len(shape) - 1]))


def _rows(spec: Spec) -> Tensor:
    import torch

    dtype = torch.int64 if spec.dtype == "int64" else torch.float32
    return torch.zeros((2, *spec.shape), dtype=dtype)


def _describe(result: object) -> str:
    shape = getattr(result, "shape", None)
    return f"a {type(result).__name__}" if shape is None else f"shape {tuple(shape)}"
