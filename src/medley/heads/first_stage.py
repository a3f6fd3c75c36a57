"""Trains the heads in a first stage of the network, whose raw outputs a later stage starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite, Layer
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class HeadOutput(Layer, register="heads.output"):
    """The raw outputs of a head as a layer in the middle of a network.

    Args:
        head: the head's name.
        outputs: number of raw outputs K.
        link: the link of the raw outputs (`TargetCodec.linear_link`), by which members of an ensemble are joined.
        prior: (K,) raw outputs of the best constant prediction.

    Shape: (B, D) or (B, E, D), optionally with (B, L) of a linear path -> (B, K).

    >>> str(HeadOutput("price", 1, "identity", (0.0,)).out(vector(8)))
    '(D=1)'
    """

    head: str = ""
    outputs: int = 1
    link: str = "identity"
    prior: Sequence[float] = ()

    reads: ClassVar[str] = "members"

    def build(self, *specs: Spec) -> nn.Module:
        """The layer that the head itself would build."""
        import torch

        from medley.heads.linear_skip import add_linear_skip
        from medley.heads.members import JOINS
        from medley.heads.readout import readout

        module = readout(specs[0], self.outputs, 0.0, JOINS[self.link])
        return add_linear_skip(module, specs, self.head, torch.tensor(list(self.prior)))

    def out(self, *specs: Spec) -> Spec:
        return vector(self.outputs)


class StageOutput(Layer, register="heads.answers"):
    """The raw outputs of all heads as one vector, from which the heads of a later stage start.

    Args:
        heads: name and number of raw outputs of each head, in order.

    Shape: (B, K) of every head -> (B, 1 + sum of K); the first number is 1.

    >>> str(StageOutput((("price", 1), ("kind", 3))).out(vector(1), vector(3)))
    '(D=5)'
    """

    heads: Sequence[tuple[str, int]] = ()

    is_stage: ClassVar[bool] = True

    def build(self, *specs: Spec) -> nn.Module:
        """Concatenates a 1 and the outputs; has no weights."""
        from medley.nn.members import OneAnd

        return OneAnd()

    def out(self, *specs: Spec) -> Spec:
        if not all(spec.is_vector for spec in specs):
            raise GraphError(f"it reads the raw outputs of heads, got {' and '.join(map(str, specs))}.")
        heads = tuple((str(name), int(outputs)) for name, outputs in self.heads)
        return Spec((1 + sum(spec.size for spec in specs),), "D", linear_outputs=heads)


class FirstStage(Composite, register="heads.first_stage"):
    """Trains all heads on a node before the rest of the network, which then starts from their predictions.

    Late fusion: columns and texts are learned first; encoders of images and other modalities then learn the residuals.
    Strong modalities do not suffer from weak ones, because later stages only add to the first one.

    Shape: the input of a head -> (B, 1 + sum of K).

    >>> FirstStage()
    FirstStage()
    """

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """A `HeadOutput` for each head, joined by `StageOutput`."""
        if not summary.heads:
            raise GraphError("it depends on the targets, so it cannot be resolved without data.")
        outputs = [
            HeadOutput(head.name, head.outputs, head.link, head.prior, name=f"first stage of {head.name}")(nodes)
            for head in summary.heads
        ]
        return StageOutput(tuple((head.name, head.outputs) for head in summary.heads))(outputs)
