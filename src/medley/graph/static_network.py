"""A network without data-dependent shapes, for export: all parts read all rows, and results are masked."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medley.graph.network import Network


class StaticNetwork(nn.Module):
    """Computes the outputs of a `Network` in evaluation mode by operations whose shapes depend only on B.

    A `Network` gathers the present rows, so that absent rows do not influence training. In evaluation mode, rows do not
    influence each other, so absent rows can be computed too and masked. This takes more time, but gives a static graph,
    which can be exported.

    Args:
        network: is set to evaluation mode.

    Shape: inputs {source: (B, ...)} and present {source: (B,) bool} -> {head: raw outputs (B, K)}.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, inputs: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Raw outputs by head name; the prior of a head for rows without any of its inputs.

        Args:
            inputs: source name -> (B, ...).
            present: source name -> (B,) bool.
        """
        values = [to_numbers(inputs[name], compact=compact) for name, compact in self.network.sources]
        present_masks = [present[name] for name, _ in self.network.sources]
        raw: dict[str, Tensor] = {}
        for step in self.network.steps:
            operands = [values[index] for index in step.inputs]
            masks = [present_masks[index] for index in step.inputs]
            module = self.network.parts[step.key]
            if step.is_fusion:
                value = module(operands, torch.stack(masks, 1))
            elif len(operands) == 1:
                value = module(operands[0])
            else:
                value = module(*(_masked(operand, mask, 0.0) for operand, mask in zip(operands, masks, strict=True)))
            is_present = torch.stack(masks, 1).any(1)
            values.append(value)
            present_masks.append(is_present)
            if step.is_head:
                raw[step.name] = _masked(value, is_present, self.network.get_buffer(f"prior__{step.key}"))
        return raw


def to_numbers(x: Tensor, *, compact: bool) -> Tensor:
    """Converts an encoded source as parts read it: pixels divided by 255, integers to 64 bits.

    >>> to_numbers(torch.tensor([[255]], dtype=torch.uint8), compact=True)
    tensor([[1.]])
    """
    if compact:
        return x * (1 / 255)
    return x if x.is_floating_point() else x.long()


def _masked(x: Tensor, present: Tensor, fill: Tensor | float) -> Tensor:
    # Not a multiplication: values of absent rows are arbitrary, and 0 times NaN is NaN.
    return torch.where(present.reshape(-1, *[1] * (x.dim() - 1)), x, fill)
