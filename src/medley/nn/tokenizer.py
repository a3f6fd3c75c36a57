"""Tokenizers of pretrained models, as JSON for the package `tokenizers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medley.errors import ConfigError
from medley.nn.backbone_config import brief
from medley.nn.hub import SENTENCE_PIECES, ModelFiles, find, missing_package

DEFAULT_MAX_LENGTH = 512
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", *SENTENCE_PIECES)
# Models whose positions start after the padding id.
_OFFSET_POSITIONS = ("roberta", "camembert", "mpnet", "longformer", "esm", "ibert", "data2vec-text")


@dataclass(frozen=True)
class TokenizerFile:
    """A model's tokenizer.

    Args:
        json: the serialised `tokenizers.Tokenizer`.
        max_length: maximum number of tokens that the model reads, including special tokens.
    """

    json: str
    max_length: int


def read_tokenizer(name: str, revision: str | None = None) -> TokenizerFile:
    """Reads the tokenizer of a pretrained model.

    Args:
        name: folder, or name on the hub.
        revision: branch, tag or commit on the hub.

    Raises:
        WeightsNotFoundError: the model is not found.
        ConfigError: it has no fast tokenizer.
    """
    files = find(name, revision)
    if not any((files.folder / name).is_file() for name in _VOCABULARIES):  # transformers would create an empty one
        raise ConfigError(_no_tokenizer(files))
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise missing_package(error) from error
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # missing packages, missing files, code that would have to be run
        raise ConfigError(f"{_no_tokenizer(files)} transformers reports: {brief(error)}") from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not hasattr(backend, "to_str"):
        raise ConfigError(f"{_no_tokenizer(files)} Its tokenizer is {type(tokenizer).__name__}.")
    return TokenizerFile(backend.to_str(), _max_length(tokenizer, files))


def padding_of(config: dict[str, Any]) -> int:
    """The padding id of a model's own vocabulary; 0 if it has none."""
    return int(config.get("pad_token_id") or 0)


def _no_tokenizer(files: ModelFiles) -> str:
    return (
        f"{files.folder} contains no fast tokenizer (tokenizer.json), the only kind that medley supports. "
        "AutoTokenizer.from_pretrained(...).save_pretrained(folder) writes one if transformers can convert it."
    )


def _max_length(tokenizer: Any, files: ModelFiles) -> int:
    config = files.json("config.json") or {}
    config = {**config, **(config.get("text_config") or {})}
    positions = config.get("max_position_embeddings") or config.get("n_positions") or DEFAULT_MAX_LENGTH
    if str(config.get("model_type")).removeprefix("xlm-").partition("_")[0] in _OFFSET_POSITIONS:
        positions -= padding_of(config) + 1
    return int(min(positions, tokenizer.model_max_length))
