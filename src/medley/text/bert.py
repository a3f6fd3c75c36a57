"""BERT, under the name that users know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.text.codes import check_counts
from medley.text.pretrained import PretrainedTextBlock

BERT = "google-bert/bert-base-uncased"


class BertBlock(Composite, register="text.bert"):
    """A pretrained BERT with its own tokenizer: `PretrainedTextBlock` of that model.

    Source: Devlin et al. 2018, arXiv:1810.04805.

    Args:
        max_sequence_length: tokens per text, special ones included.
        name_or_path: another BERT, by its folder or its name on the hub.
        trainable: as of PretrainedTextBlock; unset, it is searched.

    Shape: texts -> (B, D), D the width of the encoder, 768.

    Raises:
        ConfigError: the model is neither in a folder, nor cached, nor to be had from the hub.
        GraphError: called on something else than a text input.

    >>> BertBlock(max_sequence_length=128)
    BertBlock(max_sequence_length=128)
    """

    max_sequence_length: int | Space | None = searched(OneOf(128, 256, 512))
    name_or_path: str = field(default=BERT, kw_only=True)
    trainable: bool | int | str | Space | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """The length is a whole number; what else is wrong the block within tells."""
        yield from check_counts(self, ("max_sequence_length",))

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the pretrained block."""
        block = PretrainedTextBlock(
            self.name_or_path, trainable=self.trainable, max_sequence_length=self.max_sequence_length
        )
        return block(list(nodes))
