"""Recurrent layers over sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class RNNBlock(Layer, register="series.rnn"):
    """LSTM or GRU layers; what comes out is the state after the last step, or after every step.

    Source: Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., EMNLP 2014 (GRU).

    Args:
        return_sequences: hand on every step, not the last alone.
        bidirectional: read in both directions, and hand on both side by side.
        num_layers: layers on each other.
        layer_type: `"gru"` or `"lstm"`.
        units: U, of each layer and direction; unset, as many as a step has numbers.

    Shape: (B, T, D) -> (B, U), or (B, T, U) with `return_sequences`; 2 U where bidirectional.

    Raises:
        ConfigError: a size is not a whole number from 1.
        GraphError: joined to something that is not a sequence.

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
        """Sizes are whole numbers from 1."""
        yield from check_counts(self, ("num_layers", "units"))
        yield from check_switch(self, "return_sequences")

    def build(self, *specs: Spec) -> nn.Module:
        """The layers."""
        from medley.nn.sequence import Recurrent

        spec = steps(specs, "RNNBlock")
        return Recurrent(
            spec.width,
            self._units(spec),
            layer_type=str(self.layer_type),
            num_layers=whole(self.num_layers),
            bidirectional=bool(self.bidirectional),
            return_sequences=self.return_sequences,
        )

    def out(self, *specs: Spec) -> Spec:
        """A vector, or steps."""
        spec = steps(specs, "RNNBlock")
        width = self._units(spec) * (2 if self.bidirectional else 1)
        return Spec((spec.shape[0], width), "TD") if self.return_sequences else vector(width)

    def _units(self, spec: Spec) -> int:
        return spec.width if self.units is None else whole(self.units)


def steps(specs: Sequence[Spec], reader: str) -> Spec:
    """The one sequence that an encoder is joined to.

    Raises:
        GraphError: it is joined to something else, or to several things.
    """
    if len(specs) != 1 or not specs[0].is_sequence:
        told = " and ".join(map(str, specs))
        raise GraphError(
            f"Expect the input tensor of {reader} to have dimensions of [batch_size, time_steps, vec_len], but got "
            f"{told}. It reads one sequence: a TimeseriesInput(), an Input() of shape (N, T, D), or an Embedding()."
        )
    return specs[0]


def check_counts(block: Any, names: Iterable[str]) -> Iterable[str]:
    """Yields a sentence per field that is set and no whole number from 1."""
    for name in names:
        value = getattr(block, name)
        wrong = isinstance(value, int | float) and (isinstance(value, bool) or value < 1 or value != int(value))
        if wrong or isinstance(value, str):
            yield f"{name} must be a whole number from 1, got {value!r}."


def check_switch(block: Any, name: str) -> Iterable[str]:
    """Yields a sentence where a field is neither True nor False."""
    if not isinstance(getattr(block, name), bool):
        yield f"{name} must be True or False, got {getattr(block, name)!r}."


def whole(value: Any) -> int:
    """A settled field as a whole number."""
    return int(value)
