"""Writing a model: a directory with `model.json` and two safetensors files. No code goes in, no pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from medley.core.codec import TargetCodec
from medley.core.serialization import split_arrays
from medley.data.sources import Source
from medley.errors import ArtifactError
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.model.files import STATES, TRUST, WEIGHTS, write_model
from medley.model.pretrained import references
from medley.tables.view import TableView
from medley.trust.trust import Trust


def save(
    directory: str | Path,
    graph: Graph,
    sources: Sequence[Source],
    targets: Mapping[str, TargetCodec],
    network: Network,
    metadata: Mapping[str, Any],
    table: TableView | None = None,
    trust: Trust | None = None,
    *,
    pretrained: str = "copy",
) -> Path:
    """Writes a model; at every moment the directory holds the old model, if there was one, or the new one.

    Args:
        directory: created where missing; a model in it is replaced.
        graph: resolved.
        sources: fitted encodings.
        targets: head name -> fitted target codec.
        network: holds the weights.
        metadata: JSON to keep beside them.
        table: how the model reads a table, where it does.
        trust: what is known about how far predictions can be trusted.
        pretrained: `"copy"`, or `"reference"` to name unchanged pretrained weights instead of writing them.

    Returns:
        The directory.

    Raises:
        ArtifactError: a part has no registered name, or the path is a file or cannot be written to.
    """
    from safetensors.numpy import save as pack_arrays
    from safetensors.torch import save as pack_tensors

    arrays: dict[str, np.ndarray] = {}
    referenced = references(network, pretrained)
    codecs = {f"sources/{source.name}": source.codec for source in sources}
    codecs |= {f"targets/{name}": codec for name, codec in targets.items()}
    states: dict[str, dict[str, Any]] = {}
    for prefix, codec in codecs.items():
        states[prefix], codec_arrays = split_arrays(codec.state(), prefix)
        arrays |= codec_arrays
    trust_values, trust_arrays = split_arrays({} if trust is None else trust.state(), TRUST)
    arrays |= trust_arrays
    content = {
        "graph": graph.to_json(),
        "sources": {source.name: states[f"sources/{source.name}"] for source in sources},
        "targets": {name: states[f"targets/{name}"] for name in targets},
        "metadata": metadata,
        **({"table": table.state()} if table is not None else {}),
        **({TRUST: trust_values} if trust_values else {}),
        **({"pretrained": referenced.entries} if referenced.entries else {}),
    }
    path = Path(directory)
    if path.is_file():
        raise ArtifactError(f"{path} is a file; a model is a directory. Pass another path.")
    # safetensors refuses tensors that share memory (parts called twice are one part here, so only views do).
    state = {name: value for name, value in network.state_dict().items() if name not in referenced.names}
    weights = {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}
    try:
        write_model(path, content, {WEIGHTS: pack_tensors(weights), STATES: pack_arrays(arrays)})
    except OSError as error:
        raise ArtifactError(f"The model cannot be written to {path}: {error.strerror or error}.") from error
    return path


def write_problem(folder: Path) -> str | None:
    """Why nothing can be written into a folder, which may not exist yet, or None; found by trying.

    >>> write_problem(Path("new"))
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        return f"{existing} is a file"
    try:
        with TemporaryFile(dir=existing):
            return None
    except OSError as error:
        return error.strerror or str(error)
