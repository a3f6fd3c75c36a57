"""Whole pretrained models of others, such as write or paint: which one it is, and what is told where it cannot be read.

Where they lie, `hub` knows. Weights are read from safetensors only, and no code that comes with a model is ever run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from medley.errors import ConfigError
from medley.nn.backbone_config import quiet
from medley.nn.hub import Found, missing_package

Result = TypeVar("Result")

_PARTS = (".json", ".txt", ".safetensors", ".model", ".jinja")
_READ = 1 << 20


def identity(found: Found) -> str:
    """What tells a model from any other: the commit on the hub, else a checksum of its files. Loads nothing.

    Args:
        found: where its files are.
    """
    if found.revision is not None:
        return found.revision
    whole = hashlib.blake2b(digest_size=16)
    for one in sorted(one for one in found.folder.iterdir() if one.suffix in _PARTS):
        state = one.stat()
        whole.update(f"{one.name} {_checksum(one, state.st_size, state.st_mtime_ns)} ".encode())
    return whole.hexdigest()


@lru_cache(maxsize=256)
def _checksum(path: Path, size: int, changed: int) -> str:
    content = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_READ):
            content.update(block)
    return content.hexdigest()


def loaded(found: Found, kind: str, load: Callable[[Path], Result]) -> Result:
    """What `load` makes of a folder; where that fails, what transformers says is told in our words.

    Args:
        found: where the model's files are.
        kind: what errors call it: "an image-to-text model".
        load: reads a model, or a part of one.

    Raises:
        ConfigError: it is none of this kind, or files of it are missing.
        MissingDependencyError: a package is not installed.
    """
    try:
        with quiet():
            return load(found.folder)
    except ImportError as error:
        raise missing_package(error) from error
    except (OSError, ValueError, KeyError) as error:  # what files of configs and mappings of models raise
        first = str(error).strip().partition("\n")[0]
        raise ConfigError(f"{str(found.folder)!r} cannot be read as {kind}: {first}") from error
