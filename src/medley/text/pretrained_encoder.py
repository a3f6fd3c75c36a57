"""A pretrained text encoder as a layer, and the token encoding that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import Block
from medley.core.input import Preprocessing
from medley.core.layer import Layer
from medley.core.space import Space
from medley.core.spec import Spec, vector
from medley.core.tuning import tuning_problems
from medley.errors import ConfigError, GraphError
from medley.text.embedding import Embedding
from medley.text.pretrained_codec import PretrainedTokenCodec
from medley.text.rows import MAX_CHARACTERS
from medley.text.token_layers import token_spec

if TYPE_CHECKING:
    from torch import nn


class PretrainedTokens(Preprocessing, register="text.pretrained_tokens"):
    """Encodes texts as token ids of a pretrained model's tokenizer (PretrainedTokenCodec).

    Args:
        name_or_path: folder or name on the hub.
        max_sequence_length: T; default: chosen from the training texts.
        revision: branch, tag or commit on the hub.
        max_characters: longer texts are cut there before they are encoded.

    Shape: rows -> (B, T) ids, 0 is padding.

    Raises:
        ConfigError: no model is named, or the length is not a positive integer.
    """

    name_or_path: str | None = None
    max_sequence_length: int | Space | None = None
    revision: str | None = None
    max_characters: int = field(default=MAX_CHARACTERS, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks that a model is named and that the length is a positive integer."""
        if not isinstance(self.name_or_path, str) or not self.name_or_path:
            yield f"name_or_path must be a folder or a name on the hub, got {self.name_or_path!r}."
        yield from whole_number_problems(self, "max_sequence_length")
        yield from whole_number_problems(self, "max_characters", optional=False, searchable=False)

    def codec(self) -> PretrainedTokenCodec:
        """A codec for token ids."""
        assert self.name_or_path is not None
        length = cast("int | None", self.max_sequence_length)
        return PretrainedTokenCodec(self.name_or_path, length, self.revision, max_characters=self.max_characters)

    def adapter(self) -> Block:
        """Embeds each token, for blocks that read numbers."""
        return Embedding()


class PretrainedTextEncoder(Layer, register="text.pretrained_encoder"):
    """A pretrained encoder over the token ids of its own tokenizer; `PretrainedTextBlock` resolves to it.

    Args:
        name_or_path: source of the weights when it is first built; a saved model contains them.
        config: the encoder's config, as JSON.
        revision: branch, tag or commit on the hub.
        pooling: `"cls"`, `"mean"` (over the tokens of the text) or `"none"` (all states, zeros at the padding).
        num_hidden_layers: number of layers, for information; `config` already contains it.
        trainable: False, True, `"lora"` or the number of top layers.
        learning_rate_factor: multiplier of the learning rate for the top layer.
        layer_decay: multiplier of the learning rate per layer below.
        gradient_checkpointing: recompute activations in the backward pass instead of storing them.
        lora_rank: rank of the adapters of `"lora"`.

    Shape: token ids (B, T) -> (B, D), or (B, T, D) without pooling.

    Raises:
        GraphError: called on anything but token ids of its tokenizer.
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
        """Checks the same fields as the block, and that there is a config."""
        yield from tuning_problems(self)
        if self.config is None:
            yield "config must be set; use PretrainedTextBlock(name_or_path), which reads it."

    @property
    def frozen(self) -> bool:
        """Whether no weights are trained."""
        return self.trainable is False

    @property
    def ignores_padding(self) -> bool:
        """Whether removing the padding does not change the output, up to rounding."""
        return self.pooling != "none"

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the encoder and loads its weights."""
        from medley.nn.backbone import BackbonePlan, build
        from medley.nn.backbone_inputs import TextEncoder
        from medley.nn.tokenizer import padding_of

        self._check_specs(specs)
        return TextEncoder(build(BackbonePlan.of(self)), padding_of(dict(self.config or {})))

    def out(self, *specs: Spec) -> Spec:
        """The spec of one vector, or of one vector per token."""
        from medley.nn.backbone_sizes import width_of

        spec = self._check_specs(specs)
        assert self.config is not None
        width = width_of(self.config)
        return Spec((spec.shape[0], width), "TD") if self.pooling == "none" else vector(width)

    def _check_specs(self, specs: tuple[Spec, ...]) -> Spec:
        spec = token_spec(specs, type(self).__name__)
        assert self.config is not None
        if spec.cardinality > self.config["vocab_size"] + 1:
            raise GraphError(
                f"The encoder {self.name_or_path} has {self.config['vocab_size']} tokens, but its input has ids up to "
                f"{spec.cardinality - 1}: it was encoded by another tokenizer."
            )
        return spec


def stored_pooling(name: str, revision: str | None) -> str:
    """The pooling that the files of a sentence encoder specify: `"cls"` or `"mean"`; `"mean"` for other models."""
    from medley.nn.hub import find

    config = find(name, revision).json("1_Pooling/config.json") or {}
    return "cls" if config.get("pooling_mode_cls_token") or config.get("pooling_mode") == "cls" else "mean"


def read_text_config(
    name: str, revision: str | None, num_hidden_layers: int | None
) -> tuple[dict[str, Any], str | None]:
    """The config of a pretrained text encoder, and its commit on the hub.

    Raises:
        ConfigError: the model is not found, or it does not read texts.
    """
    from medley.nn.backbone_config import read_config
    from medley.nn.hub import find

    files = find(name, revision)
    config = read_config(files, "text", num_hidden_layers)
    if "vocab_size" not in config:
        raise ConfigError(f"{name} is not a text encoder: its type is {config['model_type']!r}.")
    return config, files.revision
