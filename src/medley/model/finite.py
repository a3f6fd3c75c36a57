"""Checks that the weights of a loaded network are numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from medley.errors import ArtifactError

if TYPE_CHECKING:
    from medley.graph.network import Network


def check_finite(network: Network, path: Path) -> None:
    """Checks that all weights are numbers.

    Args:
        network: with its weights.
        path: where they come from, for messages.

    Raises:
        ArtifactError: a tensor holds NaN, or a parameter infinity.
    """
    parameters = {name for name, _ in network.named_parameters()}
    broken = []
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        low, high = torch.aminmax(tensor.detach())
        if low.isnan() or (name in parameters and not (low.isfinite() and high.isfinite())):
            broken.append(name)
    if broken:
        more = f" and {len(broken) - 3} others" if len(broken) > 3 else ""
        raise ArtifactError(
            f"{path} holds weights that are NaN or infinite, in {', '.join(map(repr, broken[:3]))}{more}: the model "
            "would predict nothing. Its training diverged, or the file was changed; train it again."
        )
