"""Copies of a model in other processes: the files of the saved format, as bytes that `pickle` carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import torch

from medley.core import registry
from medley.core.files import unsynced
from medley.core.imported import imported_object
from medley.core.serialization import read_json
from medley.errors import within
from medley.model.files import DESCRIPTION
from medley.model.reading import Parts, read_parts

Packed = tuple[dict[str, bytes], str, dict[str, Any]]
"""Name -> content of a saved model's files; its device; name -> part that a package other than medley registers."""


class Saved(Protocol):
    """What can be saved."""

    device: torch.device

    def save(self, directory: str | Path) -> Path:
        """Writes the files."""
        ...


def pack(model: Saved) -> Packed:
    """A model as its saved files.

    Raises:
        ArtifactError: a part has no registered name.
    """
    with (
        TemporaryDirectory(prefix="medley-") as name,
        unsynced(Path(name)) as folder,
        within("a model can be pickled if it can be saved"),
    ):
        path = model.save(folder / "model")
        files = {file.name: file.read_bytes() for file in path.iterdir()}
        names = set(_texts(read_json(path / DESCRIPTION)))
    parts = registry.registered_elsewhere()
    return files, str(model.device), {name: part for name, part in parts.items() if name in names and _is_found(part)}


def unpack(packed: Packed) -> Parts:
    """What a packed model is made of; one of a GPU comes to the CPU where there is none.

    Raises:
        ConfigError: a part is not registered in this process and did not come with the model.
    """
    files, device, parts = packed
    for name, part in parts.items():
        registry.register(name)(part)
    with TemporaryDirectory(prefix="medley-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return read_parts(Path(folder), available(device))


def available(device: str | torch.device) -> torch.device:
    """A device, or the CPU where this machine lacks it.

    >>> available("cpu")
    device(type='cpu')
    """
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError):
        return torch.device("cpu")
    return torch.device(device)


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _is_found(part: Any) -> bool:
    """Whether pickle finds a class or function again by its module and name."""
    return imported_object(getattr(part, "__module__", None), getattr(part, "__qualname__", "<none>")) is part
