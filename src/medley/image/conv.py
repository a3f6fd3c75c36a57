"""A stack of convolutions for sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


FEW_ROWS = 2_000


class ConvBlock(Layer, register="image.conv"):
    """Blocks of convolution, batch norm and ReLU, each followed by max-pooling; 1-D, 2-D or 3-D depending on its input.

    Convolutions keep the size of the map. Pooling halves every axis longer than 1, so inputs of any size are possible.

    Args:
        kernel_size: side length of the kernels.
        num_blocks: number of blocks.
        num_layers: number of convolutions in each block.
        filters: output channels of the first block; they double from block to block.
        max_pooling: halve the size of the map at the end of each block.
        separable: depthwise separable convolutions (Chollet 2017, arXiv:1610.02357).
        dropout: dropout probability after each block.

    Shape: (B, T, D) -> (B, T', D'), (B, C, H, W) -> (B, C', H', W') or (B, C, Z, H, W) -> (B, C', Z', H', W'), where
        the width is `filters * 2 ** (num_blocks - 1)`.

    Raises:
        GraphError: called on something without a spatial or time axis (a vector).

    >>> block = ConvBlock(3, num_blocks=2, num_layers=1, filters=16, max_pooling=True, separable=False, dropout=0.0)
    >>> str(block.out(Spec((3, 28, 28), "CHW"))), str(block.out(Spec((9, 5), "TD")))
    ('(C=32 H=7 W=7)', '(T=2 D=32)')
    """

    kernel_size: int | Space | None = searched(OneOf(3, 5, 7))
    num_blocks: int | Space | None = searched(OneOf(1, 2, 3, default=2))
    num_layers: int | Space | None = searched(OneOf(1, 2))
    filters: int | Space | None = searched(OneOf(16, 32, 64, 128, default=32))
    max_pooling: bool | Space | None = searched(OneOf(True, False))
    separable: bool | Space | None = searched(OneOf(False, True))
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))

    def check(self) -> Iterable[str]:
        """Checks that counts are positive integers and dropout is below 1."""
        yield from whole_number_problems(self, "kernel_size", "num_blocks", "num_layers", "filters")
        if isinstance(self.dropout, int | float) and self.dropout >= 1:
            yield f"dropout must be at least 0 and below 1, got {self.dropout!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Fewer blocks for small maps; wide layers and large kernels only for large maps and many rows."""
        if not specs or not specs[0].is_map:
            return {"num_blocks": 2, "filters": 64, "max_pooling": True}
        side = max(specs[0].shape[1:])
        defaults: dict[str, Any] = {"num_blocks": 3 if side >= 12 else 2 if side >= 4 else 1}
        if side > 12:  # without pooling each block costs four times the one before
            defaults["max_pooling"] = OneOf(True)
        if side <= 64 or summary.rows < FEW_ROWS:
            defaults["kernel_size"] = OneOf(3, 5)
        defaults["filters"] = OneOf(16, 32, 64, default=32) if side <= 64 else OneOf(16, 32)
        return defaults

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the stack."""
        from medley.nn.conv import ConvStack, StepsLast

        channels, size = _channels_and_size(specs[0])
        stack = ConvStack(
            channels,
            size,
            filters=_as_int(self.filters),
            kernel_size=_as_int(self.kernel_size),
            num_blocks=_as_int(self.num_blocks),
            num_layers=_as_int(self.num_layers),
            max_pooling=bool(self.max_pooling),
            separable=bool(self.separable),
            dropout=float(self.dropout),  # type: ignore[arg-type]
        )
        return StepsLast(stack) if specs[0].is_sequence else stack

    def out(self, *specs: Spec) -> Spec:
        """The smaller map, with its number of channels."""
        size = _channels_and_size(specs[0])[1]
        blocks = _as_int(self.num_blocks)
        if self.max_pooling:
            size = tuple(max(1, side >> blocks) for side in size)
        width = _as_int(self.filters) * 2 ** (blocks - 1)
        return Spec((*size, width) if specs[0].is_sequence else (width, *size), specs[0].axes)


def _as_int(value: int | float | Space | None) -> int:
    assert isinstance(value, int | float)
    return int(value)


def _channels_and_size(spec: Spec) -> tuple[int, tuple[int, ...]]:
    if spec.is_sequence:
        return spec.shape[1], spec.shape[:1]
    if spec.is_map:
        return spec.shape[0], spec.shape[1:]
    raise GraphError(f"ConvBlock reads sequences (TD), images (CHW) or volumes (CZHW), got {spec}; use DenseBlock().")
