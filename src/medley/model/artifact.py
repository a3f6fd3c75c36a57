"""A model as a directory: `model.json` and `weights.safetensors`. Loading runs no code but registered names'."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.codec import Codec, TargetCodec
from medley.errors import ArtifactError
from medley.graph.graph import Graph, graph_from_json
from medley.graph.network import Network
from medley.model.encoding import Source, source_nodes
from medley.model.model import Model

if TYPE_CHECKING:
    import torch

FORMAT = 1
DESCRIPTION, WEIGHTS, STATES = "model.json", "weights.safetensors", "codecs.safetensors"


def save(model: Model, directory: str | Path) -> Path:
    """Writes a model; a file appears whole or not at all.

    Args:
        model: what to write.
        directory: made where missing; a model in it is replaced.

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
        "graph": model.graph.to_json(),
        "sources": {one.name: _split(one.codec, f"sources/{one.name}", arrays) for one in model.sources},
        "targets": {name: _split(codec, f"targets/{name}", arrays) for name, codec in model.targets.items()},
        "facts": model.facts,
    }
    path = Path(directory)
    if path.is_file():
        raise ArtifactError(f"{path} is a file; a model is a directory. Give another path.")
    path.mkdir(parents=True, exist_ok=True)
    # safetensors refuses tensors that share memory (parts called twice are one part here, so only views do).
    weights = {name: one.detach().cpu().clone().contiguous() for name, one in model.network.state_dict().items()}
    write(path / WEIGHTS, pack(weights))
    write(path / STATES, pack_arrays({name: np.ascontiguousarray(one) for name, one in arrays.items()}))
    write(path / DESCRIPTION, json.dumps(told, indent=1, ensure_ascii=False, allow_nan=True).encode())
    return path


def load(directory: str | Path, device: str | torch.device | None = "cpu") -> Model:
    """Reads a model that `Model.save` wrote.

    Args:
        directory: where it lies.
        device: where it shall run.

    Raises:
        ArtifactError: the directory holds no model, or a damaged one, or one of a later format.
        ConfigError: it names a part that is not registered; import the module that registers it first.
    """
    path = Path(directory)
    missing = [name for name in (DESCRIPTION, WEIGHTS, STATES) if not (path / name).is_file()]
    if missing:
        raise ArtifactError(f"{path} holds no whole model: {', '.join(missing)} missing.")
    try:
        return _load(path, device)
    except (json.JSONDecodeError, KeyError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path / DESCRIPTION} is damaged: {error!r}.") from error


def _load(path: Path, device: Any) -> Model:
    from safetensors.numpy import load_file as load_arrays

    told = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
    if told["format"] > FORMAT:
        raise ArtifactError(
            f"{path} was written in format {told['format']}; this medley reads up to {FORMAT}. Update it."
        )
    graph = graph_from_json(told["graph"])
    arrays = _read(lambda: load_arrays(path / STATES), path / STATES)
    sources = [
        Source(name, input_name, _join(block.codec(), told["sources"][name], f"sources/{name}", arrays))
        for name, input_name, block in source_nodes(graph)
    ]
    targets: dict[str, TargetCodec] = {
        name: _join(head.codec(), told["targets"][name], f"targets/{name}", arrays)
        for name, head in graph.heads.items()
    }
    network = _network(graph, sources, targets, path)
    return Model(graph, sources, targets, network, told["facts"], device)


def _network(graph: Graph, sources: list[Source], targets: Mapping[str, TargetCodec], path: Path) -> Network:
    from safetensors.torch import load_file

    network = Network(graph, {one.name: one.codec.spec for one in sources}, targets)
    weights = _read(lambda: load_file(path / WEIGHTS), path / WEIGHTS)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(f"{path / WEIGHTS} does not fit the graph beside it: {error}") from error
    return network


def _read(reader: Any, path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError

    try:
        return reader()
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged: {error}.") from error


def _split(codec: Codec, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, value in codec.state().items():
        if isinstance(value, np.ndarray):
            arrays[f"{prefix}/{key}"] = value
        else:
            told[key] = value
    return told


def _join(codec: Any, told: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Any:
    own = {name[len(prefix) + 1 :]: one for name, one in arrays.items() if name.startswith(f"{prefix}/")}
    return codec.restore({**told, **own})


def write(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
