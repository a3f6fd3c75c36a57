"""Transformer encoders over steps and over codes, with masks."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.pooling import masked_mean
from medley.nn.sequence import embedding


class Attention(nn.Module):
    """Every step looks at every other one, with several heads.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        width: D of a step.
        num_heads: heads; each is `width / num_heads` wide, rounded up.

    Shape: steps (B, T, D), mask (B, T) bool or None: steps that may be looked at -> (B, T, D). A row whose mask
    holds nowhere is looked at whole, so that its numbers stay finite.

    >>> Attention(8, 2)(torch.zeros(3, 5, 8), None).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        inner = num_heads * math.ceil(width / num_heads)
        self.inward = nn.Linear(width, 3 * inner)
        self.outward = nn.Linear(inner, width)

    def forward(self, steps: Tensor, mask: Tensor | None) -> Tensor:
        """Steps (B, T, D) -> (B, T, D)."""
        rows, count, _ = steps.shape
        heads = self.inward(steps).view(rows, count, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        allowed = None if mask is None else (mask | ~mask.any(1, keepdim=True))[:, None, None, :]
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        return self.outward(seen.transpose(1, 2).reshape(rows, count, -1))


class EncoderLayer(nn.Module):
    """Attention and a dense pair of layers, each added to what came in, each behind a layer normalisation.

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020 (normalisation first).

    Shape: steps (B, T, D), mask (B, T) bool or None -> (B, T, D).
    """

    def __init__(self, width: int, num_heads: int, dense_dim: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width, num_heads)
        self.before_dense = nn.LayerNorm(width)
        self.dense = nn.Sequential(nn.Linear(width, dense_dim), nn.GELU(), nn.Linear(dense_dim, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, mask: Tensor | None) -> Tensor:
        """Steps (B, T, D) -> (B, T, D)."""
        steps = steps + self.dropout(self.attention(self.before_attention(steps), mask))
        return steps + self.dropout(self.dense(self.before_dense(steps)))


class Encoder(nn.Module):
    """Transformer layers on each other, closed by a layer normalisation.

    Args:
        width: D of a step.
        num_layers: layers on each other.
        num_heads: heads of each attention.
        dense_dim: width between the two dense layers.
        dropout: on what each part adds.

    Shape: steps (B, T, D), mask (B, T) bool or None -> (B, T, D).

    >>> Encoder(8, num_layers=2, num_heads=2, dense_dim=16, dropout=0.0)(torch.zeros(3, 5, 8), None).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, width: int, *, num_layers: int, num_heads: int, dense_dim: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(width, num_heads, dense_dim, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, steps: Tensor, mask: Tensor | None) -> Tensor:
        """Steps (B, T, D) -> (B, T, D)."""
        for layer in self.layers:
            steps = layer(steps, mask)
        return self.norm(steps)


class SeriesEncoder(nn.Module):
    """A transformer over steps of numbers, which are brought to its width and told their places.

    Args:
        features: numbers in a step.
        steps: T.
        width: D inside and of what comes out.
        num_layers: layers on each other.
        num_heads: heads of each attention.
        dropout: on what each part adds.
        return_sequences: returns every step, else their mean.

    Shape: (B, T, features) -> (B, D), (B, T, D) with `return_sequences`.

    >>> SeriesEncoder(3, 5, 8, num_layers=1, num_heads=2, dropout=0.0)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 8])
    """

    positions: Tensor

    def __init__(
        self,
        features: int,
        steps: int,
        width: int,
        *,
        num_layers: int,
        num_heads: int,
        dropout: float,
        return_sequences: bool = False,
    ) -> None:
        super().__init__()
        self.inward = nn.Linear(features, width)
        self.encoder = Encoder(width, num_layers=num_layers, num_heads=num_heads, dense_dim=2 * width, dropout=dropout)
        self.register_buffer("positions", sinusoids(steps, width))
        self.return_sequences = return_sequences

    def forward(self, steps: Tensor) -> Tensor:
        """Steps (B, T, features) -> (B, D) or (B, T, D)."""
        seen = self.encoder(self.inward(steps) + self.positions, None)
        return seen if self.return_sequences else seen.mean(1)


class TokenEncoder(nn.Module):
    """A transformer over codes: padding is not looked at, and words count their places from the text's first word.

    Args:
        rows: number of codes.
        steps: T at most.
        width: D.
        num_layers: layers on each other.
        num_heads: heads of each attention.
        dense_dim: width between the two dense layers.
        dropout: on the embeddings and on what each part adds.
        return_sequences: returns every step (zeros at the padding), else the mean over the words.

    Shape: codes (B, T), 0 is padding -> (B, D), (B, T, D) with `return_sequences`.

    >>> encoder = TokenEncoder(9, 3, 8, num_layers=1, num_heads=2, dense_dim=16, dropout=0.0)
    >>> encoder(torch.tensor([[0, 5, 6]])).shape
    torch.Size([1, 8])
    """

    positions: Tensor

    def __init__(
        self,
        rows: int,
        steps: int,
        width: int,
        *,
        num_layers: int,
        num_heads: int,
        dense_dim: int,
        dropout: float,
        return_sequences: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = embedding(rows, width)
        self.encoder = Encoder(width, num_layers=num_layers, num_heads=num_heads, dense_dim=dense_dim, dropout=dropout)
        # Words and places weigh alike at first: both have a length of about 1.
        self.register_buffer("positions", sinusoids(steps, width) * (2 / width) ** 0.5)
        self.dropout = nn.Dropout(dropout)
        self.return_sequences = return_sequences

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, T) -> (B, D) or (B, T, D)."""
        mask = codes != 0
        place = (mask.cumsum(1) - 1).clamp_min(0)
        words = self.dropout(self.embedding(codes) + self.positions[place])
        seen = self.encoder(words, mask)
        return seen * mask.unsqueeze(-1) if self.return_sequences else masked_mean(seen, mask)


def sinusoids(steps: int, width: int) -> Tensor:
    """Places as waves (T, D): sines in the first half of D, cosines in the second, of growing length.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5.

    >>> sinusoids(2, 4)
    tensor([[0.0000, 0.0000, 1.0000, 1.0000],
            [0.8415, 0.0100, 0.5403, 0.9999]])
    """
    half = (width + 1) // 2
    speed = torch.exp(torch.arange(half) * (-math.log(10_000.0) / half))
    angle = torch.arange(steps).unsqueeze(1) * speed
    return torch.cat([angle.sin(), angle.cos()], 1)[:, :width]
