"""The output of a task that is explained: the probability of a class, or a number in the unit of its target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

STEP = 0.01
"""Difference of raw outputs by which the slope of the decoding is measured; raw outputs are logits or standardised."""


class ExplainedOutput:
    """One number per row, computed from the raw outputs of a head as predictions are.

    Args:
        decode: raw outputs (R, K) -> probabilities or numbers (R,) or (R, n), as in `predict_proba`.
        place: which of the n; 0 for (R,).
    """

    def __init__(self, decode: Callable[[np.ndarray], np.ndarray], place: int) -> None:
        self._decode = decode
        self._place = place

    def of(self, raw: np.ndarray) -> np.ndarray:
        """The number of each row (R,) float64."""
        decoded = np.asarray(self._decode(raw), np.float64)
        return decoded if decoded.ndim == 1 else decoded[:, self._place]

    def slopes(self, raw: np.ndarray) -> np.ndarray:
        """Derivatives (R, K) by raw outputs: central differences, as codecs decode with NumPy."""
        raw = np.asarray(raw, np.float64)
        slopes = np.empty_like(raw)
        for place in range(raw.shape[1]):
            step = np.zeros_like(raw)
            step[:, place] = STEP
            slopes[:, place] = (self.of(raw + step) - self.of(raw - step)) / (2 * STEP)
        return slopes

    def tensor(self, raw: Tensor) -> Tensor:
        """The number of each row (R,), with gradients."""
        output: Any = _Decoded.apply(raw, self)
        return output


class _Decoded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, raw: Tensor, output: ExplainedOutput) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        array = raw.detach().float().cpu().numpy()
        ctx.save_for_backward(torch.as_tensor(output.slopes(array), dtype=raw.dtype, device=raw.device))
        return torch.as_tensor(output.of(array), dtype=raw.dtype, device=raw.device)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (slopes,) = ctx.saved_tensors
        return gradient[:, None] * slopes, None
