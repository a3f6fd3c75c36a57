"""Encoded tables as numeric vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Columns(nn.Module):
    """Passes or embeds numbers, one-hot encodes or embeds categories, and replaces missing numbers by 0.

    The output never contains NaN or infinity.

    Args:
        plain: positions of numbers that are passed unchanged.
        indicated: positions of numbers with a missing indicator, which is 1 where the number is missing.
        one_hot: (position, code) per output feature of the one-hot categories.
        embedded: position -> (number of codes, width) of the embedded categories.
        numeric: positions of numbers that `embedding` reads.
        embedding: a module (B, len(numeric)) -> (B, len(numeric), E), or None.

    Shape: (B, C) -> (B, D): plain numbers, missing indicators, one-hot categories, embedded categories, embedded
    numbers.

    >>> module = Columns(plain=[0], indicated=[0], one_hot=[(1, 1), (1, 2)])
    >>> module(torch.tensor([[0.5, 2.0], [float("nan"), 0.0]]))
    tensor([[0.5000, 0.0000, 0.0000, 1.0000],
            [0.0000, 1.0000, 0.0000, 0.0000]])
    """

    plain: Tensor
    indicated: Tensor
    hot: Tensor
    code: Tensor
    numeric: Tensor

    def __init__(
        self,
        plain: Sequence[int],
        indicated: Sequence[int] = (),
        one_hot: Sequence[tuple[int, int]] = (),
        embedded: Mapping[int, tuple[int, int]] | None = None,
        numeric: Sequence[int] = (),
        embedding: nn.Module | None = None,
    ) -> None:
        super().__init__()
        # Positions are determined by the arguments, so they are not saved with the weights.
        for name, positions in {
            "plain": plain,
            "indicated": indicated,
            "hot": [p for p, _ in one_hot],
            "numeric": numeric,
        }.items():
            self.register_buffer(name, torch.tensor(list(positions), dtype=torch.int64), persistent=False)
        code = torch.tensor([float(code) for _, code in one_hot], dtype=torch.float32)
        self.register_buffer("code", code, persistent=False)
        self.sizes = {"plain": len(plain), "indicated": len(indicated), "hot": len(one_hot), "numeric": len(numeric)}
        self.positions = list(embedded or {})
        self.last = [codes - 1 for codes, _ in (embedded or {}).values()]
        self.tables = nn.ModuleList([_table(codes, width) for codes, width in (embedded or {}).values()])
        self.embedding = embedding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) -> (B, D)."""
        clean = torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
        if self.sizes["plain"] == x.shape[1]:  # numbers only, in order: no need to gather
            parts = [clean]
        else:
            parts = [clean.index_select(1, self.plain)] if self.sizes["plain"] else []
        if self.sizes["indicated"]:
            parts.append(torch.isnan(x.index_select(1, self.indicated)).to(clean.dtype))
        if self.sizes["hot"]:
            parts.append((clean.index_select(1, self.hot) == self.code).to(clean.dtype))
        for position, last, table in zip(self.positions, self.last, self.tables, strict=True):
            parts.append(table(clean[:, position].long().clamp(0, last)))
        if self.embedding is not None:
            parts.append(self.embedding(clean.index_select(1, self.numeric)).flatten(1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


class Clamped(nn.Module):
    """Clamps numbers to the range of the training rows before they are passed to a module.

    Args:
        low: smallest value of each number, (F,).
        high: largest value of each number, (F,).
        module: the module that reads the clamped numbers.

    Shape: (B, F) -> the output of `module`.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Sequence[float], high: Sequence[float], module: nn.Module) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(list(low)), persistent=False)
        self.register_buffer("high", torch.tensor(list(high)), persistent=False)
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """(B, F) -> (B, F, E)."""
        return self.module(torch.maximum(torch.minimum(x, self.high), self.low))


def _table(codes: int, width: int) -> nn.Embedding:
    table = nn.Embedding(codes, width)
    nn.init.uniform_(table.weight, -(width**-0.5), width**-0.5)
    with torch.no_grad():
        table.weight[0].zero_()  # the code of unknown categories, which may not occur in training
    return table
