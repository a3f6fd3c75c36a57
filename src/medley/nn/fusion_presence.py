"""Masking of absent vectors in fusions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def zero_absent(vectors: Sequence[Tensor], present: Tensor | None) -> list[Tensor]:
    """Replaces absent rows by zeros, whatever their values; no gradient flows back to them.

    The mask is filled in rather than multiplied, because 0 times NaN is NaN.

    Args:
        vectors: M tensors (B, D_m).
        present: (B, M) bool, or None if all are present.

    Shape: M tensors (B, D_m).

    >>> zero_absent([torch.tensor([[float("nan")], [2.0]])], torch.tensor([[False], [True]]))
    [tensor([[0.],
            [2.]])]
    """
    if present is None:
        return list(vectors)
    absent = ~present
    return [vector.masked_fill(absent[:, index, None], 0.0) for index, vector in enumerate(vectors)]


def mask_scores(scores: Tensor, present: Tensor | None) -> Tensor:
    """Masks scores (B, M, any) so that a softmax over M gives absent vectors a weight of exactly 0.

    Masked scores are the lowest finite number rather than -inf, so that the softmax of a row without any present vector
    stays finite.
    """
    if present is None:
        return scores
    return scores.masked_fill(~present[:, :, None], torch.finfo(scores.dtype).min)
