"""A name that users know, for what is not here yet."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import Composite, Facts, Node
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import ConfigError


class BertBlock(Composite, register="text.bert"):
    """A pretrained encoder of texts. This version has none: it can be declared and not built.

    Args:
        max_sequence_length: T.

    Raises:
        ConfigError: it is built.

    >>> BertBlock(max_sequence_length=128)
    BertBlock(max_sequence_length=128)
    """

    max_sequence_length: int | Space | None = searched(OneOf(128, 256, 512))

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], facts: Facts) -> Node:
        """Raises: there is nothing to join."""
        raise ConfigError(
            "BertBlock needs a pretrained encoder, and this version of medley has none: all that it trains starts from "
            'the data at hand. Use TextBlock(), or TextBlock(block_type="transformer") for attention over words.'
        )
