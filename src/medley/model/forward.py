"""Running a network over rows without training it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Batch, Rows
from medley.errors import ConfigError
from medley.graph.network import Network
from medley.model.device_memory import free_memory, is_out_of_memory
from medley.model.rows_per_pass import rows_per_pass


@torch.no_grad()
def compute_outputs(network: Network, rows: Rows, batch_size: int, index: Tensor | None = None) -> dict[str, Tensor]:
    """The raw outputs of all rows, in order.

    Args:
        network: runs in evaluation mode; its mode is restored.
        rows: N encoded rows.
        batch_size: maximum number of rows per pass; affects the memory, not the result; halved where memory is short.
        index: positions (N,) of the rows that are computed, on the CPU; all, if left out.

    Returns:
        Head name -> (N, K), on the rows' device.
    """
    training = network.training
    if training:  # setting the mode of all parts takes as long as several of their operations
        network.eval()
    outputs: dict[str, Tensor] = {}
    size, start = rows.size if index is None else len(index), 0
    batch_size = rows_per_pass(network, rows, min(batch_size, size))
    while start < size:
        stop = start + batch_size
        computed = _forward(network, rows.slice(start, stop) if index is None else rows.take(index[start:stop]))
        if computed is None:
            batch_size = -(-batch_size // 2)
            free_memory(rows.device.type)
            continue
        for name, raw in computed.items():
            if name not in outputs:
                # In one piece: small pieces that stay keep the freed memory around them from being reused.
                outputs[name] = raw.new_empty((size, *raw.shape[1:]), dtype=torch.float32)
            outputs[name][start : start + len(raw)] = raw
        start = stop
    if training:
        network.train()
    return outputs


def _forward(network: Network, batch: Batch) -> dict[str, Tensor] | None:
    """Raw outputs of a batch; None where it is too large for the memory."""
    try:
        return network(batch)
    except RuntimeError as error:
        if not is_out_of_memory(error) or batch.size == 1:
            raise
        return None


@torch.no_grad()
def compute_embeddings(
    network: Network, rows: Rows, batch_size: int, index: Tensor | None = None
) -> np.ndarray | dict[str, np.ndarray]:
    """The vectors that the heads read: (N, D), or a dict by head where heads read different vectors.

    Args:
        network: is left in evaluation mode.
        rows: N encoded rows.
        batch_size: maximum number of rows per pass.
        index: positions (N,) of the rows that are computed, on the CPU; all, if left out.
    """
    network.eval()
    batch_size = rows_per_pass(network, rows, batch_size)
    head_inputs = {step.name: step.inputs for step in network.heads}
    parts: dict[str, list[Tensor]] = {name: [] for name in head_inputs}
    for start in range(0, rows.size if index is None else len(index), batch_size):
        stop = start + batch_size
        batch = rows.slice(start, stop) if index is None else rows.take(index[start:stop])
        for name, vectors in network.embed(batch).items():
            parts[name].append(vectors.float())
    joined = {name: torch.cat(vectors).cpu().numpy() for name, vectors in parts.items()}
    return next(iter(joined.values())) if len(set(head_inputs.values())) == 1 else joined


def joined_embeddings(embeddings: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
    """Embeddings as one array (N, D): those of all heads beside each other, without repetitions."""
    arrays = [embeddings] if isinstance(embeddings, np.ndarray) else list(embeddings.values())
    distinct: list[np.ndarray] = []
    for array in (array.reshape(len(array), -1) for array in arrays):
        if not any(array.shape == other.shape and np.array_equal(array, other) for other in distinct):
            distinct.append(array)
    return np.concatenate(distinct, axis=1)


def resolve_device(device: str | torch.device | None) -> torch.device:
    """The device of an argument; "auto" and None choose a GPU where there is one.

    Raises:
        ConfigError: torch does not know the device, or this machine has none.

    >>> resolve_device("cpu").type
    'cpu'
    """
    if device in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (AssertionError, RuntimeError, TypeError) as error:
        if str(device).startswith("gpu"):
            name = str(device).replace("gpu", "cuda")
            raise ConfigError(
                f'is {device!r}, which is not a device: torch calls GPUs {name!r}. Or pass "auto" or "cpu".',
                argument="device",
            ) from error
        reason = str(error).partition("\n")[0].rstrip(".") + "."
        message = f'is {device!r}, which cannot be used here: {reason} Pass "auto", "cpu" or "cuda".'
        raise ConfigError(message, argument="device") from error
    return resolved
