"""Arrays that losses and metrics need beside the batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Held:
    """A small array, copied to each device once: a copy per step would make the loop wait.

    Args:
        array: any shape; becomes float32.

    >>> Held(np.ones(3)).beside(torch.zeros(1)).shape
    torch.Size([3])
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.asarray(array, np.float32)
        self._on: dict[torch.device, Tensor] = {}

    def beside(self, tensor: Tensor) -> Tensor:
        """The array on the device of `tensor`."""
        held = self._on.get(tensor.device)
        if held is None:
            held = self._on[tensor.device] = torch.tensor(self.array, device=tensor.device)
        return held
