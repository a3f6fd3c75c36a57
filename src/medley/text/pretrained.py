"""Pretrained text encoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary, Node
from medley.core.input import InputBlock
from medley.core.layer import Composite
from medley.core.registry import lookup
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.core.tuning import is_cheap_to_tune, learning_rate_fields, tuning_problems
from medley.errors import GraphError
from medley.text.pretrained_encoder import PretrainedTextEncoder, PretrainedTokens, read_text_config, stored_pooling
from medley.text.token_layers import token_spec

TEXT_MODELS = ("sentence-transformers/all-MiniLM-L6-v2", "google-bert/bert-base-uncased", "bert-base-uncased")
"""The default models: `pretrained=True` uses the first, `"auto"` the first in the cache."""


class PretrainedTextBlock(Composite, register="text.pretrained"):
    """A pretrained text encoder with its own tokenizer.

    Supports all encoders that `AutoModel` of transformers loads: BERT, RoBERTa, DeBERTa, DistilBERT, MiniLM, the text
    tower of CLIP, ... Weights are read from safetensors; no code of a model is run. If it is frozen (`trainable=False`,
    the default of trial 0) and no augmentation comes before it, each text is encoded once.

    Args:
        name_or_path: a folder written by `save_pretrained`, or a name on the hub. HF_HUB_OFFLINE is respected.
        pooling: `"cls"` (the first token, or the model's own pooled output), `"mean"` over the tokens of the text, or
            `"attention"` (a learned weighted mean).
        num_hidden_layers: use only so many of the first layers; default: all.
        trainable: False, True, `"lora"` (low-rank adapters of the layers; Hu et al. 2021) or the number of top layers
            to train.
        max_sequence_length: maximum number of tokens per text, including special tokens; default: chosen from the
            training texts, at most 256.
        learning_rate_factor: multiplier of the learning rate for the top layer; if unset, it is searched when weights
            are trained.
        layer_decay: multiplier of the learning rate per layer below; if unset, it is searched when weights are trained.
        gradient_checkpointing: save memory in training, at the cost of time.
        lora_rank: rank of the adapters of `"lora"`.
        revision: branch, tag or commit on the hub.

    Shape: texts -> (B, D), D the width of the encoder.

    Raises:
        ConfigError: no model is named, it is not found or reads no texts, or a field is invalid.
        GraphError: called on anything but a text input.
    """

    name_or_path: str | None = None
    pooling: str | Space | None = searched(OneOf("mean", "cls", "attention"))
    num_hidden_layers: int | None = None
    trainable: bool | int | str | Space | None = searched(OneOf(False, True), other_types=(int, str))
    max_sequence_length: int | Space | None = None
    learning_rate_factor: float | Space | None = field(default=None, kw_only=True)
    layer_decay: float | Space | None = field(default=None, kw_only=True)
    gradient_checkpointing: bool = field(default=False, kw_only=True)
    lora_rank: int = field(default=8, kw_only=True)
    revision: str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks that a model is named and that fields are valid."""
        yield from tuning_problems(self)
        yield from whole_number_problems(self, "max_sequence_length")

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Frozen, with the pooling stored in its files or the mean; large models are not fine-tuned without a GPU."""
        from medley.nn.backbone_sizes import parameters_of

        config, _ = self._config()
        is_cheap = is_cheap_to_tune(parameters_of(config))
        return {
            "pooling": stored_pooling(str(self.name_or_path), self.revision),
            "trainable": OneOf(False, True) if is_cheap else OneOf(False),
        }

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Adds the encoding by the model's tokenizer, the encoder and the pooling."""
        token_spec(specs, "PretrainedTextBlock")
        node = nodes[0]
        if isinstance(node.block, InputBlock):
            node = PretrainedTokens(self.name_or_path, self.max_sequence_length, self.revision)(node)
        elif not isinstance(node.block, PretrainedTokens):
            raise GraphError(
                "PretrainedTextBlock reads texts with its own tokenizer, got the output of "
                f"{type(node.block).__name__}; call it on the TextInput() itself."
            )
        config, revision = self._config()
        has_attention = self.pooling == "attention"
        encoder = PretrainedTextEncoder(
            self.name_or_path,
            config,
            revision or self.revision,
            pooling="none" if has_attention else str(self.pooling),
            num_hidden_layers=self.num_hidden_layers,
            trainable=self.trainable,
            gradient_checkpointing=self.gradient_checkpointing,
            lora_rank=self.lora_rank,
            **learning_rate_fields(self),
        )
        node = encoder(node)
        return lookup("series.attention_pooling")()(node) if has_attention else node

    def _config(self) -> tuple[dict[str, Any], str | None]:
        assert self.name_or_path is not None
        return read_text_config(self.name_or_path, self.revision, self.num_hidden_layers)
