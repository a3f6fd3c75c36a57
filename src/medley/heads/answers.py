"""Answers of one stage of a network as numbers that the next stage reads."""

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
    """What a head would give, as a part in the middle of a network.

    Args:
        head: the head's name.
        outputs: K.
        link: how members of an ensemble are joined, as `TargetCodec.linear_link`.
        prior: (K,) of the head's target.

    Shape: (B, D) or (B, E, D), and (B, L) of a linear path -> (B, K).

    >>> str(HeadOutput("price", 1, "identity", (0.0,)).out(vector(8)))
    '(D=1)'
    """

    head: str = ""
    outputs: int = 1
    link: str = "identity"
    prior: Sequence[float] = ()

    reads: ClassVar[str] = "members"

    def build(self, *specs: Spec) -> nn.Module:
        """The head's layer."""
        import torch

        from medley.heads.linear_skip import start_at
        from medley.heads.members import JOINS
        from medley.heads.readout import readout

        module = readout(specs[0], self.outputs, 0.0, JOINS[self.link])
        return start_at(module, specs, self.head, torch.tensor(list(self.prior)))

    def out(self, *specs: Spec) -> Spec:
        return vector(self.outputs)


class Answers(Layer, register="heads.answers"):
    """Raw outputs of several heads as one vector, at which heads of a later stage start.

    Args:
        heads: names and numbers of raw outputs, in order.

    Shape: (B, K) each -> (B, 1 + sum of K), the first number 1.

    >>> str(Answers((("price", 1), ("kind", 3))).out(vector(1), vector(3)))
    '(D=5)'
    """

    heads: Sequence[tuple[str, int]] = ()

    is_stage: ClassVar[bool] = True

    def build(self, *specs: Spec) -> nn.Module:
        """Joins them; has no weights."""
        from medley.nn.members import OneAnd

        return OneAnd()

    def out(self, *specs: Spec) -> Spec:
        if not all(spec.is_vector for spec in specs):
            raise GraphError(f"it joins the outputs of heads, got {' and '.join(map(str, specs))}.")
        heads = tuple((str(name), int(outputs)) for name, outputs in self.heads)
        return Spec((1 + sum(spec.size for spec in specs),), "D", linear_outputs=heads)


class FirstStage(Composite, register="heads.first_stage"):
    """All heads on a node, trained before the rest of the network, which then starts at their answers.

    Late fusion: what columns and texts say is learned first, and encoders of images and the like learn what is left. A
    strong modality is not spoiled by a weak one, as later stages can only add to it.

    Shape: what heads read -> (B, 1 + sum of K).

    >>> FirstStage()
    FirstStage()
    """

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """A `HeadOutput` for each head, joined by `Answers`."""
        if not summary.heads:
            raise GraphError("it needs to know the targets, so it cannot be resolved without data.")
        outputs = [
            HeadOutput(head.name, head.outputs, head.link, head.prior, name=f"first stage of {head.name}")(nodes)
            for head in summary.heads
        ]
        return Answers(tuple((head.name, head.outputs) for head in summary.heads))(outputs)
