"""Constant arrays of losses and metrics, on the device of the batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class DeviceArray:
    """A constant array that is copied to each device once, because a copy per step would block the training loop.

    Args:
        array: any shape; converted to float32.

    >>> DeviceArray(np.ones(3)).on_device_of(torch.zeros(1)).shape
    torch.Size([3])
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.asarray(array, np.float32)
        self._copies: dict[torch.device, Tensor] = {}

    def on_device_of(self, tensor: Tensor) -> Tensor:
        """The array on the device of `tensor`."""
        copy = self._copies.get(tensor.device)
        if copy is None:
            copy = self._copies[tensor.device] = torch.tensor(self.array, device=tensor.device)
        return copy
