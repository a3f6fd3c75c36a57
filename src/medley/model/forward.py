"""Running a network over many rows without training it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.errors import ConfigError
from medley.graph.network import Network


@torch.no_grad()
def outputs(network: Network, rows: Rows, batch_size: int) -> dict[str, Tensor]:
    """Raw outputs over all rows, in order.

    Args:
        network: is put into evaluation mode and back.
        rows: N encoded rows.
        batch_size: rows per pass; bounds the memory, not the result.

    Returns:
        Head name -> (N, K), on the rows' device.
    """
    training = network.training
    network.eval()
    found: dict[str, Tensor] = {}
    for start in range(0, rows.size, batch_size):
        for name, raw in network(rows.slice(start, start + batch_size)).items():
            if name not in found:
                # In one piece from the start: small pieces that stay keep freed memory around them from being reused.
                found[name] = raw.new_empty((rows.size, *raw.shape[1:]), dtype=torch.float32)
            found[name][start : start + len(raw)] = raw
    network.train(training)
    return found


@torch.no_grad()
def embeddings(network: Network, rows: Rows, batch_size: int) -> np.ndarray | dict[str, np.ndarray]:
    """What the heads read: (N, D), or a dict by head where they read different things.

    Args:
        network: is put into evaluation mode.
        rows: N encoded rows.
        batch_size: rows per pass.
    """
    network.eval()
    read = {step.name: step.inputs for step in network.heads}
    found: dict[str, list[Tensor]] = {name: [] for name in read}
    for start in range(0, rows.size, batch_size):
        for name, one in network.embed(rows.slice(start, start + batch_size)).items():
            found[name].append(one.float())
    joined = {name: torch.cat(parts).cpu().numpy() for name, parts in found.items()}
    return next(iter(joined.values())) if len(set(read.values())) == 1 else joined


def device_of(device: str | torch.device | None) -> torch.device:
    """The device that an argument means: "auto" and None take a GPU where there is one.

    Raises:
        ConfigError: torch knows no such device, or this machine has none.

    >>> device_of("cpu").type
    'cpu'
    """
    if device in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (AssertionError, RuntimeError, TypeError) as error:
        if str(device).startswith("gpu"):
            way = f"torch calls GPUs {str(device).replace('gpu', 'cuda')!r}"
            raise ConfigError(f'device={device!r} is no device: {way}. Or give "auto" or "cpu".') from error
        told = str(error).partition("\n")[0].rstrip(".") + "."
        raise ConfigError(f'device={device!r} cannot be used here: {told} Give "auto", "cpu" or "cuda".') from error
    return found
