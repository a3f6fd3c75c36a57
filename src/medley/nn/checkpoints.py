"""Loads complete pretrained models, such as captioning models, and identifies them by a checksum.

`hub` finds their files. Weights are read from safetensors only, and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from medley.errors import ConfigError
from medley.nn.backbone_config import quiet
from medley.nn.hub import ModelFiles, missing_package

Result = TypeVar("Result")

_SUFFIXES = (".json", ".txt", ".safetensors", ".model", ".jinja")
_BLOCK_SIZE = 1 << 20


def identity(files: ModelFiles) -> str:
    """Identifies a model: its commit on the hub, or a checksum of its files. Does not load it.

    Args:
        files: the model's files.
    """
    if files.revision is not None:
        return files.revision
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in files.folder.iterdir() if path.suffix in _SUFFIXES):
        stat = path.stat()
        digest.update(f"{path.name} {_checksum(path, stat.st_size, stat.st_mtime_ns)} ".encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _checksum(path: Path, size: int, modified: int) -> str:
    content = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_SIZE):
            content.update(block)
    return content.hexdigest()


def load_checkpoint(files: ModelFiles, kind: str, load: Callable[[Path], Result]) -> Result:
    """Calls `load` with the model's folder, and translates errors of transformers into errors of medley.

    Args:
        files: the model's files.
        kind: the name of the model type in errors, such as "an image-to-text model".
        load: loads a model, or a part of one, from a folder.

    Raises:
        ConfigError: the model is of another type, or files are missing.
        MissingDependencyError: a package is not installed.
    """
    try:
        with quiet():
            return load(files.folder)
    except ImportError as error:
        raise missing_package(error) from error
    except (OSError, ValueError, KeyError) as error:  # raised for invalid config files and unknown model types
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{str(files.folder)!r} cannot be read as {kind}: {reason}") from error
