"""Writing a model: a directory with `model.json` and two safetensors files. No code goes in, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from medley.core.codec import Codec, TargetCodec
from medley.data.sources import Source
from medley.data.table_view import TableView
from medley.errors import ArtifactError
from medley.graph.graph import Graph
from medley.graph.network import Network

FORMAT = 1
DESCRIPTION, WEIGHTS, STATES = "model.json", "weights.safetensors", "codecs.safetensors"


def save(
    directory: str | Path,
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    network: Network,
    facts: Mapping[str, Any],
    table: TableView | None = None,
) -> Path:
    """Writes a model; a file appears whole or not at all.

    Args:
        directory: made where missing; a model in it is replaced.
        graph: resolved.
        sources: fitted encodings.
        targets: fitted target codecs.
        network: holds the weights.
        facts: JSON to keep beside them.
        table: how the model reads a table, where it does.

    Returns:
        The directory.

    Raises:
        ArtifactError: a part has no registered name, or the path is a file.
    """
    from safetensors.numpy import save as pack_arrays
    from safetensors.torch import save as pack

    arrays: dict[str, np.ndarray] = {}
    told = {
        "format": FORMAT,
        "graph": graph.to_json(),
        "sources": {one.name: _split(one.codec, f"sources/{one.name}", arrays) for one in sources},
        "targets": {name: _split(codec, f"targets/{name}", arrays) for name, codec in targets.items()},
        "facts": facts,
        **({"table": table.state()} if table is not None else {}),
    }
    path = Path(directory)
    if path.is_file():
        raise ArtifactError(f"{path} is a file; a model is a directory. Give another path.")
    path.mkdir(parents=True, exist_ok=True)
    # safetensors refuses tensors that share memory (parts called twice are one part here, so only views do).
    weights = {name: one.detach().cpu().clone().contiguous() for name, one in network.state_dict().items()}
    write(path / WEIGHTS, pack(weights))
    write(path / STATES, pack_arrays({name: np.ascontiguousarray(one) for name, one in arrays.items()}))
    write(path / DESCRIPTION, json.dumps(told, indent=1, ensure_ascii=False, allow_nan=True).encode())
    return path


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
