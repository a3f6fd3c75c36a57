"""Sets of samples: one network for each member that is there, then one vector for all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.pooling import masked_mean


class SetEncoder(nn.Module):
    """Runs a network on the members of all sets as one flat batch, and pools what it makes of each set's members.

    Places that hold nothing but zeros are empty. They never reach the network, so that its normalisation learns from
    members only.

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
            return self._dense(sets)
        members, places, mask = _members(sets)
        for part in self.parts:
            members = part(members) if len(members) else members
        vectors = members.new_zeros((mask.numel(), self.width))
        if len(members):
            vectors = vectors.index_copy(0, places, members)
        return self.pool(vectors.unflatten(0, mask.shape), mask)

    def _dense(self, sets: Tensor) -> Tensor:
        """The same where nothing is trained: empty places run along and are masked, so no shape depends on data."""
        mask = (sets != 0).flatten(2).any(2)
        members = sets.flatten(0, 1)
        for part in self.parts:
            members = part(members)
        vectors = members.unflatten(0, (-1, sets.shape[1]))
        return self.pool(vectors.masked_fill(~mask.unsqueeze(2), 0.0), mask)

    @torch.no_grad()
    def adapt(self, sets: Tensor) -> None:
        """Lets the parts that learn statistics learn them from all members of these sets (B, S, ...), in order."""
        members = _members(sets)[0]
        last = max((place for place, part in enumerate(self.parts) if hasattr(part, "adapt")), default=-1)
        for part in list(self.parts)[: last + 1] if len(members) else ():
            if hasattr(part, "adapt"):
                part.adapt(members)  # pyright: ignore[reportCallIssue]
            members = part(members)


def _members(sets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Members (N, ...), their places (N,) among all B * S, and which places are taken (B, S)."""
    mask = (sets != 0).flatten(2).any(2)
    places = mask.flatten().nonzero().squeeze(1)
    return sets.flatten(0, 1).index_select(0, places), places, mask


class VectorPool(nn.Module):
    """Pools vectors of which those of nothing but zeros are none.

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
    """The members' vectors as they are, zeros at empty places.

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
    """A weighted mean of the members; a small gated network on each says how much it weighs.

    Source: Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, 2018, equation 9.

    Args:
        width: D of a vector.
        hidden: width of the gated network.

    Shape: vectors (B, S, D), mask (B, S) -> (B, D); members in another order give the same.

    >>> AttentionPool(8, 4)(torch.ones(2, 3, 8), torch.tensor([[True, False, True], [False] * 3])).shape
    torch.Size([2, 8])
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.content = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)  # the softmax would take a bias away
        nn.init.normal_(self.score.weight, std=0.02)  # near 0, so that all members count alike at first

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return (self.weights(vectors, mask).unsqueeze(2) * vectors).sum(1)

    def weights(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """How much each member weighs (B, S): 1 together, exactly 0 where empty; all 0 where there are none."""
        scores = self.score(self.content(vectors).tanh() * self.gate(vectors).sigmoid()).squeeze(2)
        # The lowest finite number, not -inf: a set without members stays finite.
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return scores.softmax(1) * mask


class PlacedPool(nn.Module):
    """Another pooling, of members that are told apart by their place: each place scales and shifts its vectors.

    A shift alone would be the same for all sets that lack nothing, once their mean is taken. At first all places are
    alike.

    Source: Perez et al.: FiLM, 2018 (features scaled and shifted by a condition, here the place).

    Args:
        places: S at most.
        width: D of a vector.
        pool: vectors (B, S, D), mask (B, S) -> (B, D).

    Shape: vectors (B, S, D), mask (B, S) -> (B, D).
    """

    def __init__(self, places: int, width: int, pool: nn.Module) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(places, width))
        self.shift = nn.Parameter(torch.zeros(places, width))
        self.pool = pool

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return self.pool(vectors * (1 + self.scale) + self.shift, mask)
