"""Recurrent layers for sequences, and checks shared by blocks for sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.arguments import whole_number_problems
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class RNNBlock(Layer, register="series.rnn"):
    """LSTM or GRU layers; the output is the state after the last step, or after every step.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., EMNLP 2014 (GRU).

    Args:
        return_sequences: output the state of every step, not only the last one.
        bidirectional: process the sequence in both directions and concatenate their states.
        num_layers: number of stacked layers.
        layer_type: `"gru"` or `"lstm"`.
        units: width U of each layer and direction; if unset, the width D of the input.

    Shape: (B, T, D) -> (B, U), or (B, T, U) with `return_sequences`; 2 U if bidirectional.

    Raises:
        ConfigError: a size is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> import torch
    >>> block = RNNBlock(layer_type="lstm", num_layers=1, bidirectional=False, units=8)
    >>> block.build(Spec((2, 4), "TD"))(torch.zeros(3, 2, 4)).shape
    torch.Size([3, 8])
    """

    return_sequences: bool = False
    bidirectional: bool | Space | None = searched(OneOf(False, True, default=True))
    num_layers: int | Space | None = searched(OneOf(1, 2, 3))
    layer_type: str | Space | None = searched(OneOf("gru", "lstm", default="lstm"))
    units: int | Space | None = None

    def check(self) -> Iterable[str]:
        """Checks sizes and return_sequences."""
        yield from whole_number_problems(self, "num_layers", "units")
        yield from check_switch(self, "return_sequences")

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the layers."""
        from medley.nn.sequence import Recurrent

        spec = sequence_spec(specs, "RNNBlock")
        return Recurrent(
            spec.width,
            self._units(spec),
            layer_type=str(self.layer_type),
            num_layers=as_int(self.num_layers),
            bidirectional=bool(self.bidirectional),
            return_sequences=self.return_sequences,
        )

    def out(self, *specs: Spec) -> Spec:
        """A vector, or one per step."""
        spec = sequence_spec(specs, "RNNBlock")
        width = self._units(spec) * (2 if self.bidirectional else 1)
        return Spec((spec.shape[0], width), "TD") if self.return_sequences else vector(width)

    def _units(self, spec: Spec) -> int:
        return spec.width if self.units is None else as_int(self.units)


def sequence_spec(specs: Sequence[Spec], block: str) -> Spec:
    """The spec of the single sequence that a block is called on.

    Args:
        specs: that the block is called on.
        block: its name in messages.

    Raises:
        GraphError: it is called on something else, or on several nodes.
    """
    if len(specs) != 1 or not specs[0].is_sequence:
        got = " and ".join(map(str, specs))
        raise GraphError(
            f"Expect the input tensor of {block} to have dimensions of [batch_size, time_steps, vec_len], but got "
            f"{got}. It reads one sequence: a TimeseriesInput(), an Input() of shape (N, T, D), or an Embedding()."
        )
    return specs[0]


def check_switch(block: Any, name: str) -> Iterable[str]:
    """Yields an error message if a field is neither True nor False."""
    if not isinstance(getattr(block, name), bool):
        yield f"{name} must be True or False, got {getattr(block, name)!r}."


def as_int(value: Any) -> int:
    """A field that is no longer open, as an integer."""
    return int(value)
