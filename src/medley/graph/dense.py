"""A network without data-dependent shapes: every part reads every row, and masks do what gathering does otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medley.graph.network import Network


class DenseNetwork(nn.Module):
    """The same numbers as a `Network` in evaluation mode, by operations whose shapes depend on nothing but B.

    A network gathers the rows that are present, so that training never sees the others. Where nothing is trained, rows
    do not touch each other: here absent ones run along, and their results are masked. That costs their time, and makes
    the network one graph of fixed form, which can be exported.

    Args:
        network: runs in evaluation mode, however it was left.

    Shape: inputs {source: (B, ...)} and present {source: (B,) bool} -> {head: raw (B, K)}.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, inputs: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Raw outputs by head name; rows that lack every input of a head hold its prior."""
        values = [as_numbers(inputs[name], compact=compact) for name, compact in self.network.sources]
        here = [present[name] for name, _ in self.network.sources]
        raw: dict[str, Tensor] = {}
        for step in self.network.steps:
            read = [values[place] for place in step.inputs]
            masks = [here[place] for place in step.inputs]
            module = self.network.parts[step.key]
            if step.is_fusion:
                value = module(read, torch.stack(masks, 1))
            elif len(read) == 1:
                value = module(read[0])
            else:
                value = module(*(_masked(one, mask, 0.0) for one, mask in zip(read, masks, strict=True)))
            anywhere = torch.stack(masks, 1).any(1)
            values.append(value)
            here.append(anywhere)
            if step.is_head:
                raw[step.name] = _masked(value, anywhere, self.network.get_buffer(f"prior__{step.key}"))
        return raw


def as_numbers(x: Tensor, *, compact: bool) -> Tensor:
    """What parts read of an encoded source: pixels as shares of 255, codes as 64-bit numbers.

    >>> as_numbers(torch.tensor([[255]], dtype=torch.uint8), compact=True)
    tensor([[1.]])
    """
    if compact:
        return x * (1 / 255)
    return x if x.is_floating_point() else x.long()


def _masked(x: Tensor, present: Tensor, other: Tensor | float) -> Tensor:
    # Choosing, not multiplying: what absent rows hold may be anything, and 0 times NaN is NaN.
    return torch.where(present.reshape(-1, *[1] * (x.dim() - 1)), x, other)
