"""Where pretrained models lie: a folder, the hub's cache, the hub. Knows files, not networks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medley.errors import ConfigError, MissingDependencyError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SENTENCE_PIECES = ("spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
# Weights for other frameworks lie beside ours on the hub, and are as large.
_WANTED = (
    CONFIG,
    WEIGHTS,
    INDEX,
    "model-*-of-*.safetensors",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    *SENTENCE_PIECES,
    "1_Pooling/config.json",
    "generation_config.json",
    "chat_template*",
    "*.model",
)


class WeightsNotFoundError(ConfigError):
    """Pretrained weights that are in no folder, not in the cache, and not to be had from the hub."""


@dataclass(frozen=True)
class Found:
    """A pretrained model's files.

    Args:
        folder: holds them.
        revision: the commit on the hub; None for a folder of the caller's.
    """

    folder: Path
    revision: str | None = None

    def json(self, name: str) -> dict[str, Any] | None:
        """A JSON file of it, or None where it has no such file."""
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def find(name: str, revision: str | None = None, *, cached: bool = False) -> Found:
    """The files of a pretrained model.

    A folder is taken as it is. Another name is looked for in the hub's cache and, if it is not there and neither
    `cached` nor HF_HUB_OFFLINE forbids it, fetched from the hub.

    Args:
        name: a folder, or a name on the hub ("google-bert/bert-base-uncased").
        revision: a branch, tag or commit on the hub.
        cached: never ask the hub.

    Raises:
        WeightsNotFoundError: says what was looked for, where, and what to do.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _whole(Found(folder), f"The folder {folder}")
    if _is_path(name):
        raise WeightsNotFoundError(
            f"There is no folder {name!r}. Give a folder that holds {CONFIG} and {WEIGHTS} "
            "(as save_pretrained of transformers writes), or a name on the hub."
        )
    kept = _from_cache(name, revision)
    if kept is not None:
        return kept
    if cached or is_offline():
        raise WeightsNotFoundError(_told(name, revision, None))
    try:
        fetched = _fetch(name, revision, local=False)
    except Exception as error:
        raise WeightsNotFoundError(_told(name, revision, error)) from error
    return _whole(fetched, f"{name} on the hub")


def is_cached(name: str) -> bool:
    """Whether a model can be had without asking the hub; never raises."""
    if find_spec("transformers") is None:
        return False
    try:
        find(name, cached=True)
    except (ConfigError, MissingDependencyError):
        return False
    return True


def first_cached(names: Iterable[str]) -> str | None:
    """The first of these models that can be had without asking the hub; None where there is none."""
    return next((name for name in names if is_cached(name)), None)


def is_offline() -> bool:
    """Whether the environment forbids to ask the hub."""
    words = (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
    return any(word is not None and word.upper() in ("1", "ON", "YES", "TRUE") for word in words)


def cache_folder() -> Path:
    """Where the hub's files are kept on this machine."""
    from huggingface_hub import constants

    return Path(os.environ.get("HF_HUB_CACHE") or constants.HF_HUB_CACHE).expanduser()


def missing_package(error: ImportError) -> MissingDependencyError:
    """What is raised where a package for pretrained models is not installed."""
    package = error.name or "transformers"
    return MissingDependencyError(f"Pretrained models need {package}.", package=package, extra="pretrained")


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or os.path.isabs(name)


def _from_cache(name: str, revision: str | None) -> Found | None:
    try:
        found = _fetch(name, revision, local=True)
    except (OSError, ValueError):  # not in the cache, or no name that the hub could have
        return None
    return found if _lacks(found) is None else None


def _fetch(name: str, revision: str | None, *, local: bool) -> Found:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise missing_package(error) from error

    folder = Path(
        snapshot_download(
            name,
            revision=revision,
            cache_dir=cache_folder(),
            local_files_only=local,
            allow_patterns=list(_WANTED),
        )
    )
    return Found(folder, folder.name)


def _lacks(found: Found) -> str | None:
    """What is missing in a folder, or None."""
    if not (found.folder / CONFIG).is_file():
        return CONFIG
    if (found.folder / WEIGHTS).is_file():
        return None
    index = found.json(INDEX)
    if index is None:
        return WEIGHTS
    shards = sorted({str(one) for one in index["weight_map"].values()})
    return next((shard for shard in shards if not (found.folder / shard).is_file()), None)


def _whole(found: Found, what: str) -> Found:
    lacking = _lacks(found)
    if lacking is None:
        return found
    others = sorted(one.name for one in found.folder.glob("*.bin"))
    why = f" {', '.join(others)} is not read, since reading it may run code." if others else ""
    raise WeightsNotFoundError(
        f"{what} holds no {lacking}.{why} A pretrained model is {CONFIG} and {WEIGHTS}, as save_pretrained of "
        "transformers writes them; a model that was trained with medley is read by medley.load."
    )


def _told(name: str, revision: str | None, error: Exception | None) -> str:
    at = "" if revision is None else f" at revision {revision}"
    if error is not None:
        asked = f"the hub could not give them ({str(error).strip().splitlines()[0] if str(error) else error!r})"
    elif is_offline():
        asked = "the hub was not asked, since HF_HUB_OFFLINE is set"
    else:
        asked = "the hub was not asked"
    return (
        f"No pretrained weights for {name!r}{at}: there is no folder of that name, the cache {cache_folder()} does not "
        f"hold them, and {asked}. Fetch them where there is a network (hf download {name}) and give the folder in "
        "place of the name, or leave pretrained weights out."
    )
