"""Reading the parts of a saved model. It runs no code other than that of registered names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medley.core.codec import TargetCodec
from medley.core.serialization import join_arrays
from medley.data.sources import Source
from medley.errors import ArtifactError, MedleyError
from medley.graph.graph import Graph, graph_from_json
from medley.graph.network import Network
from medley.model.encoding import source_nodes
from medley.model.files import DESCRIPTION, STATES, WEIGHTS, read_description
from medley.model.pretrained import fetch_referenced
from medley.nn.backbone import blank
from medley.tables.view import TableView

Parts = tuple[Graph, list[Source], dict[str, TargetCodec], Network, dict[str, Any], torch.device, TableView | None]
"""The arguments of a `Model`, in order."""


def read_parts(path: Path, device: torch.device) -> Parts:
    """Reads what a model is made of.

    Args:
        path: the saved model.
        device: where the model will run.

    Raises:
        ArtifactError: the directory holds no model, or a damaged one, or one of another format, or a file was changed.
        ConfigError: it names a part that is not registered.
    """
    try:
        return _read_parts(path, device)
    except MedleyError:
        raise
    except Exception as error:  # parts may do anything with values that they never wrote
        reason = "is damaged, or was written with other parts than are registered here"
        raise ArtifactError(f"{path / DESCRIPTION} {reason}: {error!r}.") from error


def _read_parts(path: Path, device: torch.device) -> Parts:
    from safetensors.numpy import load_file as load_arrays

    content, files = read_description(path)
    graph = graph_from_json(content["graph"])
    arrays = _read(load_arrays, files[STATES])
    sources = [
        Source(name, input_name, _restore(block.codec(), content["sources"][name], f"sources/{name}", arrays))
        for name, input_name, block in source_nodes(graph)
    ]
    targets: dict[str, TargetCodec] = {
        name: _restore(head.codec(), content["targets"][name], f"targets/{name}", arrays)
        for name, head in graph.heads.items()
    }
    network = _network(graph, sources, targets, files[WEIGHTS], content.get("pretrained", ()))
    table = TableView.restore(content["table"]) if "table" in content else None
    return graph, sources, targets, network, dict(content["metadata"]), device, table


def _network(
    graph: Graph,
    sources: list[Source],
    targets: Mapping[str, TargetCodec],
    weights_file: Path,
    references: Sequence[Mapping[str, Any]],
) -> Network:
    from safetensors.torch import load_file

    with blank():
        network = Network(graph, {source.name: source.codec.spec for source in sources}, targets)
    weights = _read(load_file, weights_file) | fetch_referenced(network, references, weights_file.parent)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(f"{weights_file} does not fit the graph beside it: {error}") from error
    return network


def _read(reader: Callable[[Path], dict[str, Any]], path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError

    try:
        return reader(path)
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged: {error}.") from error


def _restore(codec: Any, values: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Any:
    return codec.restore(join_arrays(values, prefix, arrays))
