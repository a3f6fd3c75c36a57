"""Vectors of which some rows are absent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def blank(vectors: Sequence[Tensor], present: Tensor | None) -> list[Tensor]:
    """Zeros in place of absent rows, whatever they held; no gradient flows back to them.

    Filling, not multiplying: 0 times NaN is NaN.

    Args:
        vectors: M tensors (B, D_m).
        present: (B, M) bool, or None where all are.

    Shape: M tensors (B, D_m).

    >>> blank([torch.tensor([[float("nan")], [2.0]])], torch.tensor([[False], [True]]))
    [tensor([[0.],
            [2.]])]
    """
    if present is None:
        return list(vectors)
    absent = ~present
    return [vector.masked_fill(absent[:, place, None], 0.0) for place, vector in enumerate(vectors)]


def mask_scores(scores: Tensor, present: Tensor | None) -> Tensor:
    """Scores (B, M, any) that a softmax over M turns into exactly 0 where absent.

    The lowest finite number, not -inf: where nothing is present, the softmax stays finite.
    """
    if present is None:
        return scores
    return scores.masked_fill(~present[:, :, None], torch.finfo(scores.dtype).min)
