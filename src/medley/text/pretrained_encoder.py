"""A pretrained encoder of texts as a layer, and the encoding that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.block import Block
from medley.core.input import Preprocessing
from medley.core.layer import Layer
from medley.core.space import Space
from medley.core.spec import Spec, vector
from medley.core.tuning import tuning_problems
from medley.errors import ConfigError, GraphError
from medley.text.codes import check_counts, tokens
from medley.text.embedding import Embedding
from medley.text.pretrained_codec import PretrainedTokenCodec

if TYPE_CHECKING:
    from torch import nn


class PretrainedTokens(Preprocessing, register="text.pretrained_tokens"):
    """Texts as codes of a pretrained model's own tokenizer (PretrainedTokenCodec).

    Args:
        name_or_path: folder or name on the hub.
        max_sequence_length: T; left out, it is learnt from the texts.
        revision: on the hub.

    Shape: rows -> (B, T) codes, 0 is padding.

    Raises:
        ConfigError: no model is named, or the length is not a whole number from 1.
    """

    name_or_path: str | None = None
    max_sequence_length: int | Space | None = None
    revision: str | None = None

    def check(self) -> Iterable[str]:
        """A model is named."""
        if not isinstance(self.name_or_path, str) or not self.name_or_path:
            yield f"name_or_path must be a folder or a name on the hub, got {self.name_or_path!r}."
        yield from check_counts(self, ("max_sequence_length",))

    def codec(self) -> PretrainedTokenCodec:
        """Codes of tokens."""
        assert self.name_or_path is not None
        return PretrainedTokenCodec(self.name_or_path, cast("int | None", self.max_sequence_length), self.revision)

    def adapter(self) -> Block:
        """A learnt vector per token, for blocks that read numbers."""
        return Embedding()


class PretrainedTextEncoder(Layer, register="text.pretrained_encoder"):
    """A pretrained encoder over the codes of its own tokenizer: what `PretrainedTextBlock` becomes.

    Args:
        name_or_path: where its weights are read when it is first built; a saved model holds them itself.
        config: what it is made of, as JSON.
        revision: on the hub.
        pooling: `"cls"`, `"mean"` (over the text's own tokens) or `"none"` (all states, zeros at the padding).
        num_hidden_layers: told by `config`; kept for the reader.
        trainable: False, True, `"lora"` or the number of top layers.
        learning_rate_factor: share of the learning rate for its top layer.
        layer_decay: factor on that per layer below.
        gradient_checkpointing: run layers twice in training rather than keep what they made.
        lora_rank: of `"lora"`.

    Shape: codes (B, T) -> (B, D), or (B, T, D) where it is not pooled.

    Raises:
        GraphError: joined to something else than the codes of its tokenizer.
    """

    name_or_path: str | None = None
    config: Mapping[str, Any] | None = None
    revision: str | None = None
    pooling: str = field(default="mean", kw_only=True)
    num_hidden_layers: int | None = field(default=None, kw_only=True)
    trainable: Any = field(default=False, kw_only=True)
    learning_rate_factor: float | Space = field(default=1.0, kw_only=True)
    layer_decay: float | Space = field(default=1.0, kw_only=True)
    gradient_checkpointing: bool = field(default=False, kw_only=True)
    lora_rank: int = field(default=8, kw_only=True)

    reads: ClassVar[str] = "tokens"

    def check(self) -> Iterable[str]:
        """As of the block; and there is a config."""
        yield from tuning_problems(self)
        if self.config is None:
            yield "config must hold what the encoder is made of; PretrainedTextBlock(name_or_path) finds it."

    @property
    def frozen(self) -> bool:
        """Whether nothing of it learns."""
        return self.trainable is False

    @property
    def ignores_padding(self) -> bool:
        """Whether a text without its padding gives the same, as far as floating-point numbers do."""
        return self.pooling != "none"

    def build(self, *specs: Spec) -> nn.Module:
        """The encoder with its weights."""
        from medley.nn.backbone import Plan, build
        from medley.nn.backbone_inputs import TextEncoder
        from medley.nn.tokenizer import padding_of

        self._check_specs(specs)
        return TextEncoder(build(Plan.of(self)), padding_of(dict(self.config or {})))

    def out(self, *specs: Spec) -> Spec:
        """A vector, or one per token."""
        from medley.nn.backbone_sizes import width_of

        spec = self._check_specs(specs)
        assert self.config is not None
        width = width_of(self.config)
        return Spec((spec.shape[0], width), "TD") if self.pooling == "none" else vector(width)

    def _check_specs(self, specs: tuple[Spec, ...]) -> Spec:
        spec = tokens(specs, type(self).__name__)
        assert self.config is not None
        if spec.cardinality > self.config["vocab_size"] + 1:
            raise GraphError(
                f"The encoder {self.name_or_path} knows {self.config['vocab_size']} tokens, and the codes that it is "
                f"joined to go up to {spec.cardinality - 1}: they are of another tokenizer."
            )
        return spec


def own_pooling(name: str, revision: str | None) -> str:
    """How a model's own files pool its states where it was trained to encode sentences: `"cls"`, else `"mean"`."""
    from medley.nn.hub import find

    told = find(name, revision).json("1_Pooling/config.json") or {}
    return "cls" if told.get("pooling_mode_cls_token") or told.get("pooling_mode") == "cls" else "mean"


def configured(name: str, revision: str | None, num_hidden_layers: int | None) -> tuple[dict[str, Any], str | None]:
    """The config of a pretrained encoder of texts, and the commit that it is of.

    Raises:
        ConfigError: there is no such model, or it reads no texts.
    """
    from medley.nn.backbone_config import read_config
    from medley.nn.hub import find

    found = find(name, revision)
    config = read_config(found, "text", num_hidden_layers)
    if "vocab_size" not in config:
        raise ConfigError(f"{name} reads no texts: it is of kind {config['model_type']!r}.")
    return config, found.revision
