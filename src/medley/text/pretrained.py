"""Texts through a pretrained encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from medley.core.block import DataSummary, Node
from medley.core.input import Input
from medley.core.layer import Composite
from medley.core.registry import lookup
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.core.tuning import is_cheap_to_tune, rates_of, tuning_problems
from medley.errors import GraphError
from medley.text.codes import check_counts, tokens
from medley.text.pretrained_encoder import PretrainedTextEncoder, PretrainedTokens, configured, own_pooling

TEXT_MODELS = ("sentence-transformers/all-MiniLM-L6-v2", "google-bert/bert-base-uncased", "bert-base-uncased")
"""What is taken where no model is named: the first, or the first that is in the cache."""


class PretrainedTextBlock(Composite, register="text.pretrained"):
    """A pretrained encoder of texts, with its own tokenizer.

    Any encoder that `AutoModel` of transformers loads: BERT, RoBERTa, DeBERTa, DistilBERT, MiniLM, the text tower of
    CLIP, ... Weights are read as safetensors; no code of a model is run. Where nothing of it learns (`trainable=False`,
    what is tried first) and no augmentation comes before it, texts run through it once.

    Args:
        name_or_path: a folder (of `save_pretrained`), or a name on the hub. HF_HUB_OFFLINE is respected.
        pooling: `"cls"` (the first token, or the summary that the model makes itself), `"mean"` over the text's own
            tokens, or `"attention"` (a weighted mean that is learnt).
        num_hidden_layers: the first so many layers; left out, all.
        trainable: False, True, `"lora"` (low-rank additions to the layers' weights; Hu et al. 2021) or the number of
            top layers that learn.
        max_sequence_length: tokens per text, special ones included; left out, it is learnt from the texts, 256 at most.
        learning_rate_factor: share of the training's learning rate that the top layer learns with; unset, it is
            searched where something learns.
        layer_decay: factor on that per layer below; likewise.
        gradient_checkpointing: less memory in training, for more time.
        lora_rank: of `"lora"`.
        revision: branch, tag or commit on the hub.

    Shape: texts -> (B, D), D the width of the encoder.

    Raises:
        ConfigError: no model is named, it is nowhere, it reads no texts, or a field breaks a rule.
        GraphError: called on something else than a text input.
    """

    name_or_path: str | None = None
    pooling: str | Space | None = searched(OneOf("mean", "cls", "attention"))
    num_hidden_layers: int | None = None
    trainable: bool | int | str | Space | None = searched(OneOf(False, True), also=(int, str))
    max_sequence_length: int | Space | None = None
    learning_rate_factor: float | Space | None = field(default=None, kw_only=True)
    layer_decay: float | Space | None = field(default=None, kw_only=True)
    gradient_checkpointing: bool = field(default=False, kw_only=True)
    lora_rank: int = field(default=8, kw_only=True)
    revision: str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """A model is named; modes and numbers are such that exist."""
        yield from tuning_problems(self)
        yield from check_counts(self, ("max_sequence_length",))

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Frozen, pooled as its files say, else the mean; large ones are not tuned without a GPU unless asked for."""
        from medley.nn.backbone_sizes import parameters_of

        config, _ = self._config()
        cheap = is_cheap_to_tune(parameters_of(config))
        return {
            "pooling": own_pooling(str(self.name_or_path), self.revision),
            "trainable": OneOf(False, True) if cheap else OneOf(False),
        }

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the tokenizer's encoding, the encoder and the pooling."""
        tokens(specs, "PretrainedTextBlock")
        node = nodes[0]
        if isinstance(node.block, Input):
            node = PretrainedTokens(self.name_or_path, self.max_sequence_length, self.revision)(node)
        elif not isinstance(node.block, PretrainedTokens):
            raise GraphError(
                f"PretrainedTextBlock reads texts by its own tokenizer, got what {type(node.block).__name__} made of "
                "them; call it on the TextInput() itself."
            )
        config, revision = self._config()
        attends = self.pooling == "attention"
        encoder = PretrainedTextEncoder(
            self.name_or_path,
            config,
            revision or self.revision,
            pooling="none" if attends else str(self.pooling),
            num_hidden_layers=self.num_hidden_layers,
            trainable=self.trainable,
            gradient_checkpointing=self.gradient_checkpointing,
            lora_rank=self.lora_rank,
            **rates_of(self),
        )
        node = encoder(node)
        return lookup("series.attention_pooling")()(node) if attends else node

    def _config(self) -> tuple[dict[str, Any], str | None]:
        assert self.name_or_path is not None
        return configured(self.name_or_path, self.revision, self.num_hidden_layers)
