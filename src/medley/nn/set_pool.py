"""Encoders of sets: one network for all members, then pooling to one vector per set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.pooling import masked_mean


class SetEncoder(nn.Module):
    """Runs a network on the members of all sets as one flat batch, and pools the vectors of each set.

    Slots that contain only zeros are empty. They are not passed to the network, so that its normalisation statistics
    come from members only.

    Args:
        parts: the network's modules in order; members (N, ...) -> vectors (N, D).
        width: D.
        pool: vectors (B, S, D) and mask (B, S) -> (B, D).

    Shape: (B, S, ...) -> (B, D); zeros for a set without members.

    >>> module = SetEncoder([nn.Flatten()], 3, MeanPool())
    >>> module(torch.tensor([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]]))
    tensor([[1., 2., 3.]])
    """

    def __init__(self, parts: Sequence[nn.Module], width: int, pool: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.width = width
        self.pool = pool

    def forward(self, sets: Tensor) -> Tensor:
        if torch.compiler.is_compiling() and not self.training:
            return self._forward_dense(sets)
        members, slots, mask = _members(sets)
        for part in self.parts:
            members = part(members) if len(members) else members
        vectors = members.new_zeros((mask.numel(), self.width))
        if len(members):
            vectors = vectors.index_copy(0, slots, members)
        return self.pool(vectors.unflatten(0, mask.shape), mask)

    def _forward_dense(self, sets: Tensor) -> Tensor:
        """The forward pass for export: empty slots are computed and masked, so that no shape depends on data."""
        mask = (sets != 0).flatten(2).any(2)
        members = sets.flatten(0, 1)
        for part in self.parts:
            members = part(members)
        vectors = members.unflatten(0, (-1, sets.shape[1]))
        return self.pool(vectors.masked_fill(~mask.unsqueeze(2), 0.0), mask)

    @torch.no_grad()
    def adapt(self, sets: Tensor) -> None:
        """Adapts the parts that compute statistics, in order, to all members of these sets (B, S, ...)."""
        members = _members(sets)[0]
        last = max((index for index, part in enumerate(self.parts) if hasattr(part, "adapt")), default=-1)
        for part in list(self.parts)[: last + 1] if len(members) else ():
            if hasattr(part, "adapt"):
                part.adapt(members)  # pyright: ignore[reportCallIssue]
            members = part(members)


def _members(sets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Members (N, ...), the indices (N,) of their slots among all B * S, and the mask of used slots (B, S)."""
    mask = (sets != 0).flatten(2).any(2)
    slots = mask.flatten().nonzero().squeeze(1)
    return sets.flatten(0, 1).index_select(0, slots), slots, mask


class VectorPool(nn.Module):
    """Pools the non-zero vectors of each set.

    Args:
        pool: vectors (B, S, D) and mask (B, S) -> (B, D).

    Shape: (B, S, D) -> (B, D).

    >>> VectorPool(MeanPool())(torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]))
    tensor([[1., 2.]])
    """

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, vectors: Tensor) -> Tensor:
        return self.pool(vectors, (vectors != 0).any(2))


class NoPool(nn.Module):
    """Returns the vectors of the members unchanged, with zeros in empty slots.

    Shape: vectors (B, S, D), mask (B, S) -> (B, S, D).
    """

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return vectors


class MeanPool(nn.Module):
    """The mean of the members.

    Shape: vectors (B, S, D), mask (B, S) -> (B, D).
    """

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return masked_mean(vectors, mask)


class AttentionPool(nn.Module):
    """A weighted mean of the members; a small gated network computes the weight of each member.

    Source: Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, 2018, equation 9.

    Args:
        width: D of a vector.
        hidden: width of the gated network.

    Shape: vectors (B, S, D), mask (B, S) -> (B, D), independent of the order of members.

    >>> AttentionPool(8, 4)(torch.ones(2, 3, 8), torch.tensor([[True, False, True], [False] * 3])).shape
    torch.Size([2, 8])
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.content = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)  # a bias would cancel in the softmax
        nn.init.normal_(self.score.weight, std=0.02)  # near 0, so that all members have about equal weights at first

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return (self.weights(vectors, mask).unsqueeze(2) * vectors).sum(1)

    def weights(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """The weights of members (B, S): they sum to 1, and are exactly 0 in empty slots; all 0 for an empty set."""
        scores = self.score(self.content(vectors).tanh() * self.gate(vectors).sigmoid()).squeeze(2)
        # The lowest finite number rather than -inf, so that the softmax of an empty set stays finite.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return scores.softmax(1) * mask


class PlacedPool(nn.Module):
    """Pooling of members that depends on their position: each position scales and shifts its vectors.

    A shift alone would have the same effect on the mean of every complete set. All positions are initialised alike.

    Source: Perez et al.: FiLM, 2018 (features are scaled and shifted given a condition, here the position).

    Args:
        positions: maximum of S.
        width: D of a vector.
        pool: the pooling module; vectors (B, S, D), mask (B, S) -> (B, D).

    Shape: vectors (B, S, D), mask (B, S) -> (B, D).
    """

    def __init__(self, positions: int, width: int, pool: nn.Module) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(positions, width))
        self.shift = nn.Parameter(torch.zeros(positions, width))
        self.pool = pool

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return self.pool(vectors * (1 + self.scale) + self.shift, mask)
