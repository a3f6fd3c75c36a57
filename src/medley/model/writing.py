"""Writing a model: a directory with `model.json` and two safetensors files. No code goes in, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from medley.core.codec import Codec, TargetCodec
from medley.data.sources import Source
from medley.errors import ArtifactError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.pretrained import references
from medley.tables.view import TableView

FORMAT = 1
DESCRIPTION, WEIGHTS, STATES = "model.json", "weights.safetensors", "codecs.safetensors"


def save(
    directory: str | Path,
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    network: Network,
    metadata: Mapping[str, Any],
    table: TableView | None = None,
    *,
    pretrained: str = "copy",
) -> Path:
    """Writes a model; a file appears whole or not at all.

    Args:
        directory: made where missing; a model in it is replaced.
        graph: resolved.
        sources: fitted encodings.
        targets: fitted target codecs.
        network: holds the weights.
        metadata: JSON to keep beside them.
        table: how the model reads a table, where it does.
        pretrained: `"copy"`, or `"reference"` to name untouched pretrained weights instead of writing them.

    Returns:
        The directory.

    Raises:
        ArtifactError: a part has no registered name, or the path is a file or cannot be written to.
    """
    from safetensors.numpy import save as pack_arrays
    from safetensors.torch import save as pack

    arrays: dict[str, np.ndarray] = {}
    named = references(network, pretrained)
    told = {
        "format": FORMAT,
        "graph": graph.to_json(),
        "sources": {one.name: _split(one.codec, f"sources/{one.name}", arrays) for one in sources},
        "targets": {name: _split(codec, f"targets/{name}", arrays) for name, codec in targets.items()},
        "facts": metadata,
        **({"table": table.state()} if table is not None else {}),
        **({"pretrained": named.told} if named.told else {}),
    }
    path = Path(directory)
    if path.is_file():
        raise ArtifactError(f"{path} is a file; a model is a directory. Give another path.")
    # safetensors refuses tensors that share memory (parts called twice are one part here, so only views do).
    kept = {name: one for name, one in network.state_dict().items() if name not in named.names}
    weights = {name: one.detach().cpu().clone().contiguous() for name, one in kept.items()}
    try:
        path.mkdir(parents=True, exist_ok=True)
        write(path / WEIGHTS, pack(weights))
        write(path / STATES, pack_arrays({name: np.ascontiguousarray(one) for name, one in arrays.items()}))
        write(path / DESCRIPTION, json.dumps(told, indent=1, ensure_ascii=False, allow_nan=True).encode())
    except OSError as error:
        raise ArtifactError(f"The model cannot be written to {path}: {error.strerror or error}.") from error
    return path


def unwritable(folder: Path) -> str | None:
    """Why nothing can be written into a folder that is there or shall be made, or None; found by trying.

    >>> unwritable(Path("new"))
    """
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        return f"{there} is a file"
    try:
        with TemporaryFile(dir=there):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _split(codec: Codec, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, value in codec.state().items():
        if isinstance(value, np.ndarray):
            arrays[f"{prefix}/{key}"] = value
        else:
            told[key] = value
    return told


def write(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never half of it; as readable as any other."""
    temporary = path.with_name(f".{token_hex(4)}.{path.name}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
