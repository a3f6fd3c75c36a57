"""BERT under its AutoKeras name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.text.pretrained import PretrainedTextBlock

BERT = "google-bert/bert-base-uncased"


class BertBlock(Composite, register="text.bert"):
    """A pretrained BERT with its own tokenizer: `PretrainedTextBlock` of that model.

    Source: Devlin et al. 2018, arXiv:1810.04805.

    Args:
        max_sequence_length: maximum number of tokens per text, including special tokens.
        name_or_path: folder or name on the hub of another BERT.
        trainable: as in PretrainedTextBlock; searched if unset.

    Shape: texts -> (B, D), D the width of the encoder, 768.

    Raises:
        ConfigError: the model is not found in a folder, in the cache, or on the hub.
        GraphError: called on anything but a text input.

    >>> BertBlock(max_sequence_length=128)
    BertBlock(max_sequence_length=128)
    """

    max_sequence_length: int | Space | None = searched(OneOf(128, 256, 512))
    name_or_path: str = field(default=BERT, kw_only=True)
    trainable: bool | int | str | Space | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks that the length is a positive integer; PretrainedTextBlock checks the rest."""
        yield from whole_number_problems(self, "max_sequence_length")

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Adds the pretrained block."""
        block = PretrainedTextBlock(
            self.name_or_path, trainable=self.trainable, max_sequence_length=self.max_sequence_length
        )
        return block(list(nodes))
