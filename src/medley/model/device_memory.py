"""What to do where a device has not enough memory."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that there is not enough memory, of a GPU or of this machine.

    >>> is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory.")), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def free_memory(device: str) -> None:
    """Returns what torch holds of a device's memory and does not use."""
    if device == "cuda":
        torch.cuda.empty_cache()
