"""The output shape of a module, found without data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from medley.core.spec import Spec
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import Tensor, nn

AXES = {1: "D", 2: "TD", 3: "CHW", 4: "CZHW"}


def probe(build: Callable[[], nn.Module], specs: Sequence[Spec], name: str) -> Spec:
    """Builds a module on the meta device, runs it on two rows of nothing and reads the shape.

    Args:
        build: makes the module.
        specs: what goes in.
        name: what errors call the module.

    Raises:
        GraphError: the module cannot run on such inputs; holds its own words.

    >>> from torch import nn
    >>> str(probe(lambda: nn.Conv2d(3, 8, 3), [Spec((3, 10, 10), "CHW")], "conv"))
    '(C=8 H=8 W=8)'
    """
    import torch

    shape = None
    for device in ("meta", "cpu"):
        # Some modules compute values while they are built, which the meta device cannot; then two real rows do it.
        try:
            with torch.device(device), torch.random.fork_rng(devices=[]), torch.no_grad():
                module = build().to(device).eval()
                result = module(*[_rows(spec, device) for spec in specs])
            shape = tuple(result.shape)
            break
        except Exception as error:
            if device == "cpu":
                told = " and ".join(map(str, specs))
                raise GraphError(f"{name} cannot read {told}: {error}") from error
    if shape is None or len(shape) < 2 or shape[0] != 2:
        raise GraphError(
            f"{name} must return one tensor (B, ...) with as many rows as came in, got shape {shape} for B=2."
        )
    return Spec(shape[1:], AXES.get(len(shape) - 1, "ZYXWVUTS"[: len(shape) - 1]))


def _rows(spec: Spec, device: str) -> Tensor:
    import torch

    dtype = torch.int64 if spec.dtype == "int64" else torch.float32
    return torch.zeros((2, *spec.shape), dtype=dtype, device=device)
