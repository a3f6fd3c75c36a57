"""The tokenizer of a pretrained model, as the JSON that the package `tokenizers` reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medley.errors import ConfigError
from medley.nn.backbone_config import brief
from medley.nn.hub import SENTENCE_PIECES, Found, find, missing_package

LONGEST = 512
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", *SENTENCE_PIECES)
# Their position 0 stands after the number of padding.
_LATE_POSITIONS = ("roberta", "camembert", "mpnet", "longformer", "esm", "ibert", "data2vec-text")


@dataclass(frozen=True)
class Tokens:
    """A model's tokenizer.

    Args:
        json: of `tokenizers.Tokenizer`.
        longest: tokens that the model reads at most, special ones included.
    """

    json: str
    longest: int


def read_tokenizer(name: str, revision: str | None = None) -> Tokens:
    """A pretrained model's own tokenizer.

    Args:
        name: folder, or name on the hub.
        revision: branch, tag or commit on the hub.

    Raises:
        WeightsNotFoundError: the model is nowhere.
        ConfigError: it has no fast tokenizer.
    """
    found = find(name, revision)
    if not any((found.folder / one).is_file() for one in _VOCABULARIES):  # transformers would make up an empty one
        raise ConfigError(_no_tokenizer(found))
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise missing_package(error) from error
    try:
        own: Any = AutoTokenizer.from_pretrained(found.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # packages that are not there, files that are not there, code that would have to run
        raise ConfigError(f"{_no_tokenizer(found)} transformers says: {brief(error)}") from error
    backend = getattr(own, "backend_tokenizer", None)
    if backend is None or not hasattr(backend, "to_str"):
        raise ConfigError(f"{_no_tokenizer(found)} It has {type(own).__name__}, which is not one.")
    return Tokens(backend.to_str(), _longest(own, found))


def padding_of(config: dict[str, Any]) -> int:
    """The number of padding in a model's own vocabulary; 0 where it has none."""
    return int(config.get("pad_token_id") or 0)


def _no_tokenizer(found: Found) -> str:
    return (
        f"{found.folder} holds no fast tokenizer, and medley reads no other: it needs a tokenizer.json. "
        "AutoTokenizer.from_pretrained(...).save_pretrained(folder) writes one where transformers can convert it."
    )


def _longest(own: Any, found: Found) -> int:
    config = found.json("config.json") or {}
    config = {**config, **(config.get("text_config") or {})}
    told = config.get("max_position_embeddings") or config.get("n_positions") or LONGEST
    if str(config.get("model_type")).removeprefix("xlm-").partition("_")[0] in _LATE_POSITIONS:
        told -= padding_of(config) + 1
    return int(min(told, own.model_max_length))
