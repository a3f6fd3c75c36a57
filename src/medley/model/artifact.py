"""Reading a model back. Loading runs no code but that of registered names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.codec import TargetCodec
from medley.data.sources import Source
from medley.errors import ArtifactError, MedleyError
from medley.graph.graph import Graph, graph_from_json
from medley.graph.network import Network
from medley.model.encoding import source_nodes
from medley.model.forward import device_of
from medley.model.model import Model
from medley.model.pretrained import fetched
from medley.model.writing import DESCRIPTION, FORMAT, STATES, WEIGHTS
from medley.nn.backbone import blank
from medley.tables.view import TableView

if TYPE_CHECKING:
    import torch


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
        why = " It is a file; a model is a folder." if path.is_file() else ""
        if (path / "project.json").is_file():
            why = " It holds a search: see `medley describe`, or load a folder under its trials/."
        raise ArtifactError(f"{path} holds no whole model: {', '.join(missing)} missing.{why}")
    place = device_of(device)
    try:
        return _load(path, place)
    except MedleyError:
        raise
    except Exception as error:  # parts may make anything of values that they never wrote
        told = f"{path / DESCRIPTION} is damaged, or was written with other parts than are registered here"
        raise ArtifactError(f"{told}: {error!r}.") from error


def _load(path: Path, device: torch.device) -> Model:
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
    network = _network(graph, sources, targets, path, told.get("pretrained", ()))
    table = TableView.restore(told["table"]) if "table" in told else None
    return Model(graph, sources, targets, network, told["facts"], device, table)


def _network(
    graph: Graph,
    sources: list[Source],
    targets: Mapping[str, TargetCodec],
    path: Path,
    referenced: Sequence[Mapping[str, Any]],
) -> Network:
    from safetensors.torch import load_file

    with blank():
        network = Network(graph, {one.name: one.codec.spec for one in sources}, targets)
    weights = _read(lambda: load_file(path / WEIGHTS), path / WEIGHTS) | fetched(network, referenced, path)
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


def _join(codec: Any, told: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Any:
    own = {name[len(prefix) + 1 :]: one for name, one in arrays.items() if name.startswith(f"{prefix}/")}
    return codec.restore({**told, **own})
