"""Blocks that are replaced by one of several blocks, or by none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from medley.core.block import Block, DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf
from medley.core.spec import Spec
from medley.errors import GraphError


class Choice(Composite, register="core.choice"):
    """One of several blocks, chosen by the search.

    Args:
        options: blocks in a list, or `OneOf(block, ..., default=block)`.

    >>> Choice([Identity(), Identity()]).options.default
    Identity()
    """

    options: Any = None

    def __post_init__(self) -> None:
        if isinstance(self.options, list | tuple) and self.options:
            object.__setattr__(self, "options", OneOf(*self.options))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Options are blocks, and there is at least one."""
        options = self.options.choices if isinstance(self.options, OneOf) else (self.options,)
        if not all(isinstance(option, Block) for option in options):
            yield f"options must be blocks, got {self.options!r}."

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the chosen block."""
        return self.options(nodes)


class Identity(Composite, register="core.identity"):
    """Returns its input unchanged: the option of no block."""

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """The node itself."""
        if len(nodes) != 1:
            raise GraphError(f"it takes one node, got {len(nodes)}; join them with Merge() first.")
        return nodes[0]
