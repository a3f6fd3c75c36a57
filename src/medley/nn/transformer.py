"""Transformer encoders over sequences of vectors and of tokens, with masks."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.pooling import masked_mean
from medley.nn.sequence import embedding


class Attention(nn.Module):
    """Multi-head self-attention.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017.

    Args:
        width: D of a step.
        num_heads: number of heads; each has width `width / num_heads`, rounded up.

    Shape: steps (B, T, D), mask (B, T) bool or None: steps that may be attended to -> (B, T, D). If the mask of a row
        is
    False everywhere, all its steps are attended to, so that its output stays finite.

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
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        return self.outward(attended.transpose(1, 2).reshape(rows, count, -1))


class EncoderLayer(nn.Module):
    """Self-attention and two dense layers, each with layer normalisation first and a residual connection.

    Source: Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020 (pre-norm).

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
    """Transformer layers, followed by a layer normalisation.

    Args:
        width: D of a step.
        num_layers: number of layers.
        num_heads: number of attention heads.
        dense_dim: hidden width of the dense layers.
        dropout: dropout probability in the residual branches.

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
    """A transformer over sequences of vectors, with a linear projection and positional encodings.

    Args:
        features: number of features per step.
        steps: T.
        width: D, width of the layers and of the output.
        num_layers: number of layers.
        num_heads: number of attention heads.
        dropout: dropout probability in the residual branches.
        return_sequences: return the states of all steps, instead of their mean.

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
        states = self.encoder(self.inward(steps) + self.positions, None)
        return states if self.return_sequences else states.mean(1)


class TokenEncoder(nn.Module):
    """A transformer over tokens: padding is masked, and positions are counted from the first word of a text.

    Args:
        rows: number of token ids.
        steps: maximum of T.
        width: D.
        num_layers: number of layers.
        num_heads: number of attention heads.
        dense_dim: hidden width of the dense layers.
        dropout: dropout probability of the embeddings and in the residual branches.
        return_sequences: return the states of all steps (zeros at the padding), instead of their mean over words.

    Shape: token ids (B, T), 0 is padding -> (B, D), (B, T, D) with `return_sequences`.

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
        # Initial embeddings and positional encodings have equal weights: both have a norm of about 1.
        self.register_buffer("positions", sinusoids(steps, width) * (2 / width) ** 0.5)
        self.dropout = nn.Dropout(dropout)
        self.return_sequences = return_sequences

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, T) -> (B, D) or (B, T, D)."""
        mask = ids != 0
        position = (mask.cumsum(1) - 1).clamp_min(0)
        embedded = self.dropout(self.embedding(ids) + self.positions[position])
        states = self.encoder(embedded, mask)
        return states * mask.unsqueeze(-1) if self.return_sequences else masked_mean(states, mask)


def sinusoids(steps: int, width: int) -> Tensor:
    """Sinusoidal positional encodings (T, D): sines in the first half of D, cosines in the second.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5.

    >>> sinusoids(2, 4)
    tensor([[0.0000, 0.0000, 1.0000, 1.0000],
            [0.8415, 0.0100, 0.5403, 0.9999]])
    """
    half = (width + 1) // 2
    frequency = torch.exp(torch.arange(half) * (-math.log(10_000.0) / half))
    angle = torch.arange(steps).unsqueeze(1) * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)[:, :width]
