"""Reading the parts of a saved model. It runs no code other than that of registered names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from medley.core.codec import TargetCodec
from medley.core.rules import Fields, Items, Json, Maybe, Named, StateRules, Text, require
from medley.core.serialization import join_arrays
from medley.data.restoring import restore_codec
from medley.data.sources import Source
from medley.errors import ArtifactError, MedleyError, as_artifact_error
from medley.graph.graph import Graph
from medley.graph.network import Network
from medley.graph.saved import graph_from_json
from medley.model.encoding import source_nodes
from medley.model.files import DESCRIPTION, STATES, TRUST, WEIGHTS, read_description
from medley.model.finite import check_finite
from medley.model.limits import Weights, limited_to
from medley.model.metadata import read_metadata
from medley.model.pretrained import fetch_referenced
from medley.nn.backbone import blank
from medley.tables.view import TableView
from medley.trust.fitting import complete_trust
from medley.trust.trust import Trust

Parts = tuple[
    Graph, list[Source], dict[str, TargetCodec], Network, dict[str, Any], torch.device, TableView | None, Trust
]
"""The arguments of a `Model`, in order."""

MOST_REFERENCED = 10**9
"""Numbers in pretrained weights that a saved model refers to: 4 GB."""

RULES = StateRules(
    graph=Json(depth=40),
    sources=Named(Json()),
    targets=Named(Json()),
    metadata=Json(depth=40),
    table=Maybe(Json()),
    trust=Maybe(Named(Json())),
    pretrained=Maybe(
        Items(Fields({"part": Text(), "name": Text(), "revision": Maybe(Text()), "checksum": Text()}), high=1_000)
    ),
)


def read_parts(path: Path, device: torch.device, *, accept: bool = False) -> Parts:
    """Reads what a model is made of.

    Args:
        path: the saved model.
        device: where the model will run.
        accept: whether files may have been changed since they were saved.

    Raises:
        ArtifactError: the directory holds no model, or a damaged one, or one of another format, or a file was changed.
        NotRegisteredError: it names a part that is not registered.
    """
    content, files = read_description(path, accept=accept)
    try:
        return _read_parts(content, files, device)
    except MedleyError as error:
        raise as_artifact_error(error).within(f"{path / DESCRIPTION} is damaged") from error.__cause__
    except Exception as error:  # parts may do anything with values that they never wrote
        reason = "is damaged, or was written with other parts than are registered here"
        raise ArtifactError(f"{path / DESCRIPTION} {reason}: {error!r:.500}.") from error


def _read_parts(content: Mapping[str, Any], files: Mapping[str, Path], device: torch.device) -> Parts:
    from safetensors.numpy import load_file as load_arrays

    values = RULES.read(content)
    graph = graph_from_json(values["graph"])
    arrays = _read(load_arrays, files[STATES])
    sources, targets = _codecs(graph, values, arrays)
    trust = Trust.restore(join_arrays(values[TRUST] or {}, TRUST, arrays), targets)
    metadata = read_metadata(values["metadata"], list(graph.heads))
    trust = complete_trust(trust, metadata)  # of a trial, if its search was killed
    table = None if values["table"] is None else TableView.restore(values["table"])
    if table is not None:
        table.check_names(graph.input_names, list(graph.heads))
    network = _network(graph, sources, targets, files[WEIGHTS], values["pretrained"] or ())
    return graph, sources, targets, network, metadata, device, table, trust


def _codecs(
    graph: Graph, values: Mapping[str, Any], arrays: Mapping[str, Any]
) -> tuple[list[Source], dict[str, TargetCodec]]:
    def state(role: str, name: str) -> dict[str, Any]:
        require(isinstance(values[role].get(name), Mapping), f"{role} must hold a state of {name!r}.")
        return join_arrays(values[role][name], f"{role}/{name}", arrays)

    sources = [
        Source(name, input_name, restore_codec(block.codec(), state("sources", name), name))
        for name, input_name, block in source_nodes(graph)
    ]
    targets = {name: restore_codec(head.codec(), state("targets", name), name) for name, head in graph.heads.items()}
    return sources, targets


def _network(
    graph: Graph,
    sources: list[Source],
    targets: Mapping[str, TargetCodec],
    weights_file: Path,
    references: Sequence[Mapping[str, Any]],
) -> Network:
    from safetensors.torch import load_file

    saved = Weights.of(weights_file)
    with blank(), limited_to(saved, MOST_REFERENCED if references else 0):
        network = Network(graph, {source.name: source.codec.spec for source in sources}, targets)
    weights = _read(load_file, weights_file) | fetch_referenced(network, references, weights_file.parent)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ArtifactError(f"{weights_file} does not fit the graph beside it: {error}") from error
    check_finite(network, weights_file)
    return network


def _read(reader: Callable[[Path], dict[str, Any]], path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError

    try:
        return reader(path)
    except SafetensorError as error:
        raise ArtifactError(f"{path} is damaged: {error}.") from error
